"""Scaling counts the living alone, uses free volumes on living hosts, and destroys the newest of too many."""

from dataclasses import replace
from typing import Any

from remediator.commands.scaling import Count, Scale, scaled
from remediator.commands.tenant import Json
from tests.remediator.commands.test_commands_rollout import machine, volume

TWO = Count(2)


def scale(*machines: Json, volumes: tuple[Json, ...] = (), count: Count = TWO) -> Scale:
    dated = [each | {"created_at": f"2026-08-01T12:00:{number:02d}Z"} for number, each in enumerate(machines)]
    found = scaled(dated, list(volumes), count)
    assert isinstance(found, Scale)
    return found


def ids(machines: tuple[Json, ...]) -> list[Any]:
    return [each["id"] for each in machines]


def test_those_on_dead_hosts_neither_count_nor_are_touched() -> None:
    found = scale(machine("m1"), machine("m2", dead=True))

    assert ids(found.away) == ["m2"]
    assert [launch.config["env"] for launch in found.launches] == [{"A": "1"}]
    assert found.surplus == ()


def test_enough_is_left_alone() -> None:
    assert scale(machine("m1"), machine("m2")) == Scale()


def test_the_newest_go_first() -> None:
    assert ids(scale(machine("m1"), machine("m2"), machine("m3"), count=Count(1)).surplus) == ["m3", "m2"]


def test_to_none_at_all() -> None:
    assert ids(scale(machine("m1"), count=Count(0)).surplus) == ["m1"]


def test_new_ones_go_where_fewest_are() -> None:
    found = scale(machine("m1"), machine("m2"), machine("m3", region="iad"), count=Count(4))
    assert [launch.region for launch in found.launches] == ["iad"]


def test_free_volumes_are_used_and_missing_ones_made() -> None:
    mine, free = volume("vol_1", attached="m1"), volume("vol_2")
    lost = volume("vol_3", dead=True)

    found = scale(machine("m1", mount="vol_1"), volumes=(mine, free, lost), count=Count(3))

    assert [launch.volumes for launch in found.launches] == [("vol_2",), (None,)]
    assert found.launches[1].models == (mine,)


def test_without_anybody_living_a_config_is_needed() -> None:
    told = scaled([machine("m1", dead=True)], [], TWO)
    assert told == "no machine of group app lives whose config could be copied: say it by --config FILE"

    found = scale(machine("m1", dead=True), count=replace(TWO, config={"image": "x"}))
    assert [(launch.region, launch.config) for launch in found.launches] == [("arn", {"image": "x"})] * 2


def test_an_app_without_machines_needs_a_region() -> None:
    assert scaled([], [], Count(1, config={"image": "x"})) == "say where: --region REGION"
    assert len(scale(count=Count(1, region="arn", config={"image": "x"})).launches) == 1


def test_one_group_and_one_region_are_counted_alone() -> None:
    worker = machine("m2")
    worker["config"] = worker["config"] | {"metadata": {"fly_process_group": "worker"}}
    found = scale(machine("m1"), worker, machine("m3", region="iad"), count=Count(2, region="arn"))
    assert [launch.region for launch in found.launches] == ["arn"]


def test_a_config_s_volume_on_a_dead_host_gives_way_to_a_free_one_of_its_name() -> None:
    config = {"mounts": [{"volume": "vol_1", "path": "/data"}]}
    lost, restored = volume("vol_1", dead=True, attached="m1"), volume("vol_2")

    found = scale(machine("m1", dead=True), volumes=(lost, restored), count=Count(1, config=config))

    assert [launch.volumes for launch in found.launches] == [("vol_2",)]


def test_a_config_s_volume_is_used_once_and_others_are_made_like_it() -> None:
    config = {"mounts": [{"volume": "vol_2", "path": "/data"}]}
    found = scale(volumes=(volume("vol_1"), volume("vol_2")), count=Count(3, region="arn", config=config))
    assert [launch.volumes for launch in found.launches] == [("vol_2",), ("vol_1",), (None,)]


def test_a_mount_may_name_what_is_made() -> None:
    named = Count(1, region="arn", config={"mounts": [{"name": "data", "size_gb": 3, "path": "/data"}]})
    assert scale(count=named).launches[0].models == ({"name": "data", "size_gb": 3},)

    unknown = replace(named, config={"mounts": [{"volume": "vol_9", "path": "/data"}]})
    told = scaled([], [], unknown)
    assert isinstance(told, str)
    assert told.startswith("no volume vol_9 is known")


def test_a_copy_is_in_its_group_and_stands_for_nobody() -> None:
    one = machine("m1")
    one["config"]["standbys"] = ["m0"]
    one["config"]["metadata"]["fleetmend_replaces"] = "m0"
    (launch,) = scale(one).launches
    assert launch.config == machine("m1")["config"]

    worker = scale(count=Count(1, "worker", "arn", {"image": "x"}))
    assert worker.launches[0].config["metadata"] == {"fly_process_group": "worker"}
