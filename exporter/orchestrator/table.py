"""The table of this page's collectors: a new one is a tuple of families and one line here."""

import contextlib
from collections.abc import Callable

from prometheus_client.metrics_core import Metric

from exporter.errors import NoData
from exporter.kit import Kit
from exporter.orchestrator.api import API
from exporter.orchestrator.collector import Orchestrator
from exporter.orchestrator.hosts import HOSTS, ROOM
from exporter.orchestrator.placement import PLACEMENT
from exporter.orchestrator.requests import REQUESTS
from exporter.orchestrator.singles import MACHINES, VOLUMES
from exporter.orchestrator.work import WORK
from exporter.table import Entry


def build_table(orchestrator: Orchestrator) -> tuple[Entry, ...]:
    """The entries, all of which read the same state."""
    reader = orchestrator.reader
    return (
        Entry("orchestrator", lambda _: orchestrator.read_up),
        Entry("hosts", lambda _: reader((*HOSTS, *ROOM))),
        Entry("work", lambda _: reader(WORK)),
        Entry("requests", lambda _: reader(REQUESTS)),
        Entry("placement", lambda _: reader(PLACEMENT)),
        Entry("api", lambda _: reader(API)),
        Entry("machines", lambda _: reader(MACHINES), default=False),
        Entry("volumes", lambda _: reader(VOLUMES), default=False),
    )


def build_everything(orchestrator: Orchestrator) -> Callable[[], list[Metric]]:
    """A reader of all collectors' families, those off by default too: for lists and tests."""
    kit = Kit()
    readers = [entry.build(kit) for entry in build_table(orchestrator)]

    def read() -> list[Metric]:
        families: list[Metric] = []
        for each in readers:
            with contextlib.suppress(NoData):
                families += each()
        return families

    return read
