"""What owners ask of their volumes: where a new one goes, how large it is, and what is refused. PURE."""

from collections import Counter

from remediator.engine.machines import placement
from remediator.engine.machines.refusals import Refused, Terms, not_found, precondition
from remediator.model.asks import VolumeAsk
from remediator.model.fleet import Fleet
from remediator.model.host import Capacity, Host, HostStatus
from remediator.model.machine import PENDING_DESTROY, WAITS_FOR_DETACH, Snapshot, Volume

_BUSY_SECONDS = 5


def no_volume_room(text: str) -> Refused:
    """Clients read this code and name another region."""
    return Refused(f"no capacity: {text}", Terms(400, "volume_placement_capacity"))


def invalid(text: str) -> Refused:
    return Refused(f"invalid_argument: {text}", Terms(400, "invalid"))


def unreachable(volume: Volume, host: Host | None) -> Refused | None:
    """Why nothing can be done with the content of a volume now."""
    if host is not None and host.status is HostStatus.OK:
        return None
    return precondition(f"volume {volume.id} is on an unreachable host")


def chosen_host(ask: VolumeAsk, size_mb: int, fleet: Fleet) -> Host:
    """The best host with room: one without a volume of the kind if there is one, and no other if that is required.

    Raises:
        Refused: there is none.
    """
    room = placement.room_of(fleet)
    size = ask.beside + Capacity(disk_mb=size_mb)
    taken = _zones(ask, fleet)
    apart = {name: free for name, free in room.items() if name not in taken}
    regions = [ask.region] if ask.region else _roomiest(fleet, room)
    for places in [apart] if ask.unique_zone else [apart, room]:
        for region in regions:
            if found := placement.choose(fleet, places, ask.app, region, size):
                return found
    where = f"no host in {ask.region or 'any region'}" + (" without one yet" if ask.unique_zone and taken else "")
    raise no_volume_room(f"{where} has {size_mb} MB of disk for a volume")


def _roomiest(fleet: Fleet, room: placement.Room) -> list[str]:
    """Regions for whoever does not mind, most free disk first."""
    free: Counter[str] = Counter()
    for name, left in room.items():
        free[fleet.hosts[name].region] += left.disk_mb
    return [region for region, _ in sorted(free.items(), key=lambda each: (-each[1], each[0]))]


def _zones(ask: VolumeAsk, fleet: Fleet) -> set[str]:
    mine = [volume for volume in fleet.volumes.values() if volume.app == ask.app]
    return {volume.host for volume in mine if ask.unique_zone == "app" or volume.name == ask.name}


def wanted_mb(ask: VolumeAsk, source: Snapshot | Volume | None) -> int:
    """The size of the new volume: at least its source's.

    Raises:
        Refused: smaller than what is to go into it, or no size at all.
    """
    least = 0
    if source is not None:
        least = source.volume_mb if isinstance(source, Snapshot) else source.size_mb
    size = ask.size_mb or least
    if size == 0:
        raise invalid("size_gb is needed")
    if size < least:
        raise invalid(f"{size} MB is less than the {least} MB of {source.id if source else 'its source'}")
    return size


def source_volume(ask: VolumeAsk, fleet: Fleet) -> Volume | None:
    """The volume to copy, which must be another one of the same app, on a host that answers.

    Raises:
        Refused: it cannot be copied now.
    """
    if not ask.source_volume_id:
        return None
    source = fleet.volumes.get(ask.source_volume_id)
    if source is None or source.app != ask.app:
        raise not_found("source volume")
    if unreachable(source, fleet.hosts.get(source.host)):
        told = f"volume {source.id} is on an unreachable host and cannot be copied; restore one of its snapshots"
        raise precondition(told)
    return source


def source_snapshot(ask: VolumeAsk, fleet: Fleet) -> Snapshot | None:
    """The snapshot to restore: of the same app, whatever became of its volume."""
    if not ask.snapshot_id:
        return None
    source = fleet.snapshots.get(ask.snapshot_id)
    if source is None or source.app != ask.app:
        raise not_found("snapshot")
    return source


def extension_refused(volume: Volume, size_mb: int, fleet: Fleet) -> Refused | None:
    """Why a volume cannot grow to that size now, if it cannot."""
    host = fleet.hosts.get(volume.host)
    if volume.doomed or volume.state in ("creating", "restoring"):
        return precondition(f"volume {volume.id} is {volume.state}")
    if size_mb < volume.size_mb:
        return invalid(f"volume {volume.id} has {volume.size_mb} MB; volumes can only grow")
    if host is None or unreachable(volume, host):
        return unreachable(volume, host)
    more = size_mb - volume.size_mb
    if more > max(0, fleet.free_on(host).disk_mb):
        return no_volume_room(f"the host of volume {volume.id} has no {more} MB more")
    return None


def end_refused(volume: Volume, fleet: Fleet) -> Refused | None:
    """Why a volume cannot be destroyed now, if it cannot; that its host is lost is no reason."""
    holder = fleet.machines.get(volume.machine)
    if volume.machine and (holder is None or holder.alive):
        return precondition(f"volume {volume.id} is attached to machine {volume.machine}; destroy the machine first")
    if volume.state == "restoring":
        return precondition(f"volume {volume.id} is being restored", _BUSY_SECONDS)
    for move in fleet.migrations.values():
        if move.open and volume.id in (*move.volumes, *move.volumes.values()):
            return precondition(f"volume {volume.id} is being moved with machine {move.machine}", _BUSY_SECONDS)
    return None


def ending(volume: Volume) -> str:
    """The state of a volume whose end was asked for just now."""
    return WAITS_FOR_DETACH if volume.machine else PENDING_DESTROY
