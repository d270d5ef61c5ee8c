"""Operator's holds and maintenance: what people keep from being acted on, and until when. PURE."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from remediator.engine.machines.refusals import precondition
from remediator.engine.people.spoken import (
    Change,
    Ground,
    end_of,
    host_named,
    listed,
    moment,
    told_by,
    unknown,
    wrong,
)
from remediator.model.host import Host, Life
from remediator.model.people import OperatorHold, Scope, hold_key
from remediator.model.said import EndMaintenance, Keep, Maintain, Said, Unkeep

FLEET = "fleet"


def kept(word: Keep, said: Said, ground: Ground) -> Change:
    """Until that moment nothing automatic is done to it."""
    until = end_of(said, ground.now)
    name = _known(word.scope, word.name, ground)
    if word.playbook and word.scope is Scope.PLAYBOOK:
        raise wrong("playbook: a hold of a playbook binds that one already; name what it is not to act on instead")
    if word.playbook and word.playbook not in ground.playbooks:
        raise unknown("playbook", word.playbook, ground.playbooks)
    before = ground.fleet.operator_holds.get(hold_key(word.scope, name, word.playbook))
    since = before.since if before and before.covers(ground.now) else ground.now
    after = OperatorHold(word.scope, name, said.by, said.why, since, until, word.playbook)
    told = f"{after.about} is held until {moment(until)}{told_by(said)}"
    return Change(name, told, () if after == before else (after,), until=until)


def unkept(word: Unkeep, said: Said, ground: Ground) -> Change:
    """Acting may go on before the hold's end."""
    name = _whole(word.name) if word.scope is Scope.FLEET else word.name
    held = ground.fleet.operator_holds.get(hold_key(word.scope, name, word.playbook))
    if held is None:
        mine = [each.name for each in ground.fleet.operator_holds.values() if each.scope is word.scope]
        if name not in (known := _names(word.scope, ground)):
            raise unknown(f"{word.scope}", name, {*known, *mine})
        return Change(name, f"{_called(word.scope, name, word.playbook)} is not held")
    return Change(name, f"{held.about} is no longer held{told_by(said)}", drops=(held,))


def in_maintenance(word: Maintain, said: Said, ground: Ground) -> Change:
    """Nothing is done about these hosts before the end; their statuses and owners' requests go on."""
    until = end_of(said, ground.now)
    hosts = [_not_retired(host_named(name, ground)) for name in word.hosts]
    after = [replace(h, maintenance_until=until, maintenance_by=said.by, maintenance_why=said.why) for h in hosts]
    told = f"{listed(word.hosts)}: in maintenance until {moment(until)}{told_by(said)}"
    return Change(_subject(word.hosts), told, _changed(hosts, after), until=until, subjects=word.hosts)


def maintenance_over(word: EndMaintenance, said: Said, ground: Ground) -> Change:
    """It ends now; what was said of its end stays, for the host must be seen healthy before it is acted on."""
    hosts = [host_named(name, ground) for name in word.hosts]
    after = [_ended(host, ground.now) for host in hosts]
    puts = _changed(hosts, after)
    told = f"is over now{told_by(said)}" if puts else "has no maintenance to end"
    return Change(_subject(word.hosts), f"{listed(word.hosts)}: {told}", puts, subjects=word.hosts)


def _ended(host: Host, now: datetime) -> Host:
    running = host.maintenance_until is not None and host.maintenance_until > now
    return replace(host, maintenance_until=now) if running else host


def _not_retired(host: Host) -> Host:
    if host.life is Life.RETIRED:
        raise precondition(f"{host.name} is retired: there is nothing to maintain")
    return host


def _changed(before: list[Host], after: list[Host]) -> tuple[Host, ...]:
    return tuple(new for old, new in zip(before, after, strict=True) if new != old)


def _subject(hosts: tuple[str, ...]) -> str:
    return hosts[0] if len(hosts) == 1 else FLEET


def _called(scope: Scope, name: str, playbook: str) -> str:
    what = "the whole fleet" if scope is Scope.FLEET else f"{scope} {name}"
    return f"{what} against {playbook}" if playbook else what


def _known(scope: Scope, name: str, ground: Ground) -> str:
    known = _names(scope, ground)
    if scope is Scope.FLEET:
        return _whole(name)
    if not name:
        raise wrong(f"name: say which {scope}")
    if name not in known:
        raise unknown(f"{scope}", name, known)
    return name


def _whole(name: str) -> str:
    """The fleet's own name: a word about one thing must not bind, or let go, all of it."""
    if name not in ("", FLEET):
        raise wrong(f"name: the fleet is all of it; name the scope of {name!r} instead, such as host {name}")
    return FLEET


def _names(scope: Scope, ground: Ground) -> set[str]:
    """Everything of that scope that there is."""
    fleet = ground.fleet
    named: dict[Scope, Iterable[str]] = {
        Scope.HOST: fleet.hosts,
        Scope.MACHINE: fleet.machines,
        Scope.PLAYBOOK: ground.playbooks,
        Scope.FLEET: (FLEET,),
        Scope.APP: (machine.app for machine in fleet.machines.values()),
        Scope.RACK: (host.rack for host in fleet.hosts.values()),
        Scope.REGION: (host.region for host in fleet.hosts.values()),
    }
    return set(named[scope])
