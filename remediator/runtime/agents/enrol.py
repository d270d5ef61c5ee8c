"""Enrolment: tokens that allow a name to join once, and the keys exchanged for them."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from remediator.clock import Clock
from remediator.engine.evidence.identity import claimed
from remediator.engine.machines.refusals import Refused, Terms
from remediator.model.asks import JoinAsk
from remediator.model.enrolment import Enrolment, JoinToken
from remediator.model.host import Host, Life
from remediator.model.host import Identity as HostIdentity
from remediator.runtime.ledger import Draft, Ledger
from remediator.wire.statements import Document

TOKEN_LIFE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Identity:
    """Our own public keys as newcomers get them, and the secret that join tokens are derived from."""

    public: Mapping[str, str]
    fingerprint: str
    secret: bytes


class Enrolments:
    """Mints, spends and remembers; ``ceilings`` are signed for agents, who hold to them from before their hello."""

    def __init__(
        self, ledger: Ledger, identity: Identity, clock: Clock, ceilings: Callable[[], Document] = dict
    ) -> None:
        self._ledger = ledger
        self._identity = identity
        self._clock = clock
        self._ceilings = ceilings
        self._sweep_at = clock.now()

    async def mint(self, name: str, seed: str = "", kind: str = "") -> str:
        """A join token for that name, good once and for a quarter of an hour; ``kind`` is agent, vantage or either.

        With a seed the same token is made again, so that a request for hosts can be repeated word for word; once
        the host has joined with it, it stays spent.
        """
        nonce = seed or secrets.token_hex(16)
        secret = hmac.new(self._identity.secret, f"{name}/{nonce}".encode(), hashlib.sha256).hexdigest()[:40]
        now = self._clock.now()
        token = JoinToken(_hash(secret), name, now + TOKEN_LIFE, kind or ("agent" if seed else ""))
        async with self._ledger.writing() as draft:
            self._drop_old(draft, now)
            if not seed or draft.get(Enrolment, f"agent/{name}") is None:
                draft.put(token)
        return f"{secret}.{self._identity.fingerprint}"

    async def join(self, ask: JoinAsk) -> dict[str, Any]:
        """Spend the token, remember the newcomer, and give it what it needs; the same asked again is answered again.

        Raises:
            Refused: the token is unknown, used, too old, or for another name or kind; or a host of that name is
                there already, with other keys.
        """
        now = self._clock.now()
        # Of a vantage that has made none of its own; told once, so its join cannot be repeated.
        bearer = secrets.token_urlsafe(32) if ask.kind == "vantage" and not ask.token_digest else ""
        token_hash = _hash(bearer) if bearer else ask.token_digest
        joined = Enrolment(ask.name, ask.kind, ask.region, ask.rack, now, ask.verify_key, ask.box_key, token_hash)
        async with self._ledger.writing() as draft:
            displaced = _admitted(draft, ask, joined)
        if displaced is not None:
            text = f"{ask.name} has joined with other keys: only when it is replaced or retired"
            raise Refused(f"{text} may another take its name", Terms(403))
        vantage = ask.kind == "vantage"
        return {"token": bearer} if vantage else {**self._identity.public, "ceilings": self._ceilings()}

    def shut_out(self, name: str, draft: Draft) -> None:
        """Nobody joins under that name any more: its tokens are void, and so is who enrolled and never greeted."""
        known = draft.get(Enrolment, f"agent/{name}")
        for row in (*self._ledger.all(JoinToken).where("name", name), *([known] if known else [])):
            draft.delete(row)

    def _drop_old(self, draft: Draft, now: datetime) -> None:
        """Now and then: a spent token is kept for as long as it could be asked for once more."""
        if now < self._sweep_at:
            return
        self._sweep_at = now + TOKEN_LIFE
        for token in self._ledger.all(JoinToken).values():
            if token.expires_at < now:
                draft.delete(token)

    def vantage_for(self, token: str) -> str:
        """The vantage whose bearer token this is, empty when nobody's; compared in constant time."""
        wanted = _hash(token)
        found = [
            enrolment.name
            for enrolment in self._ledger.all(Enrolment).where("kind", "vantage")
            if hmac.compare_digest(enrolment.token_hash, wanted)
        ]
        return found[0] if found else ""


def _admitted(draft: Draft, ask: JoinAsk, joined: Enrolment) -> Host | None:
    """Put the newcomer into the draft; the host whose place it would take, where there is one."""
    token, mark = draft.get(JoinToken, _hash(ask.token.partition(".")[0])), _mark(joined)
    if token is None or not _allows(token, ask, joined.at):
        raise _unfit()
    if token.used_by:
        known = draft.get(Enrolment, joined.key)
        if token.used_by != mark or known is None or _mark(known) != mark:
            raise _unfit()
        return None
    displaced = _displaced(draft, joined)
    if displaced is None:
        draft.put(replace(token, used_by=mark), joined)
        draft.note(joined.at, "joined", ask.name, {"kind": ask.kind, "region": ask.region, "rack": ask.rack})
    else:
        # Kept with the token unspent: once a person has said replaced, it may join.
        draft.put(claimed(displaced, _told(ask), joined.at))
    return displaced


def _unfit() -> Refused:
    return Refused("this join token is unknown, used, too old, or for another name or kind", Terms(403))


def _mark(joined: Enrolment) -> str:
    """Who that is, by all that it offered: another key, or another place, is somebody else."""
    offered = (joined.key, joined.region, joined.rack, joined.verify_key, joined.box_key, joined.token_hash)
    return _hash(json.dumps(offered))


def _allows(token: JoinToken, ask: JoinAsk, now: datetime) -> bool:
    return token.name == ask.name and token.kind in ("", ask.kind) and now <= token.expires_at


def _displaced(draft: Draft, joined: Enrolment) -> Host | None:
    """The host whose place other keys would take: joined, not retired, and nobody has said that it is replaced."""
    known, host = draft.get(Enrolment, joined.key), draft.get(Host, joined.name)
    if joined.kind != "agent" or known is None or host is None or not host.joined or host.life is Life.RETIRED:
        return None
    same = (known.verify_key, known.box_key) == (joined.verify_key, joined.box_key)
    answered = host.identity.agent_key == joined.verify_key != known.verify_key
    return None if same or answered else host


def _told(ask: JoinAsk) -> HostIdentity:
    return HostIdentity(ask.identity.get("uuid", ""), ask.verify_key, ask.identity.get("data_id", ""))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
