"""A small fleet and its past for tests of replay: nothing of it comes from a store."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from remediator.actions import ACTIONS
from remediator.commands.replay_run import HOUSE
from remediator.engine.evidence.lives import LifeTimes
from remediator.model.host import Capacity
from remediator.model.policy import Policy
from remediator.policy.load import load_policy
from remediator.simulate.replay.alerts import AlertLife
from remediator.simulate.replay.house import Paces, Setting
from remediator.simulate.replay.past import Befell, Past, Stretch, in_order
from remediator.simulate.replay.replay import replay
from remediator.simulate.replay.results import Replayed
from remediator.simulate.replay.world import World
from tests.remediator.builders import NOON, SECOND, host, machine

RULES = Path(__file__).parents[3] / "rules"
STRETCH = Stretch(NOON, NOON + timedelta(hours=1))


def policy(**playbooks: dict[str, Any]) -> Policy:
    """The shipped rules; playbooks changed as told."""
    shipped = load_policy(RULES, ACTIONS)
    changed = {name: replace(shipped.playbooks[name], **more) for name, more in playbooks.items()}
    return replace(shipped, playbooks={**shipped.playbooks, **changed})


def past(*befell: Befell, hosts: int = 8) -> Past:
    """Hosts in racks of their own with two machines each, and what befell them."""
    known = Past(befell=in_order(befell))
    for number in range(1, hosts + 1):
        name = f"h{number}"
        roomy = host(name, f"r{number}", capacity=Capacity(64.0, 65536, 65536))
        known.rows["Host"][name] = roomy
        for letter in "ab":
            made = machine(f"m{number}{letter}", name, app=f"app-{letter}")
            known.rows["Machine"][made.id] = made
    known.names = {key: f"{one.app}/{one.name}" for key, one in known.rows["Machine"].items()}
    return known


def lost(name: str, after: float, until: float) -> list[Befell]:
    """A host that dies and comes back; seconds from noon."""
    votes = {"silent": (3, {"elsewhere": 3}), "suspect_since": NOON + (after - 3) * SECOND}
    return [
        Befell(NOON + (after - 1) * SECOND, "host", name, {"life": "suspect", **votes}),
        Befell(NOON + after * SECOND, "host", name, {"life": "dead", **votes}),
        Befell(NOON + until * SECOND, "host", name, {"life": "returning"}),
    ]


def host_dead(name: str, after: float, until: float) -> AlertLife:
    """The rule's word of it."""
    labels = {"alertname": "HostDead", "host": name, "region": "arn", "playbook": "host_dead"}
    born, fired, ended = (NOON + seconds * SECOND for seconds in (after, after + 3, until))
    return AlertLife("HostDead", labels, born, fired, ended, 1.0, ((fired, ended),))


def replayed(known: Past, alerts: Iterable[AlertLife] = (), rules: Policy | None = None) -> Replayed:
    setting = Setting(rules or policy(), ACTIONS, "host_dead", LifeTimes(), {"": "keep_original"})
    found = replay(World(HOUSE, setting, known, Paces()), known, alerts, STRETCH, lambda _now: None)
    found.sources = {"fleet": "made up"}
    return found
