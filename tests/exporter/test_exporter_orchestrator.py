"""The orchestrator's page: what is counted, what is 0, and what is absent."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from prometheus_client.metrics_core import Metric

from exporter.clock import FakeClock
from exporter.errors import NoData
from exporter.families import gauges
from exporter.kit import Kit
from exporter.orchestrator.collector import Orchestrator
from exporter.orchestrator.feed import Fetch, build_fetch
from exporter.orchestrator.state import parse_answer
from exporter.orchestrator.table import build_everything, build_table
from exporter.orchestrator.trim import trim
from exporter.render import render_text

NOW = FakeClock().now()


class Remediator:
    """Answers as a remediator of the version before does, whole, from a dictionary; ``away`` refuses."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state
        self.asked: list[str] = []
        self.away = False

    def fetch(self, path: str) -> bytes:
        self.asked.append(path)
        if self.away:
            raise ConnectionRefusedError
        if f"since={self.state['sequence']}&" in path:
            return json.dumps({"sequence": self.state["sequence"], "unchanged": True}).encode()
        return json.dumps(self.state).encode()


def samples(families: Sequence[Metric]) -> dict[str, float]:
    """Values by a series' text: name{label="value",…}, labels in the order of their names."""
    return {
        one.name + "{" + ",".join(f"{name}={value}" for name, value in sorted(one.labels.items())) + "}": one.value
        for family in families
        for one in family.samples
    }


class Page:
    """The orchestrator's page with everything on, over a fetch; each look at it is some seconds later."""

    def __init__(self, fetch: Fetch) -> None:
        self.clock = FakeClock()
        self._read: Callable[[], list[Metric]] = build_everything(Orchestrator(fetch, self.clock))

    def read(self, after: float = 0.0) -> dict[str, float]:
        self.clock.move(after)
        return samples(self._read())


@pytest.fixture(scope="module")
def page(full_state: dict[str, Any]) -> dict[str, float]:
    return Page(Remediator(full_state).fetch).read()


@pytest.mark.parametrize(
    ("series", "value"),
    [
        ("fleetmend_orchestrator_up{}", 1),
        ("host_inventory_info{host=h2,provider=local,rack=r2,region=arn,role=worker}", 1),
        ("fleetmend_host_status{host=h2,rack=r2,region=arn,status=unreachable}", 1),
        ("fleetmend_host_status{host=h2,rack=r2,region=arn,status=ok}", 0),
        ("fleetmend_host_life{host=h1,life=healthy,rack=r1,region=arn}", 1),
        ("fleetmend_host_life{host=h1,life=probation,rack=r1,region=arn}", 0),
        ("fleetmend_host_cordoned{host=h2,rack=r2,region=arn}", 1),
        ("fleetmend_hosts{region=arn,status=unreachable}", 1),
        ("fleetmend_hosts{region=fra,status=unknown}", 0),
        ("fleetmend_machines{app=web,host=h1,region=arn,state=started}", 2),
        ("fleetmend_machines_recovery{recovery=held,region=arn}", 1),
        ("fleetmend_machines_recovery{recovery=serving,region=fra}", 0),
        ("fleetmend_machines_routable{app=web,region=arn}", 1),
        ("fleetmend_machine_info{app=web,host=h1,machine=m2,region=arn,state=started}", 1),
        ("fleetmend_volumes{host=h2,region=arn,state=created}", 1),
        ("fleetmend_host_volumes_size_bytes{host=h2,region=arn}", 1048576),
        ("fleetmend_host_volumes_used_bytes{host=h2,region=arn}", 9),
        ("fleetmend_app_volumes_size_bytes{app=db,region=arn}", 2 * 1048576),
        ("fleetmend_app_volumes_used_bytes{app=db,region=arn}", 9),
        ("fleetmend_volumes_without_snapshot{region=arn}", 1),
        ("fleetmend_snapshot_age_seconds{app=db,region=arn}", 60),
        ("fleetmend_volume_size_bytes{app=db,host=h2,region=arn,volume=v1}", 1048576),
        ("fleetmend_volume_used_bytes{app=db,host=h2,region=arn,volume=v1}", 9),
        ("fleetmend_volume_snapshot_age_seconds{app=db,host=h2,region=arn,volume=v1}", 60),
        ("fleetmend_region_capacity_cpus{region=arn}", 8),
        ("fleetmend_region_capacity_memory_bytes{region=fra}", 0),
        ("fleetmend_region_free_cpus{region=arn}", 1.5),
        ("fleetmend_region_free_disk_bytes{region=arn}", 512 * 1048576),
        ("fleetmend_region_largest_free_cpus{region=arn}", 1.5),
        ("fleetmend_region_largest_free_memory_bytes{region=arn}", 1024 * 1048576),
        ("fleetmend_region_largest_free_disk_bytes{region=fra}", 0),
        ("fleetmend_placement_requests_total{region=arn}", 12),
        ("fleetmend_placement_requests_total{region=fra}", 0),
        ("fleetmend_placement_failures_total{reason=memory,region=arn}", 2),
        ("fleetmend_placement_unmet{region=arn}", 3),
        ("fleetmend_placement_unmet{region=fra}", 0),
        ("fleetmend_api_requests_total{code=500,operation=machines.list,version=0.1.0}", 1),
        ("fleetmend_api_request_duration_seconds_count{operation=machines.list,version=0.1.0}", 11),
        ("fleetmend_api_request_duration_seconds_sum{operation=machines.list,version=0.1.0}", 0.75),
        ("fleetmend_api_request_duration_seconds_bucket{le=+Inf,operation=machines.list,version=0.1.0}", 11),
        ("fleetmend_deploy_timestamp_seconds{version=0.1.0}", NOW - 5),
        ("fleetmend_destroy_backlog{host=h2,region=arn}", 2),
        ("fleetmend_destroy_backlog{host=h1,region=arn}", 0),
        ("fleetmend_destroy_oldest_age_seconds{host=h2,region=arn}", 30),
        ("fleetmend_destroy_oldest_age_seconds{host=h1,region=arn}", 0),
        ("fleetmend_undead_machines{host=h1,region=arn}", 1),
        ("fleetmend_undead_seconds_total{host=h1,region=arn}", 4.5),
        ("fleetmend_undead_seconds_total{host=h2,region=arn}", 0),
        ("fleetmend_migrations{region=arn,state=copying}", 1),
        ("fleetmend_bursts{region=arn,state=wanted}", 1),
        ("fleetmend_bursts{region=fra,state=wanted}", 0),
        ("fleetmend_lent_host_idle_since_seconds{host=arn-burst1-1,region=arn}", 1700000000.5),
        ("fleetmend_lent_host_awaited_since_seconds{host=arn-burst1-1,region=arn}", 0),
        ("fleetmend_lent_host_awaited_since_seconds{host=arn-burst1-2,region=arn}", 1700000100),
    ],
)
def test_series(page: dict[str, float], series: str, value: float) -> None:
    assert page[series] == value


def test_a_volume_without_a_snapshot_has_no_age(page: dict[str, float]) -> None:
    assert "fleetmend_volume_snapshot_age_seconds{app=db,host=h1,region=arn,volume=v2}" not in page


def test_an_unchanged_state_is_kept_but_its_ages_grow(full_state: dict[str, Any]) -> None:
    remediator = Remediator(full_state)
    page = Page(remediator.fetch)
    first, second = page.read(), page.read(after=15)
    assert remediator.asked == ["/internal/state?since=0&incarnation=", "/internal/state?since=7&incarnation="]
    assert set(first) == set(second)
    assert second["fleetmend_snapshot_age_seconds{app=db,region=arn}"] == 75
    assert second["fleetmend_destroy_oldest_age_seconds{host=h2,region=arn}"] == 45


def test_a_whole_answer_replaces_all_of_the_old_one(full_state: dict[str, Any]) -> None:
    remediator = Remediator(full_state)
    page = Page(remediator.fetch)
    page.read()
    remediator.state = full_state | {"sequence": 8, "machines": []}
    assert not [name for name in page.read(after=1) if name.startswith("fleetmend_machines{")]


def test_without_a_remediator_nothing_old_is_said(full_state: dict[str, Any]) -> None:
    remediator = Remediator(full_state)
    page = Page(remediator.fetch)
    page.read()
    remediator.away = True
    assert page.read(after=1) == {"fleetmend_orchestrator_up{}": 0}
    remediator.away = False
    assert page.read(after=1)["fleetmend_orchestrator_up{}"] == 1
    # It may be another one: one of the version before has no name to tell it by.
    assert remediator.asked[-1] == "/internal/state?since=0&incarnation="


def test_a_remediator_that_is_away_is_asked_once_for_all_collectors() -> None:
    remediator = Remediator({})
    remediator.away = True
    Page(remediator.fetch).read()
    assert len(remediator.asked) == 1


def test_nothing_is_counted_for_a_collector_that_is_not_asked(full_state: dict[str, Any]) -> None:
    clock = FakeClock()
    table = {entry.name: entry for entry in build_table(Orchestrator(Remediator(full_state).fetch, clock))}
    assert [name for name, entry in table.items() if not entry.default] == ["machines", "volumes"]
    alone = samples(list(table["volumes"].build(Kit())()))
    assert {name.partition("{")[0] for name in alone} == {
        "fleetmend_volume_size_bytes", "fleetmend_volume_used_bytes", "fleetmend_volume_snapshot_age_seconds",
    }  # fmt: skip


def test_collectors_have_no_data_while_the_remediator_is_away() -> None:
    remediator = Remediator({})
    remediator.away = True
    table = build_table(Orchestrator(remediator.fetch, FakeClock()))
    with pytest.raises(NoData):
        table[1].build(Kit())()


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"sequence": "x"}', b'{"sequence":1,"hosts":[{}]}', b'{"later":' + b"[" * 9_999]
)
def test_a_body_that_is_no_state_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError, match="state"):
        parse_answer(body)


def test_unchanged_to_one_who_has_nothing_is_no_state() -> None:
    assert Page(lambda _path: b'{"sequence": 3, "unchanged": true}').read() == {"fleetmend_orchestrator_up{}": 0}


def test_pages_without_end_are_given_up() -> None:
    endless = b'{"sequence": 3, "incarnation": "a.1", "more": true}'
    assert Page(lambda _path: endless).read() == {"fleetmend_orchestrator_up{}": 0}


def test_a_remediator_that_is_not_there(unused_port: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        build_fetch(f"http://127.0.0.1:{unused_port}")("/internal/state")


def large(name: str, count: int) -> Metric:
    return gauges(name, "Many.", ("machine",), [((f"m{number:06d}",), 1.0) for number in range(count)])


def test_a_page_over_its_limit_loses_its_largest_detail_and_says_so() -> None:
    families = [large("fleetmend_machine_info", 5_000), large("fleetmend_machines", 5_000), large("up", 10)]
    whole = len(render_text(families))
    kept = trim(families, whole - 10_000)
    assert len(render_text(kept)) < whole - 10_000
    told = samples(kept)
    assert told["fleetmend_orchestrator_dropped_samples{family=fleetmend_machine_info}"] == 5_000
    assert told["fleetmend_orchestrator_dropped_samples{family=fleetmend_machines}"] == 0
    assert [one.name for one in kept] == ["fleetmend_machines", "fleetmend_orchestrator_dropped_samples", "up"]


def test_a_page_that_stays_too_large_loses_its_counts_too() -> None:
    families = [large("fleetmend_machine_info", 2_000), large("fleetmend_machines", 2_000), large("up", 10)]
    assert "fleetmend_machines" not in {one.name for one in trim(families, 70_000)}


def test_a_page_within_its_limit_keeps_everything() -> None:
    families = [large("fleetmend_machine_info", 100), large("up", 10)]
    told = samples(trim(families, 1 << 20))
    assert told["fleetmend_orchestrator_dropped_samples{family=fleetmend_machine_info}"] == 0
    assert len(told) == 111
