"""What others than vantages claim of hosts: rules over the store, and the agents of their own hosts. PURE."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from remediator.model.alert import Alert
from remediator.model.evidence import Claim, VerdictKind

# The playbook's name is the word that rule, verdict and remedy share.
CLAIMED_BY_PLAYBOOK = {
    "host_wedged": VerdictKind.WEDGED,
    "host_unscraped": VerdictKind.UNSCRAPED,
    "host_store_gap": VerdictKind.STORE_GAP,
    "host_label_drift": VerdictKind.LABEL_DRIFT,
}
# No agent needs more to say what is stuck.
_LONGEST = 200
_TEXTS = {
    VerdictKind.WEDGED: "its tasks are stuck in the kernel",
    VerdictKind.UNSCRAPED: "no scrape of it succeeds",
    VerdictKind.STORE_GAP: "the store has nothing of it, not even a scrape that failed",
    VerdictKind.LABEL_DRIFT: "what is scraped under its name has another region, rack or identity",
}


def claims_of(alerts: Iterable[Alert]) -> Mapping[str, tuple[Claim, ...]]:
    """By host, what our own evaluator says is wrong with it; others that tell us alerts are no witnesses."""
    found: defaultdict[str, dict[VerdictKind, Claim]] = defaultdict(dict)
    for alert in alerts:
        # Others may tell us a hundred thousand of them.
        if not alert.actionable or alert.source:
            continue
        kind = CLAIMED_BY_PLAYBOOK.get(alert.playbook)
        host = alert.labels.get("host", "")
        if kind and host:
            found[host].setdefault(kind, Claim(kind, "store", alert.active_at, f"{_TEXTS[kind]} ({alert.name})"))
    return {host: tuple(claims.values()) for host, claims in found.items()}


def claims_of_agent(report: Mapping[str, Any], now: datetime) -> tuple[Claim, ...]:
    """That its host does no work, if the agent says so in a report; agents of before say nothing of it."""
    disk = report.get("disk")
    stuck = disk.get("stuck") if isinstance(disk, Mapping) else None
    if not stuck or not isinstance(stuck, str):
        return ()
    return (Claim(VerdictKind.WEDGED, "agent", now, stuck[:_LONGEST]),)
