"""Whether a dead host's lease has surely run out: what its peers state, and when that is proof. PURE."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from remediator.model.host import Host

# A peer's word is about now only while its reports come.
FRESH = timedelta(seconds=3)
# From the end of the lease until what is under it is surely stopped: our acknowledgements come every few seconds,
# an agent that is started anew asks for five before it stops anything, and killing may take as long.
GRACE = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class PeerWord:
    """A peer's last report: until when it is sure to have answered no check of this host since, and when we heard it.

    ``silent_since`` is the later of its last answer and the moment from which it listens at all.
    """

    peer: str
    rack: str
    silent_since: datetime
    received: datetime


def run_out(
    host: Host, contact: datetime | None, words: Mapping[str, PeerWord], lease: timedelta, now: datetime
) -> tuple[bool, str]:
    """Whether it is proved, and the words for people; anything less than all of it is no proof.

    ``contact`` is when we last heard the host in our own term: what it did while we were away nobody can say.
    """
    if not host.peers:
        return False, "its agent named no peers"
    if contact is None:
        return False, "it was not heard since we began, or its agent ended or hung before: nobody knows of its lease"
    fresh = [word for peer in host.peers if (word := words.get(peer)) and now - word.received <= FRESH]
    ended = lease + GRACE
    sure = [word for word in fresh if now - max(word.silent_since, contact) >= ended]
    many = f"{len(sure)} of its {len(host.peers)} peers"
    told = f"{many} state that they answered it nothing for {ended.total_seconds():.0f} s"
    if 2 * len(sure) <= len(host.peers):
        return False, f"{told}; more than half must"
    if all(word.rack == host.rack for word in sure):
        return False, f"{told}; one of another rack must"
    return True, told
