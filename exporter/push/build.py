"""A pusher from its settings: the one place that knows every kind of format and backlog."""

from exporter.clock import Clock
from exporter.push.backlog import Backlog, MemoryBacklog
from exporter.push.flags import Protocol, PushSettings, SpoolSettings
from exporter.push.formats import Format, ImportFormat
from exporter.push.meters import Meters
from exporter.push.page import Cutter
from exporter.push.pusher import Lanes, Pusher
from exporter.push.sender import Client, Lane
from exporter.push.spool import Spool
from exporter.workers import Workers


def build_pusher(settings: PushSettings, clock: Clock) -> Pusher:
    """Raises BadStart if the spool's folder cannot be had."""
    meters, workers = Meters(), Workers(size=2)
    lanes = Lanes(
        Lane("push", Client(settings, build_format(settings), clock), workers),
        Lane("push of what has waited", Client(settings, build_format(settings), clock), workers),
    )
    cutter = Cutter(marks=settings.protocol is Protocol.REMOTE_WRITE)
    return Pusher(settings, lanes, cutter, build_backlog(settings.spool, meters), meters, clock)


def build_format(settings: PushSettings) -> Format:
    if settings.protocol is Protocol.IMPORT:
        return ImportFormat(settings.labels)
    from exporter.push.remote_write import RemoteWriteFormat

    return RemoteWriteFormat(settings.labels)


def build_backlog(settings: SpoolSettings, meters: Meters) -> Backlog:
    if settings.folder is None:
        return MemoryBacklog(meters)
    return Spool(settings.folder, settings.max_bytes, meters)
