"""Apps: names under which machines serve together, and whose they are."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class App:
    """An app that somebody created. Machines and volumes of a name that nobody created make an app of it, too.

    Once it was deleted, ``deleted_at``, its row says whose it was for as long as anything of it is remembered.
    """

    name: str
    organisation: str
    network: str
    created_at: datetime
    role: str = ""
    by: str = ""
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AppAsk:
    """An app to create."""

    name: str
    organisation: str
    network: str = "default"
    role: str = ""
    by: str = ""
