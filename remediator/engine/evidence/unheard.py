"""Suspects that nobody tells of: a shard not heard of late may have as many as it has hosts. PURE.

Both bounds are counted: what it told last, and all its hosts under a label. A death here that would be one of so many
waits until that shard is heard again.
"""

from remediator.engine.guards.guard import Facts
from remediator.engine.incidents.correlation import LOCAL, SHORT, Key, doubts_under, key_of, quantile, rate_of, sizes
from remediator.engine.index import Index
from remediator.model.decision import Hold
from remediator.model.elsewhere import Elsewhere
from remediator.model.host import Host
from remediator.model.policy import Correlated


def unheard(host: Host, rule: Correlated, index: Index) -> Facts:
    """The first of the host's labels under which it may be one of many; nothing where every shard is heard."""
    silent = [each for each in index.fleet.elsewhere if each.stale]
    for label in rule.by if silent else ():
        key = None if label in LOCAL else key_of(host, label)
        many = sum(each.sizes.get(key, 0) for each in silent) if key else 0
        if key and many and _may_be_one(key, many, rule, index):
            return {"unheard": [each.shard for each in silent if key in each.sizes], "for": _longest(silent)} | {
                "label": label, "value": key[2], "unknown": many,
            }  # fmt: skip
    return {}


def _may_be_one(key: Key, many: int, rule: Correlated, index: Index) -> bool:
    """Whether it would be an incident if all who are not heard of were in doubt, at once."""
    everywhere = index.fleet.elsewhere
    size = sizes(index, key[0])[key] + sum(each.sizes.get(key, 0) for each in everywhere)
    if 2 * size > len(index.fleet.hosts) + sum(each.hosts for each in everywhere):
        # What most hosts share explains nothing of a few.
        return False
    here = {doubt.host for doubt in doubts_under(index, rule, key) if doubt.host in index.fleet.hosts}
    expected = quantile(size * SHORT.total_seconds() * rate_of(index.fleet, SHORT))
    return len(here) + many >= rule.at_least and len(here) + many > expected


def _longest(silent: list[Elsewhere]) -> float:
    return round(max(each.stale for each in silent), 1)


def judge_unheard(facts: Facts) -> Hold | None:
    if "unheard" not in facts:
        return None
    who, many = ", ".join(facts["unheard"]), f"up to {facts['unknown']} hosts of {facts['label']} {facts['value']}"
    told = f"shard {who} has not been heard for {facts['for']:.0f} s: {many} there may have fallen with this one"
    return Hold("CorrelationUnknown", told, {name: facts[name] for name in ("label", "value", "unheard")})
