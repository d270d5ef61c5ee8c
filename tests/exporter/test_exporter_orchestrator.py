"""The orchestrator's page: what is counted, what is 0, and what is absent."""

import json
from typing import Any

import pytest
from prometheus_client.metrics_core import Metric

from exporter.clock import FakeClock
from exporter.orchestrator.collector import Orchestrator, build_fetch
from exporter.orchestrator.state import parse_state

NOW = FakeClock().now()


class Remediator:
    """Answers as the remediator does, from a dictionary; ``away`` refuses."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state
        self.asked: list[str] = []
        self.away = False

    def fetch(self, path: str) -> bytes:
        self.asked.append(path)
        if self.away:
            raise ConnectionRefusedError
        if path.endswith(f"since={self.state['sequence']}"):
            return json.dumps({"sequence": self.state["sequence"], "unchanged": True}).encode()
        return json.dumps(self.state).encode()


def samples(families: list[Metric]) -> dict[str, float]:
    """Values by a series' text: name{label="value",…}."""
    return {
        one.name + "{" + ",".join(f"{name}={value}" for name, value in one.labels.items()) + "}": one.value
        for family in families
        for one in family.samples
    }


@pytest.fixture(scope="module")
def page(full_state: dict[str, Any]) -> dict[str, float]:
    return samples(Orchestrator(Remediator(full_state).fetch, FakeClock()).read())


@pytest.mark.parametrize(
    ("series", "value"),
    [
        ("fleetmend_orchestrator_up{}", 1),
        ("host_inventory_info{host=h2,region=arn,rack=r2,role=worker,provider=local}", 1),
        ("fleetmend_host_status{host=h2,region=arn,rack=r2,status=unreachable}", 1),
        ("fleetmend_host_status{host=h2,region=arn,rack=r2,status=ok}", 0),
        ("fleetmend_host_life{host=h1,region=arn,rack=r1,life=healthy}", 1),
        ("fleetmend_host_life{host=h1,region=arn,rack=r1,life=probation}", 0),
        ("fleetmend_host_cordoned{host=h2,region=arn,rack=r2}", 1),
        ("fleetmend_hosts{region=arn,status=unreachable}", 1),
        ("fleetmend_hosts{region=fra,status=unknown}", 0),
        ("fleetmend_machines{host=h1,region=arn,app=web,state=started}", 2),
        ("fleetmend_machines_recovery{region=arn,recovery=held}", 1),
        ("fleetmend_machines_recovery{region=fra,recovery=serving}", 0),
        ("fleetmend_machines_routable{region=arn,app=web}", 1),
        ("fleetmend_volumes{host=h2,region=arn,state=created}", 1),
        ("fleetmend_volume_size_bytes{volume=v1,host=h2,region=arn}", 1048576),
        ("fleetmend_volume_used_bytes{volume=v1,host=h2,region=arn}", 9),
        ("fleetmend_snapshot_age_seconds{volume=v1,region=arn}", 60),
        ("fleetmend_region_capacity_cpus{region=arn}", 8),
        ("fleetmend_region_capacity_memory_bytes{region=fra}", 0),
        ("fleetmend_region_free_cpus{region=arn}", 1.5),
        ("fleetmend_region_free_disk_bytes{region=arn}", 512 * 1048576),
        ("fleetmend_region_largest_free_memory_bytes{region=arn}", 1024 * 1048576),
        ("fleetmend_region_largest_free_disk_bytes{region=fra}", 0),
        ("fleetmend_placement_requests_total{region=arn}", 12),
        ("fleetmend_placement_requests_total{region=fra}", 0),
        ("fleetmend_placement_failures_total{region=arn,reason=memory}", 2),
        ("fleetmend_placement_unmet{region=arn}", 3),
        ("fleetmend_placement_unmet{region=fra}", 0),
        ("fleetmend_api_requests_total{operation=machines.list,version=0.1.0,code=500}", 1),
        ("fleetmend_api_request_duration_seconds_count{operation=machines.list,version=0.1.0}", 11),
        ("fleetmend_api_request_duration_seconds_sum{operation=machines.list,version=0.1.0}", 0.75),
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
    ],
)
def test_series(page: dict[str, float], series: str, value: float) -> None:
    assert page[series] == value


def test_a_volume_without_a_snapshot_has_no_age(page: dict[str, float]) -> None:
    assert "fleetmend_snapshot_age_seconds{volume=v2,region=arn}" not in page


def test_an_unchanged_state_is_kept_but_its_ages_grow(full_state: dict[str, Any]) -> None:
    remediator, clock = Remediator(full_state), FakeClock()
    orchestrator = Orchestrator(remediator.fetch, clock)
    first = samples(orchestrator.read())
    clock.move(15)
    second = samples(orchestrator.read())
    assert remediator.asked == ["/internal/state", "/internal/state?since=7"]
    assert set(first) == set(second)
    assert second["fleetmend_snapshot_age_seconds{volume=v1,region=arn}"] == 75
    assert second["fleetmend_destroy_oldest_age_seconds{host=h2,region=arn}"] == 45


def test_a_changed_state_replaces_all_of_the_old_one(full_state: dict[str, Any]) -> None:
    remediator = Remediator(full_state)
    orchestrator = Orchestrator(remediator.fetch, FakeClock())
    orchestrator.read()
    remediator.state = full_state | {"sequence": 8, "machines": []}
    assert not [name for name in samples(orchestrator.read()) if name.startswith("fleetmend_machines{")]


def test_without_a_remediator_nothing_old_is_said(full_state: dict[str, Any]) -> None:
    remediator = Remediator(full_state)
    orchestrator = Orchestrator(remediator.fetch, FakeClock())
    orchestrator.read()
    remediator.away = True
    assert samples(orchestrator.read()) == {"fleetmend_orchestrator_up{}": 0}
    remediator.away = False
    assert samples(orchestrator.read())["fleetmend_orchestrator_up{}"] == 1
    assert remediator.asked[-1] == "/internal/state"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"sequence": "x"}', b'{"sequence":1,"hosts":[{}]}'])
def test_a_body_that_is_no_state_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError, match="state"):
        parse_state(body)


def test_unchanged_to_one_who_has_nothing_is_no_state() -> None:
    orchestrator = Orchestrator(lambda _path: b'{"sequence": 3, "unchanged": true}', FakeClock())
    assert samples(orchestrator.read()) == {"fleetmend_orchestrator_up{}": 0}


def test_a_remediator_that_is_not_there(unused_port: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        build_fetch(f"http://127.0.0.1:{unused_port}")("/internal/state")
