"""Peers: agents that ask each other, each second, whether they are there; and what each then knows of its lease."""

import os
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from nacl.signing import SigningKey, VerifyKey

from remediator.agent.state import Store, put_fact
from remediator.clock import Clock
from remediator.model.errors import PermanentError
from remediator.wire.keys import parse_verify_key
from remediator.wire.statements import Document, LeaseTerms, Peer, read_document, sign, verify

KIND = "lease"
CHECK = "peer check"
NONCE_CHARACTERS = 64
# Whoever was last answered longer ago than this is not told of: its lease, if it has one, ran out long before.
TOLD_SECONDS = 3600.0
# Anybody on the network may ask, under any name; a few dozen do so rightly.
MOST_ASKERS = 256


@dataclass(slots=True)
class Peering:
    """Both sides of peer checks. Moments are of the monotonic clock, which counts suspended time too.

    Args:
        key: the pinned one that lease terms are signed with; None before enrolment.
        signing: this agent's own, for its answers.
    """

    name: str
    store: Store
    clock: Clock
    signing: SigningKey
    key: VerifyKey | None = None
    terms: LeaseTerms | None = None
    heard: dict[str, float] = field(default_factory=dict)
    _answered: dict[str, float] = field(default_factory=dict)
    _since: float = 0.0

    @classmethod
    def load(cls, name: str, store: Store, clock: Clock, signing: SigningKey) -> "Peering":
        kept = store.fact(KIND, LeaseTerms | None, None)  # type: ignore[arg-type]
        return cls(name, store, clock, signing, terms=kept, _since=clock.monotonic())

    async def take(self, document: Document) -> None:
        """Ask these from now on, durably, unless younger terms are held.

        Raises:
            PermanentError: not signed by this fleet's remediator, or meant for another host.
        """
        if self.key is None or not document:
            return
        told = read_document(KIND, document, LeaseTerms, self.key)
        if told.host != self.name:
            raise PermanentError(f"the terms of a lease are those of {told.host}")
        if self.terms is not None and told.at <= self.terms.at:
            return
        same = self.terms is not None and replace(self.terms, at=told.at) == told
        self.terms = told
        if not same:
            await self.store.write(put_fact(KIND, told))

    def names(self) -> list[str]:
        return [peer.name for peer in self.terms.peers] if self.terms else []

    def answer(self, asker: str, nonce: str) -> Document:
        """Our answer to a check; that it was given is remembered first: what we state must never claim too little."""
        if not asker or len(asker) > NONCE_CHARACTERS or not 0 < len(nonce) <= NONCE_CHARACTERS:
            raise PermanentError("a peer check names who asks, and a nonce")
        self._answered.pop(asker, None)
        self._answered[asker] = self.clock.monotonic()
        if len(self._answered) > MOST_ASKERS:
            # Whoever is forgotten may have been answered until then: of before we state nothing.
            self._since = max(self._since, self._answered.pop(next(iter(self._answered))))
        return {"name": self.name, "signature": sign(CHECK, [self.name, asker, nonce], self.signing)}

    def answered(self) -> dict[str, Any]:
        """What we state to the remediator: seconds for which we listen, and since we last answered whom."""
        now = self.clock.monotonic()
        self._answered = {name: at for name, at in self._answered.items() if now - at <= TOLD_SECONDS}
        return {"listening": now - self._since, "hosts": {name: now - at for name, at in self._answered.items()}}

    def question(self) -> str:
        """A nonce that no other check has."""
        return os.urandom(16).hex()

    def told(self, peer: Peer, nonce: str, asked_at: float, body: bytes) -> None:
        """A peer's answer; it counts from before it was asked for.

        Raises:
            PermanentError: it is not that peer's.
        """
        try:
            said = msgspec.json.decode(body, type=dict[str, str])
        except msgspec.MsgspecError as error:
            raise PermanentError(f"the answer of peer {peer.name} cannot be read") from error
        verify(CHECK, [peer.name, self.name, nonce], said.get("signature"), parse_verify_key(peer.verify_key))
        self.heard[peer.name] = max(asked_at, self.heard.get(peer.name, asked_at))


def lapsed(terms: LeaseTerms, rack: str, away: float, silent: dict[str, float]) -> bool:
    """Whether the lease has run out: remediator and more than half of the peers lost for all of it.

    ``away`` and ``silent`` are seconds since each was last heard. One of the lost peers is in another rack, so that
    a switch alone stops nothing. Peers that answer keep it, whether or not they have a remediator themselves.
    """
    if away < terms.seconds:
        return False
    lost = [peer for peer in terms.peers if silent.get(peer.name, 0.0) >= terms.seconds]
    return 2 * len(lost) > len(terms.peers) and any(peer.rack != rack for peer in lost)
