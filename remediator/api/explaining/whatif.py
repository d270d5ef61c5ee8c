"""`GET /v1/whatif`: each host as if it died now."""

from collections import Counter
from typing import Any

from remediator.api.explaining.remedies import what_would_help
from remediator.engine.whatif import Fate, Outlook


def whatif_doc(outlook: Outlook) -> dict[str, Any]:
    """All fates, with what would change those that are held; ``took`` in seconds."""
    return {**summary_doc(outlook), "digest": outlook.digest, "hosts": [fate_doc(each) for each in outlook.fates]}


def summary_doc(outlook: Outlook) -> dict[str, Any]:
    """How many would be acted on, and how many each reason holds."""
    held = Counter(fate.blocker for fate in outlook.fates if not fate.can_act)
    return {
        "at": outlook.at,
        "took": round(outlook.took, 3),
        "can_act": sum(fate.can_act for fate in outlook.fates),
        "held": dict(sorted(held.items())),
    }


def fate_doc(fate: Fate) -> dict[str, Any]:
    return {
        "host": fate.host,
        "region": fate.region,
        "rack": fate.rack,
        "can_act": fate.can_act,
        "seconds": fate.seconds,
        "action": fate.action,
        "blocker": fate.blocker,
        "lasting": fate.lasting,
        "text": fate.text,
        "would_change": "" if fate.can_act else what_would_help(fate.blocker, fate.text),
    }
