"""The fault language on real processes: what each kind does to the fleet when it begins, and when it ends."""

import asyncio
import contextlib
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from remediator.agent.front import tree
from remediator.simulate.world.bodies import REMEDIATOR
from remediator.simulate.world.story import Fault
from scripts.story.api import until
from scripts.story.fronts import Chassis, Outage
from scripts.story.plays.field import Field, run_ip
from scripts.story.plays.watch import Watch

# A remediator that died in the middle of an act is begun again after so many seconds at most.
SHORT = 5.0


@dataclass(slots=True)
class Scene:
    """All that a fault may touch."""

    ground: Field
    watch: Watch
    tasks: dict[int, asyncio.Task[None]] = field(default_factory=dict)

    def fronts(self, fault: Fault) -> list[Chassis]:
        return [self.ground.fronts[host] for host in fault.hosts]

    async def each(self, fault: Fault, name: str) -> None:
        await asyncio.gather(*(front.fault(name) for front in self.fronts(fault)))

    def background(self, fault: Fault, going: Awaitable[None]) -> None:
        self.tasks[fault.line] = asyncio.ensure_future(going)

    async def over(self, fault: Fault) -> None:
        task = self.tasks.pop(fault.line)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


Deed = Callable[[Scene, Fault], Awaitable[None]]


async def nothing(_scene: Scene, _fault: Fault) -> None:
    """It ends by itself."""


def _vantages(scene: Scene, fault: Fault, *, up: bool) -> None:
    for vantage in (name for host in fault.hosts for name in scene.ground.vantages_on(host)):
        scene.ground.line_of(vantage, up=up)


def _named(name: str, *, up: bool) -> Deed:
    """A fault that a chassis knows by itself; the prober on the host shares its line."""

    async def deed(scene: Scene, fault: Fault) -> None:
        _vantages(scene, fault, up=up)
        await scene.each(fault, name)

    return deed


async def _crashes(scene: Scene, fault: Fault) -> None:
    """Agents fall as often as they come up."""

    async def again() -> None:
        while True:
            with contextlib.suppress(RuntimeError):
                await scene.each(fault, "agent_crash")
            await asyncio.sleep(0.3)

    scene.background(fault, again())


async def _flaps(scene: Scene, fault: Fault) -> None:
    async def again() -> None:
        while True:
            await scene.each(fault, "network_cut")
            await asyncio.sleep(fault.every * fault.down)
            await scene.each(fault, "network_heal")
            await asyncio.sleep(fault.every * (1 - fault.down))

    scene.background(fault, again())


async def _flaps_no_more(scene: Scene, fault: Fault) -> None:
    await scene.over(fault)
    await scene.each(fault, "network_heal")


def _signalled(number: signal.Signals, then: str) -> Deed:
    """Every process of a host at once, and its line: a machine that stands still has no kernel that answers."""

    async def deed(scene: Scene, fault: Fault) -> None:
        await scene.each(fault, then)
        for front in scene.fronts(fault):
            for task in tree.descendants(front.process.process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(task.pid, number)

    return deed


def _note(front: Chassis, kind: str, *, on: bool) -> None:
    """The truth that kills are judged by."""
    now = time.time()  # noqa: TID251
    if on:
        front.outages.append(Outage(kind, now))
    else:
        front.outages[-1].ended = now


def _parted(verb: str) -> Deed:
    """Routes to nowhere on the host, for whom it cannot reach: the remediator, probers, other hosts."""

    async def deed(scene: Scene, fault: Fault) -> None:
        addresses = list(_addresses(scene, fault.other))
        for front in scene.fronts(fault):
            agent = str((await front.truth())["agent_pid"])
            lines = "\n".join(f"route {verb} blackhole {address}/32" for address in addresses)
            run_ip(lines, "nsenter", "-t", agent, "-n")
            _note(front, "partition", on=verb == "add")

    return deed


def _addresses(scene: Scene, others: Iterable[str]) -> Iterable[str]:
    layout = scene.ground.layout
    known = {site.name: layout.address(site.number) for site in layout.sites}
    for other in others:
        yield layout.control if other == REMEDIATOR else known[other]
        yield from (scene.ground.prober_address(name.removeprefix("p-")) for name in scene.ground.vantages_on(other))


async def _reimaged(scene: Scene, fault: Fault) -> None:
    """New disks and keys; the board stays the same."""
    await scene.each(fault, "power_cut")
    for front in scene.fronts(fault):
        await front.process.stop(15)
        folder = scene.ground.folder / front.site.name
        for path in folder.iterdir():
            if path.name not in ("system.uuid", "bmc.token"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


async def _delivered(scene: Scene, fault: Fault) -> None:
    for front in scene.fronts(fault):
        await _set_up(scene, front)


async def _set_up(scene: Scene, front: Chassis) -> None:
    """Begin a chassis anew in its folder; what befell it before is not forgotten."""
    site = front.site
    await scene.ground.raise_(site, scene.ground.layout.bmc[site.name])
    scene.ground.fronts[site.name].outages = front.outages


async def _swapped(scene: Scene, fault: Fault) -> None:
    """Each goes by the other's name, with its own board, disks and keys."""
    one, other = scene.fronts(fault)[:2]
    folder = scene.ground.folder
    await asyncio.gather(one.process.stop(15), other.process.stop(15))
    (folder / one.site.name).rename(folder / "swapped")
    (folder / other.site.name).rename(folder / one.site.name)
    (folder / "swapped").rename(folder / other.site.name)
    await asyncio.gather(_set_up(scene, one), _set_up(scene, other))


async def _store_out(scene: Scene, _fault: Fault) -> None:
    async def closed() -> bool:
        return not scene.watch.gate_open

    await scene.ground.parts["store"].kill()
    if scene.ground.parts["remediator"].running:
        await until(closed, 20, "the gate is closed")


async def _store_back(scene: Scene, _fault: Fault) -> None:
    await scene.ground.start_store()


async def _killed(scene: Scene, fault: Fault) -> None:
    """SIGKILL: now, or once there is something to be sent."""
    if awaits(fault):
        before = scene.watch.operations
        async with asyncio.timeout(20):
            while scene.watch.operations == before:
                await asyncio.sleep(0.005)
                scene.watch.read()
    await scene.ground.parts["remediator"].kill()
    if awaits(fault):
        await asyncio.sleep(min(fault.span or 0.0, SHORT))
        await scene.ground.start_remediator()


async def _begun(scene: Scene, _fault: Fault) -> None:
    await scene.ground.start_remediator()


def awaits(fault: Fault) -> bool:
    """A crash at a step of an act, which is waited for."""
    return fault.kind == "remediator_crash" and fault.says != "before_commit"


def _house(number: signal.Signals) -> Deed:
    async def deed(scene: Scene, _fault: Fault) -> None:
        scene.ground.parts["remediator"].process.send_signal(number)

    return deed


def copy_of(folder: Path) -> Path:
    return folder / "backup.db"


async def back_up(scene: Scene, _fault: Fault) -> None:
    """A consistent copy of the journal, as a backup would take it."""
    with (
        contextlib.closing(sqlite3.connect(scene.ground.data / "journal.db")) as source,
        contextlib.closing(sqlite3.connect(copy_of(scene.ground.folder))) as copy,
    ):
        source.backup(copy)


async def _restored(scene: Scene, _fault: Fault) -> None:
    await scene.ground.parts["remediator"].kill()
    for path in scene.ground.data.glob("journal.db*"):
        path.unlink()
    shutil.copy(copy_of(scene.ground.folder), scene.ground.data / "journal.db")
    scene.watch.restored()
    await scene.ground.start_remediator()


BEGIN: dict[str, Deed] = {
    "power": _named("power_cut", up=False),
    "reboot": _named("power_cut", up=False),
    "link": _named("network_cut", up=False),
    "nic_reset": _named("network_cut", up=False),
    "switch_reload": _named("network_cut", up=False),
    "partition": _parted("add"),
    "agent_crash": _crashes,
    "flap": _flaps,
    "pause": _signalled(signal.SIGSTOP, "network_cut"),
    "reimage": _reimaged,
    "name_swap": _swapped,
    "store_outage": _store_out,
    "restored_journal": _restored,
    "remediator_crash": _killed,
    "remediator_pause": _house(signal.SIGSTOP),
}
END: dict[str, Deed] = {
    "power": _named("power_on", up=True),
    "reboot": _named("power_on", up=True),
    "link": _named("network_heal", up=True),
    "nic_reset": _named("network_heal", up=True),
    "switch_reload": _named("network_heal", up=True),
    "partition": _parted("del"),
    "agent_crash": Scene.over,
    "flap": _flaps_no_more,
    "pause": _signalled(signal.SIGCONT, "network_heal"),
    "reimage": _delivered,
    "name_swap": nothing,
    "store_outage": _store_back,
    "restored_journal": nothing,
    "remediator_crash": _begun,
    "remediator_pause": _house(signal.SIGCONT),
}
