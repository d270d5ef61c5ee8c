"""Users, passwords and rates: who gets the page, how often, and what it costs the others."""

import asyncio
import base64
import statistics
import time
from pathlib import Path

import bcrypt
import pytest

from exporter.clock import FakeClock
from exporter.web.config import RateLimit
from exporter.web.limiter import Limiter
from exporter.web.live import LiveConfig
from exporter.web.users import MOST_REMEMBERED, MOST_WAITING, Passwords, TooBusy, never_matching, parse_credentials
from tests.exporter.web_lab import FakeCollect, hashed, serving

pytestmark = pytest.mark.slow


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("Basic YTpiOmM=", (b"a", b"b:c")),
        ("basic YTo=", (b"a", b"")),
        ("BASIC Og==", (b"", b"")),
        ("Basic w6k6w7w=", ("é".encode(), "ü".encode())),
        ("Basic YQ==", None),
        ("Basic !!!!", None),
        ("Basic YTpi x", None),
        ("Basic é", None),
        ("Bearer YTpi", None),
        ("Basic", None),
        ("", None),
    ],
)
def test_credentials(header: str, found: tuple[bytes, bytes] | None) -> None:
    assert parse_credentials(header) == found


async def test_right_wrong_unknown_and_none(tmp_path: Path) -> None:
    path = tmp_path / "web.yml"
    path.write_text(f"basic_auth_users: {{alice: {hashed('swordfish')}, bob: {hashed('été')}}}")
    async with serving(FakeCollect(), config_file=path) as site:
        pairs = [
            ("alice", "swordfish"),
            ("alice", "swordfish"),
            ("bob", "été"),
            ("alice", "sword"),
            ("alice", "sword"),
        ]
        pairs += [("bob", "swordfish"), ("eve", "swordfish")]
        statuses = [(await site.get(headers=basic(*pair))).status for pair in pairs]
        nobody = await site.get()
        healthz = await site.get("/healthz")
        landing = await site.get("/", basic("alice", "swordfish"))
    assert statuses == [200, 200, 200, 401, 401, 401, 401]
    assert nobody.status == 401
    assert nobody.headers["www-authenticate"] == 'Basic realm="fleetmend-exporter"'
    assert (healthz.status, landing.status) == (401, 200)


async def test_users_change_while_it_runs(tmp_path: Path) -> None:
    path = tmp_path / "web.yml"
    path.write_text(f"basic_auth_users: {{alice: {hashed('old')}}}")
    async with serving(FakeCollect(), config_file=path) as site:
        assert (await site.get(headers=basic("alice", "old"))).status == 200
        path.write_text(f"basic_auth_users: {{alice: {hashed('new')}, bob: {hashed('b')}}}")
        statuses = [
            (await site.get(headers=basic(*pair))).status
            for pair in (("alice", "old"), ("alice", "new"), ("bob", "b"))
        ]
        path.write_text(f"basic_auth_users: {{bob: {hashed('b')}}}")
        gone = await site.get(headers=basic("alice", "new"))
    assert statuses == [401, 200, 200]
    assert gone.status == 401


async def test_headers_of_the_file_on_every_answer(tmp_path: Path) -> None:
    path = tmp_path / "web.yml"
    path.write_text(
        "http_server_config: {headers: {X-Frame-Options: sameorigin, Strict-Transport-Security: max-age=9}}\n"
        f"basic_auth_users: {{alice: {hashed('swordfish')}}}"
    )
    async with serving(FakeCollect(), config_file=path) as site:
        refused = await site.get()
        landing = await site.get("/", basic("alice", "swordfish"))
    assert refused.headers["strict-transport-security"] == landing.headers["strict-transport-security"] == "max-age=9"
    # The file's word goes before our own.
    assert landing.headers["x-frame-options"] == "sameorigin"


@pytest.mark.parametrize(("password", "right"), [(b"swordfish", True), (b"codfish", False)])
async def test_a_password_is_checked_once_and_not_kept(password: bytes, right: bool) -> None:
    users, passwords = {b"alice": bcrypt.hashpw(b"swordfish", bcrypt.gensalt(10))}, Passwords()
    # Work, not time: whoever else runs does not count.
    began = time.process_time()
    assert await passwords.allow(users, (b"alice", password)) is right
    first = time.process_time() - began
    began = time.process_time()
    assert {await passwords.allow(users, (b"alice", password)) for _ in range(10)} == {right}
    assert (time.process_time() - began) / 10 < first / 50
    assert password.decode() not in repr(vars(passwords))


async def test_checks_do_not_hold_up_the_loop() -> None:
    users, passwords = {b"alice": bcrypt.hashpw(b"swordfish", bcrypt.gensalt(12))}, Passwords()
    checks = [asyncio.create_task(passwords.allow(users, (b"alice", b"%d" % number))) for number in range(2)]
    longest, last = 0.0, time.perf_counter()
    while not all(check.done() for check in checks):  # the loop's own delays are what is measured
        await asyncio.sleep(0.001)
        longest, last = max(longest, time.perf_counter() - last), time.perf_counter()
    assert longest < 0.14


async def test_the_same_password_at_the_same_time_is_one_check() -> None:
    users, passwords = {b"alice": bcrypt.hashpw(b"swordfish", bcrypt.gensalt(9))}, Passwords()
    assert (
        await asyncio.gather(*[passwords.allow(users, (b"alice", b"swordfish")) for _ in range(200)]) == [True] * 200
    )


async def test_a_flood_of_guesses_is_refused_and_pushes_no_right_password_out() -> None:
    users, passwords = {b"alice": hashed("swordfish").encode()}, Passwords()
    assert await passwords.allow(users, (b"alice", b"swordfish"))
    guesses = [passwords.allow(users, (b"alice", b"%d" % number)) for number in range(MOST_WAITING * 2)]
    answers = await asyncio.gather(*guesses, return_exceptions=True)
    assert sum(isinstance(answer, TooBusy) for answer in answers) == MOST_WAITING
    for number in range(MOST_REMEMBERED * 2):
        assert not await passwords.allow(users, (b"alice", b"guess%d" % number))
    assert len(passwords._right) == 1
    assert len(passwords._wrong) == MOST_REMEMBERED


async def test_an_unknown_user_costs_as_much_as_a_wrong_password() -> None:
    users = {b"alice": bcrypt.hashpw(b"swordfish", bcrypt.gensalt(9))}
    passwords = Passwords()
    costs: dict[bytes, list[float]] = {b"alice": [], b"eve": []}
    for number in range(7):
        for user, found in costs.items():
            began = time.process_time()
            assert not await passwords.allow(users, (user, b"%d" % number))
            found.append(time.process_time() - began)
    known, unknown = (statistics.median(found) for found in costs.values())
    assert 0.4 < known / unknown < 2.5
    assert bcrypt.checkpw(b"", never_matching(users)) is False


async def test_long_passwords_as_in_go() -> None:
    users = {b"alice": hashed("x" * 72).encode()}
    assert await Passwords().allow(users, (b"alice", b"x" * 100))
    assert not await Passwords().allow(users, (b"alice", b"x" * 71))


def test_a_token_bucket() -> None:
    limiter = Limiter(RateLimit(interval=2.0, burst=3), 100.0)
    assert [limiter.allow(100.0) for _ in range(4)] == [True, True, True, False]
    assert [limiter.allow(moment) for moment in (101.9, 102.0, 102.1, 104.0)] == [False, True, False, True]
    assert [limiter.allow(1000.0) for _ in range(4)] == [True, True, True, False]
    assert not limiter.allow(999.0)
    assert all(Limiter(RateLimit(), 0.0).allow(0.0) for _ in range(100))


async def test_more_requests_than_the_rate_are_refused_before_all_else(tmp_path: Path) -> None:
    path = tmp_path / "web.yml"
    path.write_text("rate_limit: {interval: 1h, burst: 2}")
    async with serving(FakeCollect(), config_file=path) as site:
        statuses = [(await site.get()).status for _ in range(3)]
        path.write_text("rate_limit: {interval: 1h, burst: 1}")
        statuses += [(await site.get()).status for _ in range(2)]
        path.write_text("rate_limit: {interval: 0, burst: 0}")
        statuses += [(await site.get()).status]
    assert statuses == [200, 200, 429, 200, 429, 200]


async def test_the_page_says_how_it_stands_with_the_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, clock = tmp_path / "web.yml", FakeClock()
    path.write_text("rate_limit: {interval: 1h, burst: 2}")
    live = LiveConfig(path, clock)
    await live.newest()

    def values() -> list[float]:
        return [family.samples[0].value for family in live.read()]

    assert values() == [1.0, clock.now()]
    clock.move(60)
    path.write_text("rate_limit: {interval: 1h, burst: 0}")
    for _ in range(3):
        await live.newest()
    assert values() == [0.0, clock.now() - 60]
    assert caplog.text.count("rate_limit.burst: must be at least 1") == 1
    path.write_text("rate_limit: {interval: 1h, burst: 3}")
    assert (await live.newest()).config.limit.burst == 3
    assert values() == [1.0, clock.now()]
    assert "good again" in caplog.text
