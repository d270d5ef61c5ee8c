"""Apps created and deleted: names are taken by rows, machines and volumes; with an app goes all that it has."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from remediator.engine.machines.refusals import Refused
from remediator.model.app import App, AppAsk
from remediator.model.host import HostStatus, Life
from remediator.model.machine import Machine, MachineState, Snapshot, Volume
from remediator.model.request import Destroy, Operation, Origin
from remediator.runtime.machines.volume_ends import VolumeEnds
from tests.remediator.builders import NOON, dead, destroy, host, machine, volume
from tests.remediator.runtime.lab import SETTINGS, Lab

SHOP = AppAsk("shop", "acme", by="ada")


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    made = Lab()
    made.ledger.before_commit.append(VolumeEnds(made.ledger, made.clock))
    await made.put(host("h1"))
    yield made
    await made.ledger.close()


async def gone(lab: Lab, name: str, *, force: bool = False) -> None:
    await lab.requests.apps.delete(name, force=force, origin=Origin.OWNER, who="ada")


async def test_a_name_is_one_apps_in_the_whole_fleet(lab: Lab) -> None:
    made = await lab.requests.apps.create(SHOP)
    assert lab.ledger.get(App, "shop") == made == App("shop", "acme", "default", NOON, by="ada")
    await lab.put(machine("m1", app="web"), volume("v1"))
    for taken in ("shop", "web", "db"):
        with pytest.raises(Refused, match="already been taken") as refused:
            await lab.requests.apps.create(replace(SHOP, name=taken, organisation="other"))
        assert (refused.value.terms.status, refused.value.terms.code) == (422, "name_taken")
    await gone(lab, "shop")
    assert lab.ledger.get(App, "shop") is None
    assert (await lab.requests.apps.create(replace(SHOP, organisation="other"))).organisation == "other"


async def test_an_app_with_something_goes_by_force_alone(lab: Lab) -> None:
    await lab.put(machine("m1", app="web", volumes=("v1",)), replace(volume("v1", machine="m1"), app="web"))
    with pytest.raises(Refused, match="1 machines and 1 volumes"):
        await gone(lab, "web")
    await lab.put(replace(volume("v2"), app="web"))
    await gone(lab, "web", force=True)
    (condemned,) = lab.ledger.all(Destroy).values()
    assert (condemned.machine, condemned.origin) == ("m1", Origin.OWNER)
    held = lab.ledger.get(Machine, "m1")
    assert held is not None
    assert held.state is MachineState.DESTROYING
    assert {each.state for each in lab.ledger.all(Volume).values()} == {"waiting_for_detach", "pending_destroy"}
    assert [each.args for each in lab.ledger.all(Operation).values()] == [{"volume_id": "v2"}]
    await gone(lab, "web", force=True)
    assert len(lab.ledger.all(Destroy)) == 1


async def test_an_app_on_a_dead_host_goes_when_the_host_is_back(lab: Lab) -> None:
    await lab.put(dead("h1"), machine("m1", app="web"))
    await gone(lab, "web", force=True)
    assert set(lab.ledger.all(Destroy)) == {"m1"}


async def test_nothing_goes_while_one_of_its_machines_was_lost_a_moment_ago(lab: Lab) -> None:
    lost = host("h2", "r2", life=Life.SUSPECT, status=HostStatus.UNKNOWN, since=NOON, status_since=NOON)
    await lab.put(lost, machine("m1", app="web"), machine("m2", "h2", app="web"))
    with pytest.raises(Refused, match="lost a moment ago") as refused:
        await gone(lab, "web", force=True)
    assert refused.value.terms.retry_after > 0
    assert not lab.ledger.all(Destroy)


async def test_a_destroyed_machine_keeps_no_name(lab: Lab) -> None:
    await lab.put(machine("m1", app="web", state=MachineState.DESTROYED), destroy("m1"))
    with pytest.raises(Refused, match="app not found"):
        await gone(lab, "web")
    ours = replace(SHOP, name="web", organisation=SETTINGS.organisation)
    with pytest.raises(Refused, match="already been taken"):
        await lab.requests.apps.create(replace(ours, organisation="other"))
    assert (await lab.requests.apps.create(ours)).name == "web"


async def test_a_deleted_app_is_its_organisation_s_until_nothing_of_it_is_remembered(lab: Lab) -> None:
    await lab.requests.apps.create(SHOP)
    await lab.put(dead("h1"), machine("m1", app="shop"))
    await gone(lab, "shop", force=True)
    row = lab.ledger.get(App, "shop")
    assert row is not None
    assert (row.organisation, row.deleted_at) == ("acme", NOON)
    other = replace(SHOP, organisation="other")
    kept = Snapshot("s1", "v1", "shop", NOON, 5, "ab")
    await lab.put(machine("m1", app="shop", state=MachineState.DESTROYED), kept)
    with pytest.raises(Refused, match="app not found"):
        await gone(lab, "shop")
    with pytest.raises(Refused, match="already been taken"):
        await lab.requests.apps.create(other)
    async with lab.ledger.writing() as draft:
        draft.delete(machine("m1", app="shop"))
    with pytest.raises(Refused, match="already been taken"):
        await lab.requests.apps.create(other)
    async with lab.ledger.writing() as draft:
        draft.delete(kept)
    assert (await lab.requests.apps.create(other)).organisation == "other"


async def test_deleted_apps_are_forgotten_with_the_last_of_them(lab: Lab) -> None:
    left = machine("m1", app="shop", state=MachineState.DESTROYED)
    await lab.requests.apps.create(SHOP)
    await lab.put(left)
    await gone(lab, "shop")
    async with lab.ledger.writing() as draft:
        draft.delete(left)
    await lab.requests.apps.create(replace(SHOP, name="web"))
    await gone(lab, "web")
    assert dict(lab.ledger.all(App)) == {}
