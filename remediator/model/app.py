"""Apps: names under which machines serve together, and whose they are."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class App:
    """An app that somebody created. Machines and volumes of a name that nobody created make an app of it, too."""

    name: str
    organisation: str
    network: str
    created_at: datetime
    role: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class AppAsk:
    """An app to create."""

    name: str
    organisation: str
    network: str = "default"
    role: str = ""
    by: str = ""
