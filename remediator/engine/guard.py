"""What a guard is: facts read from a case, and a word that follows from those facts alone. PURE."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from remediator.actions.spec import Case
from remediator.model.decision import Hold

# Plain JSON values, sets and moments as text: they are kept with the decision, and it can be made again from them.
Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Guard:
    """``read`` gives None where the guard has nothing to say about a case; ``judge`` sees nothing but the facts."""

    name: str
    read: Callable[[Case], Facts | None]
    judge: Callable[[Facts], Hold | None]

    def __call__(self, case: Case) -> Hold | None:
        facts = self.read(case)
        return None if facts is None else self.judge(facts)
