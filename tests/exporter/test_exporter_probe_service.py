"""The prober against a remediator: enrolment, rounds, reports, and remediators that go away."""

import asyncio
import hashlib
import stat
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from exporter.clock import FakeClock, SystemClock
from exporter.errors import BadStart
from exporter.fakes import JOIN_TOKEN, TOKEN, FakeRemediator
from exporter.probe.assigned import clamp_interval
from exporter.probe.enrol import offered_token
from exporter.probe.flags import ProbeSettings
from exporter.probe.gateway import check_gateway, parse_default_gateway, parse_neighbour
from exporter.probe.outcome import Outcome
from exporter.probe.page import ProbePage
from exporter.probe.prober import Prober
from exporter.probe.schedule import phase
from exporter.probe.service import run_probe
from exporter.probe.wire import Assignment, Result, Target, merge_assignments
from tests.exporter.probe_lab import nobody

pytestmark = pytest.mark.slow


def target_of(port: int, host: str = "h1") -> dict[str, Any]:
    return {"host": host, "region": "arn", "rack": "r2", "address": "127.0.0.1", "port": port, "kind": "http"}


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def settings_for(urls: list[str], token_file: Path, join_token: str = JOIN_TOKEN) -> ProbeSettings:
    return ProbeSettings("p-r1", "arn", "r1", tuple(urls), token_file, join_token)


def build_prober() -> Prober:
    return Prober("p-r1", SystemClock(), lambda: "ok")


@asynccontextmanager
async def running(prober: Prober) -> AsyncIterator[None]:
    """Without any remediator."""
    task = asyncio.create_task(prober.run(lambda: None))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def count(prober: Prober, name: str, **labels: str) -> float:
    samples = [sample for family in prober.meters.families() for sample in family.samples]
    return next(sample.value for sample in samples if sample.name == name and sample.labels == labels)


@asynccontextmanager
async def probing(settings: ProbeSettings, prober: Prober) -> AsyncIterator[None]:
    task = asyncio.create_task(run_probe(settings, prober, "127.0.0.1:9115", SystemClock()))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_enrols_takes_targets_and_reports(tmp_path: Path, unused_port: int) -> None:
    token_file = tmp_path / "keys" / "token"
    async with FakeRemediator() as remediator:
        remediator.targets = [target_of(port_of(remediator.url)), target_of(unused_port, "h2")]
        async with probing(settings_for([remediator.url], token_file), build_prober()):
            await remediator.wait_for(lambda: any(len(report["results"]) == 2 for report in remediator.reports))
    report = remediator.reports[-1]
    assert report["address"] == "127.0.0.1:9115"
    assert (report["vantage"], report["region"], report["rack"]) == ("p-r1", "arn", "r1")
    assert report["health"]["gateway"] == "ok"
    assert {one["host"]: one["outcome"] for one in report["results"]} == {"h1": "ok", "h2": "refused"}
    assert all(0 <= one["age_seconds"] < 1 for one in report["results"])
    (join,) = remediator.joins
    assert len(join.pop("token_digest")) == 64
    assert join == {"token": JOIN_TOKEN, "kind": "vantage", "name": "p-r1", "region": "arn", "rack": "r1"}
    # Of a remediator of before, which makes it itself.
    assert token_file.read_text() == f"{TOKEN}\n"
    assert [path.name for path in token_file.parent.iterdir()] == ["token"]
    assert stat.S_IMODE(token_file.stat().st_mode) == 0o600


async def test_a_join_whose_answer_was_lost_offers_the_same_again(tmp_path: Path) -> None:
    own = offered_token(tmp_path / "token")
    async with FakeRemediator() as remediator:
        remediator.grants = ""
        async with probing(settings_for([remediator.url], tmp_path / "token"), build_prober()):
            await remediator.wait_for(lambda: bool(remediator.reports))
    assert remediator.joins[0]["token_digest"] == hashlib.sha256(own.encode()).hexdigest()
    assert (tmp_path / "token").read_text() == f"{own}\n"


async def test_a_kept_token_needs_no_enrolment(tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN)
    async with (
        FakeRemediator() as remediator,
        probing(settings_for([remediator.url], token_file, ""), build_prober()),
    ):
        await remediator.wait_for(lambda: len(remediator.reports) > 2)
    assert remediator.joins == []


async def test_a_refused_join_is_final(tmp_path: Path) -> None:
    async with FakeRemediator() as remediator:
        settings = settings_for([remediator.url], tmp_path / "token", "wrong-secret")
        with pytest.raises(BadStart, match="refused the join token") as error:
            await run_probe(settings, build_prober(), "127.0.0.1:9115", SystemClock())
    assert "wrong-secret" not in str(error.value)


async def test_targets_are_kept_while_one_remediator_is_away(tmp_path: Path, unused_port: int) -> None:
    prober = build_prober()
    away = f"http://127.0.0.1:{unused_port}"
    async with FakeRemediator() as remediator:
        remediator.targets = [target_of(unused_port)]
        settings = settings_for([away, remediator.url], tmp_path / "token")
        async with probing(settings, prober):
            await remediator.wait_for(lambda: len(prober.watch.fresh_results()) == 1)
            remediator.status = 500
            await asyncio.sleep(0.3)
            before = len(remediator.reports)
            await remediator.wait_for(lambda: len(remediator.reports) > before)
            assert [one.target.host for one in prober.watch.fresh_results()] == ["h1"]


async def test_a_round_asks_each_target_once() -> None:
    async with FakeRemediator() as remediator:
        port = port_of(remediator.url)
        targets = tuple(Target(f"h{number}", "127.0.0.1", port) for number in range(50))
        prober = build_prober()
        prober.assign(Assignment(targets, 1.0, 0.8))
        async with running(prober):
            await asyncio.sleep(1.2)
        assert {one.outcome for one in prober.watch.fresh_results()} == {Outcome.OK}
        assert count(prober, "probe_vantage_probes_total", outcome="ok") in range(50, 75)


def test_the_page_forgets_results_that_are_old() -> None:
    clock = FakeClock()
    prober = Prober("p-r1", clock, lambda: "silent")
    target = Target("h1", "10.0.0.1", 80, "arn", "r1")
    prober.assign(Assignment((target,), 1.0, 0.8))
    prober.watch.keep(Result(target, Outcome.SILENT, 0.8, clock.monotonic()))
    samples = {
        (one.name, one.labels.get("outcome", "")): one.value
        for family in ProbePage(prober, clock).read()
        for one in family.samples
    }
    assert samples["probe_silent", ""] == 1
    assert samples["probe_success", ""] == 0
    assert samples["probe_outcome", "silent"] == 1
    assert sum(value for (name, _), value in samples.items() if name == "probe_outcome") == 1
    began = clock.now()
    clock.move(60)
    names = {one.name: one.value for family in ProbePage(prober, clock).read() for one in family.samples}
    assert "probe_success" not in names
    assert names["probe_vantage_heartbeat_timestamp_seconds"] == began


def test_assignments_of_several_remediators_are_joined() -> None:
    first = Assignment((Target("h1", "10.0.0.1", 80),), 1.0, 0.8)
    second = Assignment((Target("h1", "10.9.9.9", 80), Target("h2", "10.0.0.2", 80)), 2.0, 0.5)
    merged = merge_assignments([first, second])
    assert {one.host: one.address for one in merged.targets} == {"h1": "10.0.0.1", "h2": "10.0.0.2"}
    assert merged.interval_seconds == 1.0
    assert merge_assignments([]) == Assignment()


def test_no_assignment_makes_a_busy_loop() -> None:
    assert clamp_interval(Assignment((), 0.0, 0.0)) == 0.05


def test_targets_are_spread_steadily() -> None:
    phases = {phase("p-r1", f"h{number}") for number in range(100)}
    assert len(phases) > 90
    assert all(0 <= one < 1 for one in phases)


ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00004D0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
eth0\t00000000\t01004D0A\t0003\t0\t0\t0\t00000000\t0\t0\t0
"""
NEIGHBOURS = """IP address       HW type     Flags       HW address            Mask     Device
10.77.0.1        0x1         0x2         02:fc:00:00:00:01     *        eth0
10.77.0.9        0x1         0x0         00:00:00:00:00:00     *        eth0
"""


def test_gateway_and_its_neighbour_entry() -> None:
    assert parse_default_gateway(ROUTES) == "10.77.0.1"
    assert parse_default_gateway(ROUTES.replace("00000000\t01004D0A", "00000001\t01004D0A")) == ""
    assert parse_neighbour(NEIGHBOURS, "10.77.0.1") is True
    assert parse_neighbour(NEIGHBOURS, "10.77.0.9") is False
    assert parse_neighbour(NEIGHBOURS, "10.77.0.8") is None


def test_no_default_route_is_nothing_to_lose(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "route").write_text(ROUTES.rpartition("eth0")[0])
    assert check_gateway(tmp_path) == "ok"


def test_gateway_check_without_a_network_tree_is_an_error_of_ours(tmp_path: Path) -> None:
    assert check_gateway(tmp_path) == "error"


async def test_every_outcome_is_reported_once(tmp_path: Path, unused_port: int) -> None:
    prober = build_prober()
    async with FakeRemediator() as remediator:
        remediator.targets = [target_of(unused_port), target_of(port_of(remediator.url), "h2")]
        async with probing(settings_for([remediator.url], tmp_path / "token"), prober):
            await remediator.wait_for(lambda: len(remediator.reports) > 12)
    reported = Counter(one["outcome"] for report in remediator.reports for one in report["results"])
    for outcome in ("refused", "ok"):
        probes = count(prober, "probe_vantage_probes_total", outcome=outcome)
        assert probes - 3 <= reported[outcome] <= probes


async def test_a_change_is_reported_before_the_round_ends(tmp_path: Path) -> None:
    """With a round of two seconds, and a target that falls silent in it."""
    async with FakeRemediator(interval=2.0, timeout=0.2) as remediator, nobody() as silent:
        remediator.targets = [target_of(silent)]
        async with probing(settings_for([remediator.url], tmp_path / "token"), build_prober()):
            await remediator.wait_for(lambda: any(report["results"] for report in remediator.reports))
    result = next(report["results"][0] for report in remediator.reports if report["results"])
    assert result["outcome"] == "silent"
    assert result["age_seconds"] < 0.5
