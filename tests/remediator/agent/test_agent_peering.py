"""Peer checks: answers are signed and remembered, what is stated never claims too little, terms are ours alone."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from nacl.signing import SigningKey

from remediator.agent.peering import MOST_ASKERS, Peering
from remediator.agent.state import Store
from remediator.clock import FakeClock
from remediator.model.errors import PermanentError
from remediator.wire.keys import key_text
from remediator.wire.statements import LeaseTerms, Peer, signed_document

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
FLEET, KEY = SigningKey.generate(), SigningKey.generate()
P1 = Peer("p1", "r2", "http://10.0.0.2:9080", key_text(KEY.verify_key))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON)


@pytest.fixture
def store(tmp_path: Path) -> Any:
    made = Store(tmp_path)
    yield made
    made.close()


def peering(name: str, store: Store, clock: FakeClock, key: SigningKey = KEY) -> Peering:
    made = Peering.load(name, store, clock, key)
    made.key = FLEET.verify_key
    return made


def later(clock: FakeClock, seconds: float) -> None:
    clock.set(clock.now() + timedelta(seconds=seconds))


async def test_an_answer_counts_from_before_it_was_asked_for(store: Store, clock: FakeClock) -> None:
    asker, peer = peering("h1", store, clock), peering("p1", store, clock)
    nonce, asked_at = asker.question(), clock.monotonic()
    later(clock, 0.5)
    body = msgspec.json.encode(peer.answer("h1", nonce))
    asker.told(P1, nonce, asked_at, body)
    assert asker.heard == {"p1": 0.0}
    for wrong in (asker.question(), nonce + "0"):
        with pytest.raises(PermanentError, match="not signed"):
            asker.told(P1, wrong, clock.monotonic(), body)
    other = peering("p1", store, clock, SigningKey.generate())
    for forged in (msgspec.json.encode(other.answer("h1", nonce)), b"{}", b"no", b"[]"):
        with pytest.raises(PermanentError):
            asker.told(P1, nonce, clock.monotonic(), forged)
    assert asker.heard == {"p1": 0.0}


async def test_it_states_since_when_it_answered_whom(store: Store, clock: FakeClock) -> None:
    peer = peering("p1", store, clock)
    later(clock, 10)
    peer.answer("h1", "n")
    later(clock, 5)
    assert peer.answered() == {"listening": 15.0, "hosts": {"h1": 5.0}}
    later(clock, 3600)
    assert peer.answered() == {"listening": 3615.0, "hosts": {}}


async def test_whoever_is_forgotten_is_not_stated_to_be_silent(store: Store, clock: FakeClock) -> None:
    """Strangers that ask under many names push nobody out without our saying so."""
    peer = peering("p1", store, clock)
    later(clock, 10)
    peer.answer("h1", "n")
    for number in range(MOST_ASKERS):
        later(clock, 0.01)
        peer.answer(f"stranger-{number}", "n")
    told = peer.answered()
    assert (len(told["hosts"]), "h1" in told["hosts"]) == (MOST_ASKERS, False)
    assert told["listening"] == pytest.approx(MOST_ASKERS * 0.01)


@pytest.mark.parametrize(("asker", "nonce"), [("", "n"), ("h1", ""), ("h" * 65, "n"), ("h1", "n" * 65)])
async def test_who_asks_says_who_it_is(store: Store, clock: FakeClock, asker: str, nonce: str) -> None:
    with pytest.raises(PermanentError, match="names who asks"):
        peering("p1", store, clock).answer(asker, nonce)


async def test_terms_are_kept_when_they_are_ours_and_younger(store: Store, clock: FakeClock) -> None:
    def terms(at: datetime, host: str = "h1", seconds: float = 30.0) -> dict[str, Any]:
        return signed_document("lease", LeaseTerms(host, seconds, (P1,), at), FLEET)

    held = peering("h1", store, clock)
    await held.take({})
    assert held.names() == []
    await held.take(terms(NOON))
    await held.take(terms(NOON - timedelta(seconds=1), seconds=1.0))
    with pytest.raises(PermanentError, match="those of h10"):
        await held.take(terms(NOON + timedelta(seconds=1), host="h10"))
    with pytest.raises(PermanentError, match="not signed"):
        await held.take({**terms(NOON + timedelta(seconds=1)), "seconds": 1.0})
    again = peering("h1", store, clock)
    assert again.terms == LeaseTerms("h1", 30.0, (P1,), NOON)
    assert again.names() == ["p1"]
