"""A write that somebody asked for, as the audit tells it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asked for which operation on what; ``request`` is the id that the client sees too."""

    request: str
    at: datetime
    who: str
    operation: str
    app: str = ""
    object: str = ""
