"""The guards', steps' and rules' words on a target, as an explanation tells them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from remediator.api.explaining.remedies import what_would_help
from remediator.engine.decide import case_of
from remediator.engine.explain import Account, Rung, account, subjects
from remediator.engine.guards.words import Word
from remediator.engine.whatif import Assumptions, Fate
from remediator.model.fleet import Fleet


@dataclass(frozen=True, slots=True)
class Told:
    """An account with the sentence that says what would change its nearest blocker."""

    playbook: str
    mode: str
    target: str
    asked_by: tuple[str, ...]
    guards: tuple[Word, ...]
    steps: tuple[Rung, ...]
    nearest: str
    nearest_text: str
    would_change: str


def accounts_of(
    assumed: Assumptions, fleet: Fleet, target: str, now: datetime, playbook: str = ""
) -> tuple[Told, ...]:
    """An account for each playbook that has to do with the target, or for that one alone."""
    names: Sequence[str] = [playbook] if playbook else subjects(assumed.policy, assumed.liveness, fleet, target)
    known = [name for name in names if name in assumed.policy.playbooks]
    cases = {name: case_of(assumed.policy, name, target, fleet, now) for name in known}
    return tuple(_told(account(assumed.policy, assumed.actions, name, case)) for name, case in cases.items())


def fate_line(fate: Fate) -> str:
    """One host's fate in one sentence."""
    if fate.can_act:
        return f"acted on after {fate.seconds:g} s, first by {fate.action}"
    never = "never as things are set up" if fate.lasting else f"not now, held by {fate.blocker}"
    return f"{never}: {fate.text}"


def _told(each: Account) -> Told:
    helps = what_would_help(each.nearest, each.nearest_text) if each.nearest else ""
    return Told(
        each.playbook,
        each.mode,
        each.target,
        each.asked_by,
        each.words,
        each.rungs,
        each.nearest,
        each.nearest_text,
        helps,
    )
