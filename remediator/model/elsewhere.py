"""What other shards' leaders tell of their part of the fleet: its hosts, and who is in doubt under which label."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

# Label, region where the label's values are local to one, value.
Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Doubtful:
    """One suspicion of another shard; ``host`` is told with its shard, for it is none of ours."""

    key: Key
    began: datetime
    host: str
    lasts: bool = True
    blip: bool = False


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """One other shard; ``stale`` is how many seconds ago it told this, 0 while it is of now.

    ``counted`` are its hosts that are in no incident, ``hosts`` all that are known, ``sizes`` how many share a label.
    ``apps`` are how many of those counted run an app, of the apps whose budgets somebody asks for.
    """

    shard: str
    hosts: int = 0
    counted: int = 0
    sizes: Mapping[Key, int] = field(default_factory=dict)
    doubts: tuple[Doubtful, ...] = ()
    stale: float = 0.0
    apps: Mapping[str, int] = field(default_factory=dict)
