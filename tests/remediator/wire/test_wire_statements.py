"""What is signed for agents, and messages as the version before wrote them: both sides still read them."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from nacl.signing import SigningKey

from remediator.model.errors import PermanentError
from remediator.model.request import Origin
from remediator.runtime.agents.absorb import Hello
from remediator.wire.messages import Command, Welcome, parse_command, parse_welcome
from remediator.wire.statements import (
    LeaseTerms,
    Peer,
    check_command,
    check_welcome,
    read_document,
    signed_command,
    signed_document,
    signed_welcome,
)

KEY, OTHER = SigningKey.generate(), SigningKey.generate()
NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
COMMAND = Command("k", "destroy", 2, 5, 7, Origin.AUTOMATIC, {"machine_id": "m1"}, "h1", "data-1")
WELCOME = Welcome(7, "2026-01-01", 2, ("m1", "m2"), automatic=("m2",), began="noon")
TERMS = LeaseTerms("h1", 30.0, (Peer("h2", "r2", "http://10.0.0.2:9080", "key"),), NOON)

# Recorded from version 0.1: what its remediator sends, and what its agents do.
OLD_COMMAND = (
    '{"type":"command","key":"destroy:m1:1:1.000","verb":"destroy","term":3,"sequence":4,"epoch":1,'
    '"origin":"owner","args":{"machine_id":"m1"}}'
)
OLD_WELCOME = (
    '{"type":"welcome","epoch":2,"incarnation":"2026-07-01T00:00:00+00:00-0a1b2c3d","term":3,"condemned":["m1"],'
    '"admit":true,"frozen":"","freeze":{}}'
)
OLD_HELLO = (
    '{"type":"hello","name":"h1","identity":{"uuid":"u","agent_key":"k","data_id":"d"},"boot_id":"b","version":"0.1",'
    '"region":"arn","rack":"r1","role":"worker","provider":"","labels":{},"capacity":{"cpus":4.0,"memory_mb":4096,'
    '"disk_mb":256},"address":"10.0.0.1","agent_port":9080,"exporter_port":9100,'
    '"highest":["2026-07-01T00:00:00+00:00-0a1b2c3d",3,4],"machines":[],"volumes":[]}'
)


def through(message: dict[str, Any]) -> dict[str, Any]:
    """As it comes off the wire."""
    told: dict[str, Any] = json.loads(json.dumps(message))
    return told


def test_a_signature_covers_all_of_a_command() -> None:
    signed = parse_command(through(signed_command(COMMAND, "2026-01-01", KEY).message()))
    check_command(signed, "2026-01-01", KEY.verify_key)
    changes: list[dict[str, Any]] = [
        {"term": 3}, {"sequence": 6}, {"epoch": 8}, {"origin": Origin.OWNER}, {"args": {"machine_id": "m10"}},
        {"host": "h10"}, {"identity": "data-2"}, {"verb": "stop"}, {"key": "k2"}, {"signature": ""},
    ]  # fmt: skip
    for change in changes:
        with pytest.raises(PermanentError, match="command is not signed"):
            check_command(replace(signed, **change), "2026-01-01", KEY.verify_key)
    with pytest.raises(PermanentError):
        check_command(signed, "2026-01-02", KEY.verify_key)
    with pytest.raises(PermanentError):
        check_command(signed, "2026-01-01", OTHER.verify_key)


def test_a_signature_covers_what_a_welcome_orders() -> None:
    signed = parse_welcome(through(signed_welcome(WELCOME, "h1", KEY).message()))
    check_welcome(signed, "h1", KEY.verify_key)
    for change in ({"condemned": ("m1",)}, {"automatic": ()}, {"epoch": 8}, {"term": 3}, {"incarnation": "x"}):
        with pytest.raises(PermanentError, match="welcome is not signed"):
            check_welcome(replace(signed, **change), "h1", KEY.verify_key)
    with pytest.raises(PermanentError):
        check_welcome(signed, "h10", KEY.verify_key)


def test_a_document_is_what_was_signed_and_of_its_kind() -> None:
    document = through(signed_document("lease", TERMS, KEY))
    assert read_document("lease", document, LeaseTerms, KEY.verify_key) == TERMS
    for wrong in ({**document, "seconds": 1.0}, {**document, "more": 1}, {}, {"signature": 7}):
        with pytest.raises(PermanentError, match="lease is not signed"):
            read_document("lease", wrong, LeaseTerms, KEY.verify_key)
    with pytest.raises(PermanentError, match="ceilings is not signed"):
        read_document("ceilings", document, LeaseTerms, KEY.verify_key)


def test_an_agent_of_today_reads_a_remediator_of_before() -> None:
    command, welcome = parse_command(json.loads(OLD_COMMAND)), parse_welcome(json.loads(OLD_WELCOME))
    assert (command.signature, command.host, command.identity) == ("", "", "")
    assert (welcome.signature, welcome.automatic, welcome.began, welcome.ceilings) == ("", (), "", {})
    assert (command.origin, welcome.condemned) == (Origin.OWNER, ("m1",))


def test_a_remediator_of_today_reads_an_agent_of_before() -> None:
    told = msgspec.convert(json.loads(OLD_HELLO), Hello)
    assert told.highest == ("2026-07-01T00:00:00+00:00-0a1b2c3d", 3, 4)
    assert (told.began, told.epoch, told.peers) == ("", 0, [])


class OldCommand(msgspec.Struct):
    """As the agent of before has it; fields that it does not know are passed over."""

    key: str
    verb: str
    term: int
    sequence: int
    epoch: int
    origin: Origin
    args: dict[str, Any] = {}


class OldWelcome(msgspec.Struct):
    epoch: int
    incarnation: str
    term: int
    condemned: tuple[str, ...] = ()
    admit: bool = True
    frozen: str = ""
    freeze: dict[str, Any] = {}


def test_an_agent_of_before_reads_a_remediator_of_today() -> None:
    signed = signed_command(COMMAND, "2026-01-01", KEY)
    assert msgspec.convert(through(signed.message()), OldCommand).verb == "destroy"
    full = replace(WELCOME, ceilings={"patience": 1.0}, lease=signed_document("lease", TERMS, KEY))
    assert msgspec.convert(through(signed_welcome(full, "h1", KEY).message()), OldWelcome).condemned == ("m1", "m2")
