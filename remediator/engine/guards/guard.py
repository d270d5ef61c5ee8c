"""What a guard is: facts read from a case, and a word that follows from those facts alone. PURE."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from remediator.actions.spec import Case
from remediator.model.decision import Hold
from remediator.model.errors import FleetmendError

# What a guard, or a plan, may fail with: of its own logic, too deep a recursion and too little memory among them.
ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    FleetmendError,
    LookupError,
    MemoryError,
    NameError,
    RuntimeError,
    StopIteration,
    TypeError,
    ValueError,
)

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


AnyGuard = Guard | Callable[[Case], Hold | None]
# Whether a person has answered what a guard asks.
Approved = Callable[[Hold], bool]


@dataclass(frozen=True, slots=True)
class Heard:
    """What several guards said: the first hold that nobody approved, and what each of them read, by its name.

    ``approved`` are the reasons that a person let pass.
    """

    hold: Hold | None = None
    facts: dict[str, Facts] = field(default_factory=dict)
    approved: tuple[str, ...] = ()

    def then(self, later: "Heard") -> "Heard":
        """Both, one after the other."""
        return Heard(later.hold, {**self.facts, **later.facts}, (*self.approved, *later.approved))


def name_of(guard: AnyGuard) -> str:
    return guard.name if isinstance(guard, Guard) else getattr(guard, "__name__", "guard")


def hear(guards: Iterable[AnyGuard], case: Case, approved: Approved = lambda _: False) -> Heard:
    """One guard after the other, up to the first that holds."""
    facts: dict[str, Facts] = {}
    let_pass: tuple[str, ...] = ()
    for guard in guards:
        read, hold = _asked(guard, case)
        if read is not None:
            facts[name_of(guard)] = read
        if hold is not None and not (hold.asks and approved(hold)):
            return Heard(hold, facts, let_pass)
        let_pass += (hold.reason,) if hold else ()
    return Heard(None, facts, let_pass)


def first_hold(guards: Iterable[AnyGuard], case: Case) -> Hold | None:
    return hear(guards, case).hold


def checked(guard: AnyGuard, case: Case) -> Hold | None:
    """The guard's word; its failure is a hold too."""
    return _asked(guard, case)[1]


def failed(name: str, error: str) -> Hold:
    """The word of a guard that could not say any."""
    return Hold("GuardFailed", f"guard {name} failed and therefore blocks: {error}")


def _asked(guard: AnyGuard, case: Case) -> tuple[Facts | None, Hold | None]:
    try:
        if not isinstance(guard, Guard):
            hold = guard(case)
            return ({"said": [hold.reason, hold.text]} if hold else None), hold
        facts = guard.read(case)
        return facts, None if facts is None else guard.judge(facts)
    except ERRORS as error:
        told = type(error).__name__
        return {"failed": told}, failed(name_of(guard), told)
