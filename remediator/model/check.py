"""Health checks that a machine's config asks for, and how they last went."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class CheckStatus(StrEnum):
    """As the Machines API has them; ``warning`` is not known yet."""

    PASSING = "passing"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Check:
    """One check by name; ``output`` is ours, never what the machine answered: that may be private.

    ``updated_at`` is when its status was last another one.
    """

    name: str
    status: CheckStatus
    output: str
    updated_at: datetime
