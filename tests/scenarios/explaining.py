"""Our own judge, of which everything is asked: whatever it holds, explain is asked at once what would change it."""

from datetime import datetime

from remediator.api.explaining.explain import Explanation, Scene, explain
from remediator.engine.evidence.lives import LifeTimes
from remediator.engine.whatif import Assumptions
from remediator.model.decision import Decision
from remediator.simulate.world.told import Setting
from remediator.simulation.ours import Book, Ours

# How explain speaks of a reason that it knows nothing about.
UNKNOWN = "that this is no longer so"


class Explaining(Ours):
    """``unexplained`` are holds for which explain had no answer, as they came up."""

    def __init__(self, setting: Setting, book: Book, unexplained: list[str]) -> None:
        super().__init__(setting, book)
        self._assumed = Assumptions(self._policy, book.actions, book.liveness, LifeTimes())
        self._unexplained = unexplained
        self._known: set[tuple[str, ...]] = set()

    def tick(self, now: datetime) -> bool:
        moved = super().tick(now)
        for hold in self._live.loop.holds.values():
            # A hold that comes back is explained as it was.
            if hold.sameness not in self._known:
                self._known.add(hold.sameness)
                self._ask(hold, now)
        return moved

    def _ask(self, hold: Decision, now: datetime) -> None:
        loop, fleet = self._live.loop, self._live.watch.look()
        scene = Scene(fleet, tuple(loop.recent), tuple(loop.holds.values()), now, self._assumed)
        by_id, by_target = explain(hold.id, scene), explain(hold.target, scene)
        if not (_answers(by_id, hold) and by_target and any(hold.reason in line for line in by_target.held)):
            self._unexplained.append(f"{hold.playbook}/{hold.target}/{hold.action}: {hold.reason}: {hold.text}")


def _answers(told: Explanation | None, hold: Decision) -> bool:
    """Whether it says what holds, and what would change it."""
    if told is None or told.held != (hold.text,):
        return False
    return bool(told.would_change) and not any(line.startswith(UNKNOWN) for line in told.would_change)
