"""When groups are evaluated: at multiples of their interval, each shifted by a hash of its name."""

from datetime import UTC, datetime, timedelta

from remediator.model.alert import Group
from remediator.sources.fingerprint import fnv1a

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def group_key(group: Group) -> str:
    """The group's name within the whole rules folder."""
    return f"{group.file};{group.name}"


def offset(group: Group, *, spread: bool = True) -> timedelta:
    """The group's shift within its interval, the same in every process, so that groups do not all ask at once."""
    if not spread:
        return timedelta()
    return (fnv1a(group_key(group).encode()) % (group.interval // _MICROSECOND)) * _MICROSECOND


def slot_at(now: datetime, interval: timedelta, shift: timedelta) -> datetime:
    """The newest slot that is not after ``now``."""
    return now - (now - _EPOCH - shift) % interval


def missed(previous: datetime | None, slot: datetime, interval: timedelta) -> int:
    """How many slots between these two were not evaluated."""
    return 0 if previous is None else max(0, round((slot - previous) / interval) - 1)
