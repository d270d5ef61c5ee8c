"""Invariant 3, recounted from acts alone: rates, hosts in flight, hosts that newly failed, destroys by one agent.

In flight is counted from below: a host holds its slot from its first act to the last recreate that follows the one
before within ``PAUSE``. What is found is a breach; a slot held for longer by a machine without a word is not seen.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from remediator.model.policy import Limits, Playbook, Share
from remediator.simulate.oracle.findings import Finding, Sin
from remediator.simulate.oracle.spans import holds
from remediator.simulate.world.record import FOREVER, Act, HostTruth, Run, Span

PAUSE = 10.0
COUNTED = frozenset({"mark_dead", "recreate"})
# While an incident stands in one of these its hosts are out of every other budget.
_OVER = frozenset({"closed"})


@dataclass(frozen=True, slots=True)
class Taking:
    """One host taken in hand by a playbook: its slot, from the first act to the last."""

    host: str
    playbook: str
    span: Span
    # Whether anything was placed: a host with nothing to place gives its slot back at once.
    places: bool


def breaches(run: Run, playbooks: Mapping[str, Playbook], limits: Limits) -> Iterator[Finding]:
    """Every moment at which a playbook's own numbers, or the ceilings of limits.yml, were exceeded."""
    takings = list(taken(run.done.acts))
    names = {taking.playbook for taking in takings}
    for name in sorted(names):
        own = [taking for taking in takings if taking.playbook == name]
        yield from _of_playbook(run, own, playbooks.get(name), limits)
    yield from _destroys(run, limits)


def taken(acts: Iterable[Act]) -> Iterator[Taking]:
    """Slots by playbook and host; what comes later than ``PAUSE`` takes a slot anew."""
    open_ones: dict[tuple[str, str], Taking] = {}
    for act in sorted((act for act in acts if act.kind in COUNTED and act.origin == "automatic"), key=_moment):
        key, places = (act.playbook, act.host), act.kind == "recreate"
        before = open_ones.get(key)
        if before is not None and act.at - before.span.end > PAUSE:
            yield before
            before = None
        span = Span(before.span.begin if before else act.at, act.at)
        open_ones[key] = Taking(act.host, act.playbook, span, places or (before is not None and before.places))
    yield from open_ones.values()


def _moment(act: Act) -> float:
    return act.at


def _of_playbook(run: Run, takings: Sequence[Taking], playbook: Playbook | None, limits: Limits) -> Iterator[Finding]:
    if playbook is None:
        # No playbook of ours did it: the ceilings are all there is to hold it to.
        yield from _in_flight(run, takings, "region", limits.max_in_flight)
        yield from _newly(run, takings, "fleet", limits.newly_unhealthy, timedelta(hours=1))
        return
    for budget in playbook.budgets:
        if budget.scope in ("fleet", "region", "rack"):
            if budget.max_in_flight:
                yield from _in_flight(run, takings, budget.scope, budget.max_in_flight)
            if budget.rate:
                yield from _rate(run, takings, budget.scope, budget.rate, budget.per)
            if budget.newly_unhealthy:
                yield from _newly(run, takings, budget.scope, budget.newly_unhealthy, budget.within)


def _in_flight(run: Run, takings: Sequence[Taking], scope: str, share: Share) -> Iterator[Finding]:
    for taking in takings:
        at, where = taking.span.begin, scope_of(run.truth.hosts.get(taking.host), scope)
        beside = {
            other.host
            for other in takings
            if other.places and scope_of(run.truth.hosts.get(other.host), scope) == where and _held(other, at)
        }
        if len(beside) > (most := share.of(size(run, scope, where))):
            yield _breach(at, taking, scope, where, f"{len(beside)} hosts in flight, at most {most}")


def _held(taking: Taking, at: float) -> bool:
    return taking.span.begin <= at <= taking.span.end


def _rate(run: Run, takings: Sequence[Taking], scope: str, share: Share, per: timedelta) -> Iterator[Finding]:
    """A host counts once in each window, however often it is taken in hand."""
    for taking in takings:
        at, where = taking.span.begin, scope_of(run.truth.hosts.get(taking.host), scope)
        lately = {
            other.host
            for other in takings
            if scope_of(run.truth.hosts.get(other.host), scope) == where
            and at - per.total_seconds() < other.span.begin <= at
        }
        if len(lately) > (most := share.of(size(run, scope, where))):
            yield _breach(at, taking, scope, where, f"{len(lately)} hosts within {per}, at most {most}")


def _newly(run: Run, takings: Sequence[Taking], scope: str, share: Share, within: timedelta) -> Iterator[Finding]:
    """How many hosts were called dead lately when one more was acted upon; those of incidents are not counted."""
    apart = incident_spans(run)
    for taking in takings:
        at, where = taking.span.begin, scope_of(run.truth.hosts.get(taking.host), scope)
        fell = {
            stated.host
            for stated in run.done.stated
            if stated.life == "dead"
            and at - within.total_seconds() < stated.at <= at
            and scope_of(run.truth.hosts.get(stated.host), scope) == where
            and not any(span.begin <= at for span in apart.get(stated.host, []))
        }
        if len(fell) > (most := share.of(size(run, scope, where))):
            yield _breach(at, taking, scope, where, f"{len(fell)} hosts newly dead within {within}, at most {most}")


def incident_spans(run: Run) -> dict[str, list[Span]]:
    """Since when a host belongs to an incident; once there it was that incident's affair, not the fleet's."""
    found: defaultdict[str, list[Span]] = defaultdict(list)
    for told in run.done.incidents:
        hosts, at = told.get("hosts"), told.get("at")
        if told.get("stage") not in _OVER and isinstance(hosts, list | tuple | frozenset) and isinstance(at, float):
            for host in hosts:
                found[str(host)].append(Span(at, FOREVER))
    return found


def _destroys(run: Run, limits: Limits) -> Iterator[Finding]:
    """Each agent's own ceiling over automatic destroys of what runs on its host."""
    per, ran = limits.automatic_destroys_per.total_seconds(), defaultdict(set)
    for each in run.truth.ran:
        ran[each.host].add(each.machine)
    done = [sent for sent in run.done.sent if sent.verb == "destroy" and sent.origin == "automatic"]
    done = [sent for sent in done if sent.result == "done" and _was_running(run, sent.machine, sent.host, sent.at)]
    for sent in done:
        lately = {other.key for other in done if other.host == sent.host and sent.at - per < other.at <= sent.at}
        if len(lately) > (most := limits.automatic_destroys.of(len(ran[sent.host]))):
            text = f"{len(lately)} automatic destroys within {limits.automatic_destroys_per}, at most {most}"
            yield Finding(Sin.BUDGET, sent.at, sent.host, text)


def _was_running(run: Run, machine: str, host: str, at: float) -> bool:
    return holds((ran.span for ran in run.truth.ran if ran.machine == machine and ran.host == host), at)


def scope_of(host: HostTruth | None, scope: str) -> str:
    """Where a host stands, in that scope; the fleet is one place."""
    return "" if host is None or scope == "fleet" else str(getattr(host, scope))


def size(run: Run, scope: str, where: str) -> int:
    return sum(1 for host in run.truth.hosts.values() if scope_of(host, scope) == where)


def _breach(at: float, taking: Taking, scope: str, where: str, text: str) -> Finding:
    return Finding(Sin.BUDGET, at, f"{taking.playbook or 'acts'} on {taking.host}", f"{scope} {where}: {text}")
