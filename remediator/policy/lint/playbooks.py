"""One playbook as its own file shows it: steps that cannot act, questions without an end, guards nobody can meet."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import NamedTuple

from remediator.engine.incidents.exits import GROUP_PLAYBOOKS
from remediator.model.alert import Group
from remediator.model.errors import Problem
from remediator.model.policy import Kind, Mode, Playbook, Share, Step
from remediator.policy.lint.findings import Finding, told
from remediator.policy.steps import Actions, flat
from remediator.policy.yaml.positions import Document

# As many vantages outside a host's rack are assigned to it; more can never agree (engine/evidence/vantages.py).
ASSIGNED_OUTSIDE = 2


class Site(NamedTuple):
    """One expected host's place."""

    region: str
    rack: str


def destructive(steps: tuple[Step, ...], actions: Actions) -> bool:
    """Whether any of the steps destroys."""
    return any(actions[step.action].kind is Kind.DESTRUCTIVE for _, step in flat(steps))


def own_verdicts(steps: tuple[Step, ...], actions: Actions) -> bool:
    """Whether each step that destroys wants a direct verdict for itself."""
    used = [actions[step.action] for _, step in flat(steps)]
    return all(action.verdict for action in used if action.kind is Kind.DESTRUCTIVE)


def lint_playbook(playbook: Playbook, document: Document, actions: Actions) -> list[Problem]:
    """Everything wrong with one playbook, whatever the rules and the fleet are."""
    found = [*_steps(playbook, actions), *_asks(playbook), *_never(playbook), *_budgets(playbook), *_timing(playbook)]
    return [told(document, (), finding) for finding in found]


def lint_fleet(playbook: Playbook, document: Document, fleet: Iterable[Site]) -> list[Problem]:
    """Guards that this fleet can never meet."""
    sites = list(fleet)
    regions = sorted({site.region for site in sites})
    found = [finding for region in regions for finding in _quorum(playbook, region, sites)]
    found += [finding for region in regions for finding in _too_small(playbook, region, sites)]
    return [told(document, (), finding) for finding in found]


def lint_unused(playbooks: Mapping[str, Document], groups: tuple[Group, ...], always: str = "") -> list[Problem]:
    """A warning for each playbook that no rule asks for; ``always`` is the one that direct evidence asks for."""
    used = {rule.labels.get("playbook", "") for group in groups for rule in group.rules} | {always} | GROUP_PLAYBOOKS
    return [
        told(document, (), Finding("playbook/unused", ("playbook",), f"no rule asks for playbook {name!r}"))
        for name, document in playbooks.items()
        if name not in used
    ]


def _steps(playbook: Playbook, actions: Actions) -> Iterator[Finding]:
    for where, step in flat(playbook.steps):
        needs = actions[step.action].needs_label
        if needs and needs != playbook.target:
            message = f"action {step.action!r} acts on a {needs}, but the target is {playbook.target!r}"
            yield Finding("playbook/step", where, message)


def _asks(playbook: Playbook) -> Iterator[Finding]:
    asked = any("ask" in step.params.values() for _, step in flat(playbook.steps))
    if playbook.ask or not (playbook.mode is Mode.APPROVE or asked or _verify_asks(playbook)):
        return
    message = "ask: is missing: where people are asked, say when it expires and what then"
    yield Finding("playbook/ask", ("mode",) if playbook.mode is Mode.APPROVE else (), message)


def _verify_asks(playbook: Playbook) -> bool:
    return playbook.verify is not None and playbook.verify.otherwise == "ask"


def _never(playbook: Playbook) -> Iterator[Finding]:
    """Ceilings of nothing, and more witnesses than there are."""
    for index, budget in enumerate(playbook.budgets):
        for name in ("max_in_flight", "rate", "newly_unhealthy"):
            share: Share | None = getattr(budget, name)
            if share and not share.share and not share.at_least:
                message = "allows none at all, so this playbook can never act; mode: disabled says so plainly"
                yield Finding("playbook/never", ("budget", index, name), message)
    outside = playbook.evidence.outside_rack
    if playbook.evidence.verdict and outside > ASSIGNED_OUTSIDE:
        message = f"{outside} can never agree: {ASSIGNED_OUTSIDE} vantages outside the rack are assigned to a host"
        yield Finding("playbook/never", ("requires", "evidence", "outside_rack"), message)


def _budgets(playbook: Playbook) -> Iterator[Finding]:
    for index, budget in enumerate(playbook.budgets):
        at_once, rate = budget.max_in_flight, budget.rate
        if at_once and rate and (rate.share < at_once.share or rate.at_least < at_once.at_least):
            message = (
                "begins fewer than may be in flight at once: that ceiling is never reached; raise it or lower that"
            )
            yield Finding("playbook/budget", ("budget", index, "rate"), message)
        together = playbook.correlated
        if at_once and together and at_once.at_least >= together.at_least:
            message = f"{at_once.at_least} at once, but from {together.at_least} on they are held as one incident"
            yield Finding("playbook/budget", ("budget", index, "max_in_flight"), message)


def _timing(playbook: Playbook) -> Iterator[Finding]:
    expires = playbook.ask.expires if playbook.ask else None
    for index, after in enumerate(playbook.ask.remind if playbook.ask else ()):
        if expires is not None and after >= expires:
            message = f"{_span(after)}: the question has expired by then ({_span(expires)})"
            yield Finding("playbook/timing", ("ask", "remind", index), message)
    for name, wait in (("settle", playbook.settle), ("continuous", playbook.continuous)):
        if expires is not None and wait >= expires:
            message = f"{_span(wait)}: a question expires sooner ({_span(expires)})"
            yield Finding("playbook/timing", ("requires", name), message)
    within = playbook.verify.within if playbook.verify else None
    if within is not None and playbook.cooldown < within:
        message = (
            f"{_span(playbook.cooldown)}: a step is repeated before it is judged (verify.within {_span(within)})"
        )
        yield Finding("playbook/timing", ("cooldown",), message)


def _quorum(playbook: Playbook, region: str, sites: list[Site]) -> Iterator[Finding]:
    """Vantages of other regions may stand in, so only a fleet of one rack can never agree; few racks are a risk."""
    racks = {site for site in sites if site.region == region}
    wanted = playbook.evidence.outside_rack
    if not playbook.evidence.verdict or len(racks) - 1 >= wanted:
        return
    where = ("requires", "evidence", "outside_rack")
    outside = f"region {region!r} has {_count(len(racks), 'rack')}, so {len(racks) - 1} outside a host's own"
    if len(set(sites)) == 1:
        yield Finding("playbook/never", where, f"{outside}, and {wanted} vantages must agree: no act can follow")
    else:
        message = f"{outside}, and {wanted} vantages must agree: they need places in other regions, or share a rack"
        yield Finding("playbook/never", where, message, severity="warning")


def _too_small(playbook: Playbook, region: str, sites: list[Site]) -> Iterator[Finding]:
    hosts = sum(site.region == region for site in sites)
    for index, budget in enumerate(playbook.budgets):
        for name in ("max_in_flight", "rate", "newly_unhealthy"):
            share: Share | None = getattr(budget, name)
            if share and share.share and budget.scope == "region" and not share.of(hosts):
                message = f"is none of the {_count(hosts, 'host')} in region {region!r}: add at_least"
                yield Finding("playbook/never", ("budget", index, name), message)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _span(span: timedelta) -> str:
    return f"{span.total_seconds():g}s"
