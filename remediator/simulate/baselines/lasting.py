"""Stories for the scoreboard: the campaigns' own faults, some of which last as long as real ones do.

In the campaigns the longest fault takes four and a half minutes, so that systems which wait for five would never act.
Here half of the single power losses are for good, and the other faults of hosts and links take as long as they do in
the campaigns, four times or twelve times as long.
"""

from dataclasses import replace
from random import Random

from remediator.simulate.world.campaign import random_story
from remediator.simulate.world.story import Fault, Story

STRETCHED = frozenset(
    {"power", "link", "asymmetric_link", "partition", "switch_reload", "agent_crash", "pause", "slow"}
)
TIMES = (1, 1, 4, 12)


def lasting_story(seed: int, hosts: int, minutes: float, faults: int | None = None) -> Story:
    """The same seed and shape give the same story."""
    chance = Random(seed + 1_000_000_007)  # noqa: S311 - a story wants chance, not secrets
    story = random_story(seed, hosts, minutes, faults)
    return replace(story, name=f"lasting-{seed}", faults=tuple(_stretched(each, chance) for each in story.faults))


def _stretched(fault: Fault, chance: Random) -> Fault:
    if fault.kind not in STRETCHED or fault.span is None:
        return fault
    if fault.kind == "power" and len(fault.hosts) == 1 and chance.random() < 0.5:
        return replace(fault, span=None)
    return replace(fault, span=fault.span * chance.choice(TIMES))
