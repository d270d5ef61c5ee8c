"""What the composition root sets of the HTTP surface."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from remediator.api.tenants.tenancy import Tenancy


@dataclass(frozen=True, slots=True)
class PublicSettings:
    """Scrape targets are HOST:PORT; ``deploys`` tells when each version went live (this start, if empty)."""

    version: str = "0.1.0"
    organisation: str = "personal"
    orchestrator_targets: tuple[str, ...] = ()
    remediator_targets: tuple[str, ...] = ()
    refresh_seconds: int = 5
    deploys: Mapping[str, datetime] = field(default_factory=dict)
    tenancy: Tenancy = field(default_factory=Tenancy)


@dataclass(frozen=True, slots=True)
class ProbePace:
    """How often probers probe and how long they wait, in seconds."""

    interval_seconds: float = 1.0
    timeout_seconds: float = 0.8
