"""When time alone may next change what is decided: the ends of whatever spans run now. PURE.

Whoever has heard nothing new need not decide again before that moment. What is not named here is found a little
later, for nobody rests long (``runtime.rest``): this is about being punctual, and never about being safe.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from remediator.actions.spec import ActionSpec
from remediator.engine.evidence.group_proof import FRESH, inside
from remediator.engine.incidents import survivors
from remediator.engine.incidents.exits import BACK, QUIET
from remediator.engine.index import Index
from remediator.engine.machines import bursts, loans, migrations
from remediator.engine.machines.admission import START_GRACE
from remediator.model.decision import Remediation
from remediator.model.fleet import Fleet
from remediator.model.host import HEARD_EVERY, Host, Life
from remediator.model.incident import Incident
from remediator.model.layered import picked
from remediator.model.loan import Loan
from remediator.model.people import Answer, Approval
from remediator.model.policy import Correlated, Playbook, Policy
from remediator.model.request import Destroy, Operation, Origin

# How long what was sent is in the way of the next: recreates are paced by the second.
_PACED = timedelta(seconds=1)
_SENT_AGAIN = timedelta(seconds=2)
_GIVEN_UP = timedelta(seconds=60)
_DEMAND_REFRESH = timedelta(seconds=20)


class Spans:
    """What the playbooks' own spans are, read once."""

    def __init__(self, policy: Policy, actions: Mapping[str, ActionSpec]) -> None:
        self.policy = policy
        books = list(policy.playbooks.values())
        budgets = [budget for book in books for budget in book.budgets]
        self.rates = {budget.per for budget in budgets if budget.rate is not None}
        self.fallen = {budget.within for budget in budgets if budget.newly_unhealthy is not None}
        self.steady = {max(book.continuous, book.settle) for book in books}
        self.fresh = {book.evidence.max_age for book in books}
        self.steps = {book.name: _of_steps(book, actions) for book in books}
        self.retries: frozenset[timedelta] = frozenset().union(*self.steps.values())


def _of_steps(book: Playbook, actions: Mapping[str, ActionSpec]) -> frozenset[timedelta]:
    steps = [inner for step in book.steps for inner in (step, step.meanwhile) if inner]
    params = [actions[step.action].params.model_validate(step.params) for step in steps if step.action in actions]
    return frozenset(value for each in params for _, value in each if isinstance(value, timedelta))


def next_change(spans: Spans, rule: Correlated | None, fleet: Fleet, now: datetime) -> datetime | None:
    """The first of those moments that is not over; None where nothing runs."""
    index = Index(fleet, now)
    found = [*_of_hosts(spans, index), *_of_remediations(spans, fleet), *_of_requests(spans, fleet)]
    found += [*_of_people(spans, fleet), *(_of_incidents(rule, index) if rule else ())]
    return min((moment for moment in found if moment >= now), default=None)


def _of_hosts(spans: Spans, index: Index) -> Iterator[datetime]:
    fleet, patience = index.fleet, spans.policy.limits.patience
    term = fleet.term_began
    for host in index.fallen:
        died = host.died_at or host.status_since
        for within in spans.fallen:
            yield died + within
            yield host.status_since + within
    for host in picked(fleet.hosts, "life", Life.DEAD):
        for began in (host.died_at, term):
            if began is not None:
                yield began + patience
        yield from _of_evidence(spans, host, fleet)
    for host in picked(fleet.hosts, "life", Life.RETURNING):
        yield (host.returned_at or host.since) + START_GRACE
    for host in picked(fleet.hosts, "in_maintenance", value=True):
        yield host.maintenance_until or host.since


def _of_evidence(spans: Spans, host: Host, fleet: Fleet) -> Iterator[datetime]:
    """When silence has lasted long enough, and when what was heard is too old."""
    verdict = fleet.verdicts.get(host.name)
    if verdict is None:
        return
    for began in (verdict.suspect_since, fleet.term_began):
        if began is not None:
            yield from (began + span for span in spans.steady)
    if verdict.newest is not None:
        # Older than a vote's life it never gets without being told.
        yield from (verdict.newest + span for span in spans.fresh if span < FRESH)
    if host.heard_at is not None:
        yield host.heard_at + HEARD_EVERY


def _of_remediations(spans: Spans, fleet: Fleet) -> Iterator[datetime]:
    for each in fleet.remediations.values():
        book = spans.policy.playbooks.get(each.playbook)
        if book is None:
            continue
        yield from (each.opened_at + per for per in spans.rates)
        yield from (at + book.cooldown for at in each.earlier.values())
        yield from _of_open(spans, book, each, fleet) if each.open else _of_closed(book, each, fleet)


def _of_open(spans: Spans, book: Playbook, mine: Remediation, fleet: Fleet) -> Iterator[datetime]:
    if book.verify is not None:
        yield mine.opened_at + book.verify.within
    yield from (mine.opened_at + span for span in spans.steps[book.name])
    for volume in fleet.volumes_on(mine.target):
        for snapshot in picked(fleet.snapshots, "volume", volume.id):
            yield from (snapshot.created_at + span for span in spans.steps[book.name])


def _of_closed(book: Playbook, mine: Remediation, fleet: Fleet) -> Iterator[datetime]:
    yield from (at + book.cooldown for at in mine.steps.values())
    host = fleet.hosts.get(mine.target)
    if book.undo is not None and mine.closed_at is not None:
        yield mine.closed_at + book.undo.healthy_for
        if host is not None:
            yield host.since + book.undo.healthy_for


def _of_requests(spans: Spans, fleet: Fleet) -> Iterator[datetime]:
    moves = picked(fleet.migrations, "open", value=True)
    for operation in fleet.operations.values():
        yield from _of_operation(operation, spans.retries, moves=bool(moves))
    for move in moves:
        for span in (migrations.STUCK_AFTER, migrations.STUCK_COPY_AFTER):
            yield (move.moved_at or move.asked_at) + span
    for destroy in fleet.destroys.values():
        yield from _of_destroy(destroy, fleet, spans.policy.limits.automatic_destroys_per)
    for demand in fleet.demands.values():
        yield demand.last_asked + bursts.DEMAND_LIFE
        yield demand.last_asked + _DEMAND_REFRESH
    for loan in fleet.loans.values():
        yield from of_loan(loan, spans)
    for burst in fleet.bursts.values():
        yield burst.asked_at + bursts.DEADLINE
        yield from ((burst.moved_at or burst.asked_at) + b.cooldown for b in spans.policy.playbooks.values())


def of_loan(loan: Loan, spans: Spans) -> Iterator[datetime]:
    """It may not join any more, has been idle for long enough, is looked at again, is asked back again."""
    yield loan.asked_at + bursts.DEADLINE
    if loan.idle_since is not None:
        yield from (loan.idle_since + span for span in spans.retries)
    if loan.moved_at is not None:
        yield loan.moved_at + loans.LOOK_AGAIN
        yield from (loan.moved_at + book.cooldown for book in spans.policy.playbooks.values() if loan.closed)


def _of_operation(operation: Operation, retries: frozenset[timedelta], *, moves: bool) -> Iterator[datetime]:
    """Recreates are paced, buttons are given up and pressed again, what a migration waits for hangs."""
    at = operation.written_at
    if operation.verb == "create":
        yield at + _PACED
    elif not operation.host:
        yield at + _GIVEN_UP
        yield from (at + span for span in retries)
    if moves and "migration" in operation.args:
        yield at + migrations.HANGS_AFTER
        yield at + migrations.STUCK_AFTER
        yield at + migrations.STUCK_COPY_AFTER


def _of_destroy(destroy: Destroy, fleet: Fleet, per: timedelta) -> Iterator[datetime]:
    """Asked for again, and no longer counted against what may be destroyed automatically."""
    moved = destroy.moved_at or destroy.asked_at
    if destroy.open:
        yield moved + _SENT_AGAIN
    if destroy.origin is Origin.AUTOMATIC:
        machine = fleet.machines.get(destroy.machine)
        yield moved + per
        yield (machine.created_at if machine else moved) + per


def _of_people(spans: Spans, fleet: Fleet) -> Iterator[datetime]:
    for question in fleet.approvals.values():
        yield from _of_question(question, spans.policy.playbooks.get(question.playbook))
    for hold in fleet.operator_holds.values():
        yield from (hold.since, hold.until)
    for release in fleet.releases.values():
        yield from (release.at, release.until)
    for name, since in fleet.backlog_since.items():
        book = spans.policy.playbooks.get(name)
        if book is not None and book.backlog is not None:
            yield since + book.backlog.hold_for


def _of_question(row: Approval, book: Playbook | None) -> Iterator[datetime]:
    if row.answer is Answer.VOID or row.answer is Answer.USED or book is None:
        return
    yield row.expires_at
    yield row.expires_at + book.cooldown
    yield from (row.asked_at + span for span in (book.ask.remind if book.ask else ()))
    if row.answered_at is not None:
        yield row.answered_at + (row.expires_at - row.asked_at)


def _of_incidents(rule: Correlated, index: Index) -> Iterator[datetime]:
    """Windows in which suspicions count, and what an open incident waits for."""
    for suspicion in index.fleet.suspicions.values():
        for spell in suspicion.spells:
            yield spell.began + survivors.STOP
            yield from (spell.began + window for window in rule.within)
    for since in index.doubted.values():
        yield since + survivors.STOP
        yield since + QUIET
    for incident in picked(index.fleet.incidents, "open", value=True):
        yield from _of_incident(incident, index.fleet)


def _of_incident(incident: Incident, fleet: Fleet) -> Iterator[datetime]:
    yield from (incident.opened_at + FRESH, incident.opened_at + QUIET)
    if incident.deadline is not None:
        yield incident.deadline
    hosts = [host for name in incident.hosts if (host := fleet.hosts.get(name))]
    for host in hosts:
        verdict = fleet.verdicts.get(host.name)
        yield host.since + BACK
        yield (verdict.since if verdict else host.since) + BACK
    yield from (vote.received + FRESH for vote in inside(incident, hosts, fleet) if vote.received)
