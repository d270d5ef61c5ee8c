"""The pace of tenants' tokens."""

from pathlib import Path

from remediator.api.tenants.limits import MOST, Limiter
from remediator.settings import RateLimits
from tests.remediator.api.tenants_town import OPERATOR, opened_town

ONE, TWO = "/v1/apps/web/machines/a1", "/v1/apps/web/machines/a2"


async def test_a_tenant_s_token_is_slowed_down_for_each_action_on_each_machine(tmp_path: Path) -> None:
    async with opened_town(tmp_path, limits=RateLimits()) as town:
        mine, other = await town.token("mine"), await town.token("other")
        events = [(await town.get(mine, f"{ONE}/events"))[0] for _ in range(4)]
        assert events == [200, 200, 200, 429]
        # Another machine, another action, another token: each has a pace of its own.
        assert (await town.get(mine, f"{TWO}/events"))[0] == 200
        assert [(await town.get(mine, ONE))[0] for _ in range(11)] == [200] * 10 + [429]
        assert (await town.get(other, f"{ONE}/events"))[0] == 200
        assert {(await town.get(OPERATOR, f"{ONE}/events"))[0] for _ in range(20)} == {200}
        town.lab.wait(1)
        assert [(await town.get(mine, f"{ONE}/events"))[0] for _ in range(2)] == [200, 429]


async def test_who_is_too_fast_is_told_when_to_come_again(tmp_path: Path) -> None:
    async with opened_town(tmp_path, limits=RateLimits(per_second=0.25, burst=1)) as town:
        headers = {"Authorization": f"Bearer {await town.token('mine')}"}
        await town.client.get(f"{ONE}/events", headers=headers)
        async with town.client.get(f"{ONE}/events", headers=headers) as response:
            assert (response.status, response.headers["Retry-After"]) == (429, "4")
            assert (await response.json())["status"] == "rate_limited"


def test_buckets_are_bounded_and_fill_again() -> None:
    now = 0.0
    limiter = Limiter(RateLimits(), lambda: now)
    assert [limiter.wait("t", "machines.stop", "a1") for _ in range(4)] == [0, 0, 0, 1.0]
    for number in range(MOST):
        limiter.wait("t", "machines.stop", f"x{number}")
    assert len(limiter) == MOST
    now = 1000.0
    assert [limiter.wait("t", "machines.stop", "x5") for _ in range(4)] == [0, 0, 0, 1.0]


def test_apps_are_deleted_a_hundred_a_minute_whichever_they_are() -> None:
    limiter = Limiter(RateLimits(), lambda: 0.0)
    waits = [limiter.wait("t", "apps.delete", f"app{number}") for number in range(101)]
    assert (sum(waits[:100]), round(waits[100], 3)) == (0, 0.6)
    assert Limiter(RateLimits(enabled=False), lambda: 0.0).wait("t", "apps.delete", "x") == 0
