"""What no playbook may loosen: rules/limits.yml has other owners than the rules."""

from collections.abc import Iterator
from datetime import timedelta

from remediator.model.errors import Problem
from remediator.model.policy import Limits, Playbook, Share
from remediator.policy.yaml.positions import Document, Where


def loosened(
    playbook: Playbook, limits: Limits, document: Document, *, destructive: bool, own_verdict: bool = False
) -> list[Problem]:
    """Every guard that is looser than the limits allow; a playbook that destroys nothing has budgets only.

    With ``own_verdict`` each of its destructive steps wants a direct verdict for itself.
    """
    found = list(_budgets(playbook, limits))
    if destructive:
        found += [*_waits(playbook, limits), *_correlation(playbook, limits)]
        found += [] if own_verdict else _evidence(playbook, limits)
    return [document.problem(where, message, check="limits/loosened") for where, message in found]


def _budgets(playbook: Playbook, limits: Limits) -> Iterator[tuple[Where, str]]:
    for index, budget in enumerate(playbook.budgets):
        pairs = (
            ("max_in_flight", budget.max_in_flight, limits.max_in_flight),
            ("newly_unhealthy", budget.newly_unhealthy, limits.newly_unhealthy),
        )
        for name, given, limit in pairs:
            if given and _looser(given, limit):
                yield ("budget", index, name), f"{_words(given)} is looser than limits.yml allows ({_words(limit)})"


def _waits(playbook: Playbook, limits: Limits) -> Iterator[tuple[Where, str]]:
    waits = (
        ("continuous", playbook.continuous, limits.continuous),
        ("settle", playbook.settle, limits.settle),
    )
    for name, given, limit in waits:
        if given < limit:
            yield ("requires", name), f"{_span(given)} is shorter than limits.yml allows ({_span(limit)})"


def _evidence(playbook: Playbook, limits: Limits) -> Iterator[tuple[Where, str]]:
    evidence = playbook.evidence
    if not evidence.verdict:
        yield ("requires", "evidence"), "a playbook with a destructive step needs direct evidence"
    if not evidence.assigned_majority:
        yield ("requires", "evidence", "assigned_majority"), "a destructive step needs the assigned majority"
    if evidence.outside_rack < limits.outside_rack:
        message = f"{evidence.outside_rack} is less than limits.yml allows ({limits.outside_rack})"
        yield ("requires", "evidence", "outside_rack"), message


def _correlation(playbook: Playbook, limits: Limits) -> Iterator[tuple[Where, str]]:
    if playbook.correlated and playbook.correlated.at_least > limits.correlated_at_least:
        message = f"{playbook.correlated.at_least} is more than limits.yml allows ({limits.correlated_at_least})"
        yield ("correlated", "at_least"), message


def _looser(given: Share, limit: Share) -> bool:
    return given.share > limit.share or given.at_least > limit.at_least


def _words(share: Share) -> str:
    return f"{share.share:.4g}, at least {share.at_least}"


def _span(span: timedelta) -> str:
    return f"{span.total_seconds():g}s"
