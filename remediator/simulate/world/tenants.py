"""Tenants and operators: what they ask for, again and again until they are answered."""

from dataclasses import replace

from remediator.simulate.world.ground import Ground
from remediator.simulate.world.judge import Ask
from remediator.simulate.world.record import Requested
from remediator.simulate.world.senses import Senses
from remediator.simulate.world.story import Wish
from remediator.simulate.world.told import Told

# A client whose call failed tries again after so long; it gives up after so many tries.
AGAIN, TRIES = 2.0, 200


class Tenants:
    """Each wish becomes requests; a refusal with Retry-After is asked again then."""

    def __init__(self, ground: Ground, senses: Senses, told: Told) -> None:
        self._ground = ground
        self._senses = senses
        self._told = told
        self._count = 0

    def wishes(self, wish: Wish) -> None:
        subjects = wish.subjects if wish.kind != "create" else wish.subjects * wish.count
        for subject in subjects:
            self._count += 1
            name = f"{wish.kind}-{self._count}"
            args = {"for": wish.span, "region": wish.region, "memory_mb": wish.memory_mb, "number": self._count}
            ask = Ask(name, wish.kind, subject, wish.by, args)
            now = self._ground.queue.now
            self._told.requests[name] = Requested(name, wish.kind, subject, self._host(subject), now, "unanswered")
            self._try(ask, TRIES)

    def _host(self, machine: str) -> str:
        return next((name for name, agent in self._ground.agents.items() if machine in agent.machines), "")

    def _try(self, ask: Ask, left: int) -> None:
        # Whoever is asked about a machine has heard of its host a moment ago.
        self._senses.stir([self._told.requests[ask.id].host])
        answer, queue = self._ground.house.ask(ask), self._ground.queue
        known = self._told.requests[ask.id]
        if answer is not None and known.answer != ("accepted" if answer.accepted else "refused"):
            word = "accepted" if answer.accepted else f"refused: {answer.text}"
            self._told.line(f"{ask.who} asks to {ask.kind} {ask.subject}: {word}".replace("  ", " "))
            given = "accepted" if answer.accepted else "refused"
            self._told.requests[ask.id] = replace(known, answer=given, answered=queue.now)
        wait = AGAIN if answer is None else answer.retry_after
        if left and (answer is None or (not answer.accepted and wait)):
            queue.after(wait, lambda: self._try(ask, left - 1))
