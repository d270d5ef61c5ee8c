"""What owners are told of their machines: the events of a dead host, one call an app, a host and a word. PURE."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from remediator.model.machine import Event, Machine
from remediator.model.request import Operation, Origin

# Every app that has no webhook of its own.
ANY_APP = "*"
# The events that owners are called about, and the word for each; what they asked for themselves is none of these.
_WORDS = {
    ("host", "unreachable"): "unreachable",
    ("host", "returned"): "returned",
    ("recovery", "held"): "held",
    ("recovery", "waiting"): "waiting",
    ("recovery", "serving"): "replaced",
    ("destroy", "destroying"): "condemned",
}
_OWN = "user"
MOST_NAMED = 200


def news(before: Machine | None, after: Machine) -> Iterable[tuple[str, Event]]:
    """Events that are new and that its owner is called about, each with its word; oldest first."""
    known = set(before.events) if before else set()
    fresh = [event for event in after.events if event not in known and event.source != _OWN]
    return [(_WORDS[key], event) for event in reversed(fresh) if (key := (event.kind, event.status)) in _WORDS]


def webhook_of(app: str, owners: Mapping[str, str]) -> str:
    """The webhook of an app's owner; empty where there is none."""
    return owners.get(app) or owners.get(ANY_APP, "")


def calls(
    changed: Iterable[tuple[Machine | None, Machine]], owners: Mapping[str, str], now: datetime
) -> list[Operation]:
    """One call for all machines of an app on a host that the same has happened to."""
    gathered: defaultdict[tuple[str, str, str], list[tuple[Machine, Event]]] = defaultdict(list)
    for before, after in changed:
        if webhook_of(after.app, owners):
            for word, event in news(before, after):
                gathered[after.app, after.host, word].append((after, event))
    return [_call(key, told, webhook_of(key[0], owners), now) for key, told in gathered.items()]


def _call(key: tuple[str, str, str], told: list[tuple[Machine, Event]], to: str, now: datetime) -> Operation:
    app, host, word = key
    machines = [_named(machine, event) for machine, event in told[:MOST_NAMED]]
    args = {
        "to": to,
        "app": app,
        "host": host,
        "event": word,
        "at": now.isoformat(),
        "text": f"{len(told)} machines of {app} on {host}: {word}",
        "machines": machines,
    }
    # Telling changes nothing of the fleet: a freeze, which stops what is automatic, does not stop it.
    name = f"owner:{to}:{app}:{host}:{word}:{now.timestamp():.3f}"
    return Operation(name, "webhook", "", args, Origin.OPERATOR, now)


def _named(machine: Machine, event: Event) -> dict[str, Any]:
    return {"id": machine.id, "name": machine.name, "replaced_by": machine.replaced_by, "text": event.text}
