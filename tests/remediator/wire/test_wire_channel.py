"""The channel opens what the peer sealed in this session, once, and nothing else."""

import pytest
from nacl.public import PrivateKey

from remediator.model.errors import PermanentError
from remediator.wire.channel import Channel
from remediator.wire.handshake import Greeting, fresh_nonce, greeting_text, parse_greeting, session_of

AGENT = PrivateKey.generate()
REMEDIATOR = PrivateKey.generate()


def ends(session: bytes = b"s" * 32) -> tuple[Channel, Channel]:
    return (
        Channel(AGENT, REMEDIATOR.public_key, session, "a"),
        Channel(REMEDIATOR, AGENT.public_key, session, "r"),
    )


def test_both_ways_and_many_times() -> None:
    agent, remediator = ends()
    for number in range(3):
        assert remediator.open(agent.seal({"n": number})) == {"n": number}
        assert agent.open(remediator.seal({"back": number})) == {"back": number}


def test_a_frame_opens_once() -> None:
    agent, remediator = ends()
    frame = agent.seal({"n": 1})
    remediator.open(frame)
    with pytest.raises(PermanentError, match="seen before"):
        remediator.open(frame)


def test_an_overtaken_frame_is_refused() -> None:
    agent, remediator = ends()
    older, newer = agent.seal({"n": 1}), agent.seal({"n": 2})
    remediator.open(newer)
    with pytest.raises(PermanentError, match="seen before"):
        remediator.open(older)


def test_reflection_is_refused() -> None:
    agent, _ = ends()
    with pytest.raises(PermanentError, match="our own"):
        agent.open(agent.seal({"n": 1}))


def test_another_session_is_refused() -> None:
    agent, _ = ends(b"s" * 32)
    _, remediator = ends(b"t" * 32)
    with pytest.raises(PermanentError, match="another session"):
        remediator.open(agent.seal({"n": 1}))


@pytest.mark.parametrize("frame", [b"", b"short", b"x" * 200])
def test_noise_is_refused(frame: bytes) -> None:
    with pytest.raises(PermanentError, match="did not make"):
        ends()[0].open(frame)


def test_a_stranger_is_refused() -> None:
    stranger = Channel(PrivateKey.generate(), REMEDIATOR.public_key, b"s" * 32, "a")
    with pytest.raises(PermanentError, match="did not make"):
        ends()[1].open(stranger.seal({"n": 1}))


def test_greetings_travel_as_text() -> None:
    said = Greeting(AGENT.public_key, fresh_nonce(), "h1")
    heard = parse_greeting(greeting_text(said))
    assert (heard.name, heard.nonce, bytes(heard.key)) == ("h1", said.nonce, bytes(said.key))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"key":"AA==","nonce":"AA=="}', '{"key":"?","nonce":"?"}'])
def test_a_bad_greeting_is_refused(text: str) -> None:
    with pytest.raises(PermanentError):
        parse_greeting(text)


def test_the_session_depends_on_both_nonces() -> None:
    one, other = fresh_nonce(), fresh_nonce()
    assert len({session_of(one, other), session_of(other, one), session_of(one, one)}) == 3
