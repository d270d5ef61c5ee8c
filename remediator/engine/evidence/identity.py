"""Another identity under a known name: a new host at the door, until a person says what it is. PURE."""

from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from remediator.model.host import Host, Identity, Life

# What a host says that is cordoned for it.
CLAIMED = "identity"


class Word(StrEnum):
    """What a person says of it.

    ``replaced``: the one that was known is gone for good, and what it held went with it. ``renamed``: it is the same
    server with other papers (a new board, a disk that moved), and what it holds is what it held.
    """

    REPLACED = "replaced"
    RENAMED = "renamed"


def contradiction(known: Host, told: Identity) -> str:
    """Which fields speak of another server, for people; empty where none does. What cannot be read says nothing."""
    named = {"chassis": "uuid", "agent key": "agent_key", "data directory": "data_id"}
    pairs = {word: (getattr(known.identity, name), getattr(told, name)) for word, name in named.items()}
    return ", ".join(word for word, (mine, theirs) in pairs.items() if mine and theirs and mine != theirs)


def claimed(known: Host, told: Identity, now: datetime) -> Host:
    """The known host while another one stands at the door: no work goes there; nothing else of it changes.

    It may be alive, and the other one a mistake: what it runs goes on, and its life follows its own evidence.
    """
    same = known.identity_claim == told and known.claimed_at is not None
    return replace(
        known,
        identity_claim=told,
        claimed_at=known.claimed_at if same else now,
        cordoned=known.cordoned or CLAIMED,
    )


def answered(known: Host, word: Word, by: str, now: datetime) -> Host:
    """The host after a person has said what the other identity is: from now on it is this host's own.

    It comes in at its next try, in a new epoch. Replaced is an attestation as well: nothing of the old one can ever
    act again, and what was queued for it ends when the new one is seen to have none of it.

    Raises:
        ValueError: nobody stands at the door.
    """
    if known.identity_claim is None:
        raise ValueError(f"no other identity has greeted as {known.name}")
    host = _off(known, word, by, now)
    # The boot of the old identity says nothing of the new one: its first hello is a return.
    return replace(
        host,
        identity=known.identity_claim if word is Word.REPLACED else known.identity.told(known.identity_claim),
        identity_claim=None,
        claimed_at=None,
        boot_id=f"{word} by {by}",
        cordoned="" if known.cordoned == CLAIMED else known.cordoned,
    )


def _off(host: Host, word: Word, by: str, now: datetime) -> Host:
    if word is not Word.REPLACED or host.life is not Life.DEAD:
        return host
    return host.vouched(f"{by}: {word}", now)


def newborn(known: Host | None, told: Identity) -> bool:
    """Whether a hello under that name begins a host: nobody had it, or whoever had it is retired and another one."""
    return known is None or (known.life is Life.RETIRED and bool(contradiction(known, told)))
