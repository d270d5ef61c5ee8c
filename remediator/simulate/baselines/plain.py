"""A judge that is nothing but its logic: the same messages in, the same verbs out, one small durable book.

Whom its logic chooses is written off at once (after its power was cut, where the logic fences), and every machine
without a volume is started on the host of the region that has the fewest; what was written off its agent stops
when the host comes back. Its gate is always open: none of these systems has one.
"""

import copy
from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from remediator.engine.evidence.vantages import Vantage
from remediator.engine.evidence.vantages import assigned as seats
from remediator.model.evidence import Gate, Outcome
from remediator.simulate.baselines.book import At, Book, Instance, opened
from remediator.simulate.baselines.doing import Doing
from remediator.simulate.baselines.logic import Logic, Picture
from remediator.simulate.baselines.seen import LIVENESS, Heard
from remediator.simulate.world.house import START
from remediator.simulate.world.judge import (
    Answer,
    Ask,
    Crashed,
    Ended,
    Hello,
    HungUp,
    Message,
    Probes,
    Report,
    Signal,
    Welcome,
)
from remediator.simulate.world.told import Setting

ALIVE = ("healthy", "ok")
LOST = ("dead", "unreachable")


class Plain:
    """One baseline over one run."""

    def __init__(self, setting: Setting, make: Callable[[], Logic]) -> None:
        self._setting = setting
        self._make = make
        self.name = make().name
        population = setting.population
        self._book = opened(population)
        self._regions = {host.name: host.region for host in population.hosts}
        self._seats = seats(population.hosts, population.vantages)
        self._since: datetime | None = None
        self._stepped = 0.0
        self._doomed = False
        for each in self._book.instances.values():
            if each.at is At.SERVING:
                setting.told.routed(each.machine, each.line, each.host, on=True)
        setting.told.flags.set("gate", setting.told.now, on=True)

    def begin(self, now: datetime) -> None:
        first = self._since is None
        self._since = self._since or now
        self._at(now, fresh=True)
        self._doomed = False
        self._book.term += 1
        for pending in self._book.pending.values():
            pending.flying = False
        self._logic = self._make()
        self._began = self._now
        self._heard = Heard(self._regions, self._now, quiet=first)
        self._lost: dict[str, float] = {}
        self._doing = Doing(self._setting, self._book)

    def _at(self, now: datetime, *, fresh: bool = False) -> float:
        """Seconds since the beginning by a clock that nobody sets."""
        began = self._since or now
        self._now = (now - began).total_seconds() - self._stepped
        if not fresh:
            self._heard.now = self._now
        return self._now

    def _dies(self) -> None:
        if self._doomed:
            self._doomed = False
            raise Crashed("by the story")

    def greeted(self, hello: Hello, now: datetime) -> Welcome:
        self._at(now)
        book, host = self._book, hello.host
        self._regions.setdefault(host, str(hello.body.get("region", "")))
        book.epochs[host] = book.epochs.get(host, 0) + 1
        book.remediated.pop(host, None)
        book.fencing.discard(host)
        self._heard.heartbeat(host)
        self._found(host)
        self._doing.reconcile(host, {str(each["id"]) for each in hello.body.get("machines", ())}, self._now)
        return Welcome(book.epochs[host], book.term, tuple(book.written_off(host)))

    def heard(self, message: Message, now: datetime) -> str:
        self._at(now)
        match message:
            case Report():
                self._heard.heartbeat(message.host)
                self._found(message.host)
                self._doing.absent(message.body.get("absent", ()))
            case Probes():
                for host, outcome in message.results:
                    self._heard.voted(message.vantage.name, host, outcome)
            case Signal(alert, labels, on, _) if alert == LIVENESS:
                self._heard.rule(labels["host"], on=on)
            case Ended():
                if host := self._doing.ended(message, self._now):
                    self._replace(host)
            case HungUp():
                self._heard.quiet.discard(message.host)
            case _:
                pass
        return ""

    def asked(self, ask: Ask, now: datetime) -> Answer:
        self._at(now)
        self._dies()
        if ask.kind != "destroy" or ask.subject not in self._book.instances:
            return Answer(accepted=False, text=f"{ask.kind} {ask.subject} is not known here")
        self._doing.destroy_line(ask.subject, ask.who)
        return Answer(accepted=True)

    def tick(self, now: datetime) -> bool:
        """One pass: who is lost, whom to remediate, what is to be sent."""
        self._at(now)
        self._dies()
        changed = self._judge()
        for host in self._logic.chosen(self._picture()):
            changed = True
            self._remediate(host)
        return self._doing.send_due(self._now, self._lost) or changed

    def _judge(self) -> bool:
        before = set(self._lost)
        for host in self._regions:
            if host in self._heard.quiet and host not in self._heard.rule_since:
                self._found(host)
            elif self._logic.lost(self._heard, host):
                if host not in self._lost:
                    self._lost[host] = self._now
                    self._setting.told.stated(host, *LOST, "none")
                    self._doing.routes(host, on=False)
            else:
                self._found(host)
        return before != set(self._lost)

    def _found(self, host: str) -> None:
        if host in self._lost and not self._logic.lost(self._heard, host):
            del self._lost[host]
            self._book.remediated.pop(host, None)
            self._setting.told.stated(host, *ALIVE, "none")
            self._doing.routes(host, on=True)
            self._doing.stop_written_off(host)

    def _picture(self) -> Picture:
        hands = frozenset(self._book.remediated) | self._book.fencing
        return Picture(self._now, self._regions, self._lost, hands, self._began)

    def _remediate(self, host: str) -> None:
        self._doing.mark(host)
        if self._logic.fences:
            self._book.fencing.add(host)
            self._doing.fence(host)
        else:
            self._replace(host)

    def _replace(self, host: str) -> None:
        """Written off, and what can be is started elsewhere."""
        self._book.fencing.discard(host)
        self._book.remediated[host] = self._now
        for each in self._book.on(host):
            self._doing.write_off(each)
            if not each.volumes and not each.ended:
                self._doing.start_elsewhere(each, self._target(each))

    def _target(self, each: Instance) -> str:
        """The host of its region with the fewest instances; any other host if the whole region is lost."""
        loads = self._book.loads()
        out = set(self._lost) | set(self._book.remediated) | self._book.fencing | {each.host}
        free = [host for host in self._regions if host not in out] or list(self._regions)
        near = [host for host in free if self._regions[host] == each.region] or free
        return min(near, key=lambda host: (loads.get(host, 0), host))

    def busy(self, now: datetime) -> bool:
        self._at(now)
        return bool(self._lost or self._book.pending or self._heard.rule_since or self._doomed)

    def slept(self, seconds: float) -> None:
        """Quiet hosts stay well."""

    def stepped(self, seconds: float) -> None:
        self._stepped += seconds

    def assigned(self, now: datetime) -> Mapping[str, tuple[Vantage, ...]]:  # noqa: ARG002
        return self._seats

    def well(self, hosts: Collection[str]) -> frozenset[str]:
        rules, lost, votes = self._heard.rule_since, self._lost, self._heard.votes
        return frozenset(
            host
            for host in hosts
            if host not in lost
            and host not in rules
            and not self._book.written_off(host)
            and all(outcome is Outcome.OK for outcome in votes[host].values())
        )

    def calm(self, hosts: Collection[str]) -> None:
        self._heard.calm(hosts)

    def crash_at(self, step: str) -> None:  # noqa: ARG002
        self._doomed = True

    def journal(self) -> object:
        return copy.deepcopy(self._book)

    def restore(self, journal: object) -> None:
        if not isinstance(journal, Book):
            raise TypeError("not a book of ours")
        self._book = copy.deepcopy(journal)

    def gate(self) -> Gate:
        return Gate(open=True, reason="", since=self._since or START)
