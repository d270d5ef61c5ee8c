"""What a deploy does to each machine: updates, replacements of what is on dead hosts, and what stops it."""

from typing import Any

from remediator.commands.rollout import Drop, Keep, Replace, Step, Update, Wanted, planned
from remediator.commands.tenant import Json

NEW = Wanted(image="web:2")


def machine(identifier: str, *, dead: bool = False, mount: str = "", **more: Any) -> Json:
    config: Json = {"image": "web:1", "env": {"A": "1"}, "metadata": {"fly_process_group": "app"}}
    if mount:
        config["mounts"] = [{"volume": mount, "path": "/data"}]
    shown = {key: value for key, value in config.items() if key != "env"}
    held = {
        "id": identifier,
        "name": f"name-{identifier}",
        "region": "arn",
        "state": "started",
        "host_status": "unreachable" if dead else "ok",
        "config": None if dead else config,
        "incomplete_config": shown if dead else None,
    }
    return held | more


def volume(identifier: str, *, dead: bool = False, attached: str | None = None, **more: Any) -> Json:
    held = {"id": identifier, "name": "data", "region": "arn", "state": "created", "attached_machine_id": attached}
    return held | {"host_status": "unreachable" if dead else "ok"} | more


def plan(*machines: Json, volumes: tuple[Json, ...] = (), wanted: Wanted = NEW) -> list[Step]:
    steps, problems = planned(machines, list(volumes), wanted)
    assert problems == []
    return steps


def stopped(*machines: Json, volumes: tuple[Json, ...] = (), wanted: Wanted = NEW) -> list[str]:
    return planned(machines, list(volumes), wanted)[1]


def test_a_machine_whose_host_answers_is_updated_and_keeps_what_is_its_own() -> None:
    one = machine("m1", mount="vol_1")

    (step,) = plan(one, volumes=(volume("vol_1", attached="m1"),), wanted=Wanted(image="web:2", env={"B": "2"}))

    assert isinstance(step, Update)
    assert step.config == {**one["config"], "image": "web:2", "env": {"A": "1", "B": "2"}}


def test_a_whole_config_leaves_a_standby_who_it_stands_by_for() -> None:
    standby = machine("m1")
    standby["config"]["standbys"] = ["m2"]
    (step,) = plan(standby, wanted=Wanted(config={"image": "web:2"}))
    assert isinstance(step, Update)
    assert (step.config["image"], step.config["standbys"]) == ("web:2", ["m2"])


def test_what_has_it_already_is_left_alone() -> None:
    one = machine("m1")
    assert plan(one, wanted=Wanted(image="web:1")) == [Keep(one)]


def test_one_on_a_dead_host_is_replaced_from_a_siblings_config_and_goes_first() -> None:
    first, second = plan(machine("m1"), machine("m2", dead=True))

    assert isinstance(first, Replace)
    assert first.machine["id"] == "m2"
    # Its own config is incomplete: variables come from the sibling.
    assert first.config["env"] == {"A": "1"}
    assert first.config["image"] == "web:2"
    assert isinstance(second, Update)


def test_without_a_sibling_only_a_whole_config_will_do() -> None:
    alone = machine("m2", dead=True)
    (told,) = stopped(alone)
    assert told.startswith("machine m2 cannot be replaced: its full config is on its host")

    (step,) = plan(alone, wanted=Wanted(config={"image": "web:3"}))

    assert isinstance(step, Replace)
    assert step.config == {"image": "web:3", "metadata": {"fly_process_group": "app", "fleetmend_replaces": "m2"}}


def test_a_sibling_of_another_group_is_none() -> None:
    worker = machine("m1")
    worker["config"]["metadata"] = {"fly_process_group": "worker"}
    assert len(stopped(worker, machine("m2", dead=True))) == 1


def test_a_dead_one_that_was_recreated_is_destroyed_and_not_replaced_again() -> None:
    dead, twin = machine("m2", dead=True, name="web-1"), machine("m3", name="web-1")

    assert plan(twin, dead)[0] == Drop(dead, "m3")


def test_a_deploy_that_was_cut_short_after_a_launch_goes_on_with_the_destroy() -> None:
    dead, sibling = machine("m2", dead=True), machine("m1")
    replaced, _ = plan(sibling, dead)
    assert isinstance(replaced, Replace)

    assert plan(sibling, dead, machine("m3", config=replaced.config))[0] == Drop(dead, "m3")


def test_a_volume_on_the_dead_host_stops_it_and_both_are_named() -> None:
    (told,) = stopped(machine("m1"), machine("m2", dead=True, mount="vol_2"), volumes=(volume("vol_2", dead=True),))

    assert "machine m2 requires manual intervention" in told
    assert "its volume vol_2 (data) is on an unreachable host" in told


def test_a_restored_volume_of_the_same_name_and_region_is_used_once() -> None:
    lost = (volume("vol_2", dead=True, attached="m2"), volume("vol_3", dead=True, attached="m3"))
    dead = (machine("m2", dead=True, mount="vol_2"), machine("m3", dead=True, mount="vol_3"))
    elsewhere, taken = volume("vol_8", region="iad"), volume("vol_7", attached="m1")

    told = stopped(machine("m1"), *dead, volumes=(*lost, volume("vol_9"), elsewhere, taken))
    assert len(told) == 1
    assert "m3" in told[0]

    first, *_ = plan(machine("m1"), dead[0], volumes=(*lost, volume("vol_9")))
    assert isinstance(first, Replace)
    assert first.config["mounts"] == [{"volume": "vol_9", "path": "/data"}]


def test_all_that_stands_in_the_way_is_told_at_once() -> None:
    lost = (volume("vol_2", dead=True), volume("vol_3", dead=True))
    dead = (machine("m2", dead=True, mount="vol_2"), machine("m3", dead=True, mount="vol_3"))
    assert len(stopped(machine("m1"), *dead, volumes=lost)) == 2
