"""The oracle's word on one run."""

from collections.abc import Mapping

from remediator.model.policy import Limits, Playbook
from remediator.simulate.oracle.budgets import breaches
from remediator.simulate.oracle.doors import through_gate, while_frozen
from remediator.simulate.oracle.findings import Judgement
from remediator.simulate.oracle.instances import double_mounted, double_routed
from remediator.simulate.oracle.kills import Kills
from remediator.simulate.oracle.promises import lost_requests, untrue_ends
from remediator.simulate.oracle.times import measures
from remediator.simulate.world.record import Run


def judged(run: Run, playbooks: Mapping[str, Playbook], limits: Limits) -> Judgement:
    """Every sin with its moment, every needless replacement, and the measures."""
    kills = Kills(run)
    findings = [
        *kills.wrong(),
        *double_routed(run),
        *double_mounted(run),
        *breaches(run, playbooks, limits),
        *through_gate(run),
        *while_frozen(run),
        *lost_requests(run),
        *untrue_ends(run),
    ]
    return Judgement(
        run.story,
        run.seed,
        run.judge,
        tuple(sorted(findings, key=lambda finding: finding.at)),
        tuple(kills.needless()),
        measures(run),
    )
