"""Replay: the past goes by again, and at every moment at which something may change, rules and playbooks decide."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from remediator.model.decision import DecisionOutcome
from remediator.simulate.replay import budgets as replay_budgets
from remediator.simulate.replay.alerts import AlertLife
from remediator.simulate.replay.deadlines import next_deadline
from remediator.simulate.replay.past import Befell, Past, Stretch
from remediator.simulate.replay.results import HoldLife, LifeChange, Replayed
from remediator.simulate.replay.world import World

# As the loop ticks while things happen; while nothing does, twice as long each time.
TICK = timedelta(milliseconds=250)
LONGEST = timedelta(minutes=5)
Told = Callable[[datetime], None]


def replay(world: World, past: Past, alerts: Iterable[AlertLife], stretch: Stretch, told: Told) -> Replayed:
    """All that would have been decided in that stretch; ``told`` hears how far it is."""
    found = Replayed(stretch, world.setting.policy.digest, alerts=list(alerts))
    world.begin(past.standing)
    player = _Player(world, found, _agenda(past, found.alerts, stretch), past.away)
    now: datetime | None = stretch.start
    while now is not None and now <= stretch.end:
        player.play(now)
        told(now)
        now = player.following(now)
    player.close(stretch.end)
    found.names, found.notes = past.names | world.names, world.answers.notes()
    return found


def _agenda(past: Past, alerts: list[AlertLife], stretch: Stretch) -> list[Befell]:
    """What befell the fleet, and alerts that begin and cease to be actionable, in the order of time."""
    found = list(past.befell)
    for number, life in enumerate(alerts):
        if life.playbook:
            for low, high in life.actionable:
                found.append(Befell(low, "asks", str(number), replace(life.as_alert(stretch.end))))
                found.append(Befell(high, "asks", str(number)))
    return sorted(found, key=lambda befell: befell.at)


class _Player:
    """Goes from moment to moment, and keeps what is to be shown."""

    def __init__(
        self, world: World, found: Replayed, agenda: list[Befell], away: list[tuple[datetime, datetime]]
    ) -> None:
        self._world = world
        self._found = found
        self._agenda = agenda
        self._away = away
        self._next = 0
        self._wait = TICK
        self._holds = dict(world.holds)
        self._lives = {name: host.life for name, host in world.hosts.items()}

    def play(self, now: datetime) -> None:
        """Everything up to that moment, then one tick."""
        befell = self._befall(now)
        self._world.join(now)
        self._world.probation(now)
        fresh = self._world.tick(now)
        self._found.decisions += fresh
        self._note_holds(now)
        self._note_lives(now)
        if befell or fresh:
            fleet = self._world.fleet(now)
            replay_budgets.note(self._found.budgets, self._world.setting.policy, fleet, now)
        self._wait = TICK if befell or fresh else min(self._wait * 2, LONGEST)

    def following(self, now: datetime) -> datetime | None:
        """The next moment that matters."""
        told = self._agenda[self._next].at if self._next < len(self._agenda) else None
        moments = [told] if told else []
        deadline = next_deadline(self._world, now)
        if deadline:
            moments.append(deadline)
        if self._world.busy():
            moments.append(now + self._wait)
        if not moments:
            return None
        following = max(min(moments), now + timedelta(microseconds=1))
        # Nobody decides anything while no remediator is at work.
        return next((until for since, until in self._away if since <= following < until), following)

    def close(self, end: datetime) -> None:
        """Holds that still stand end with the stretch."""
        self._world.holds = {}
        self._note_holds(end)

    def _befall(self, now: datetime) -> bool:
        before = self._next
        while self._next < len(self._agenda) and self._agenda[self._next].at <= now:
            self._world.apply(self._agenda[self._next])
            self._next += 1
        return self._next > before

    def _note_holds(self, now: datetime) -> None:
        standing = self._world.holds
        for key, decision in self._holds.items():
            if standing.get(key) is not decision and decision.outcome is DecisionOutcome.HOLD:
                self._found.holds.append(HoldLife(decision, now))
        self._holds = dict(standing)

    def _note_lives(self, now: datetime) -> None:
        for name, host in self._world.hosts.items():
            if self._lives.get(name) is not host.life:
                self._found.lives.append(LifeChange(now, name, host.life.value))
                self._lives[name] = host.life
