"""Sealed configs, envelopes, scrubbed copies, key files, freezes and messages."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from remediator.model.errors import BadInput, PermanentError, TransientError
from remediator.model.request import Origin
from remediator.wire.freeze import check_freeze, sign_freeze
from remediator.wire.keys import (
    fingerprint,
    key_text,
    load_box_key,
    load_signing_key,
    parse_box_key,
    parse_verify_key,
)
from remediator.wire.messages import Command, Welcome, parse_command, parse_welcome, refusal_of
from remediator.wire.scrub import scrubbed
from remediator.wire.sealing import Readers, check_envelope, digest, envelope, open_config, seal_config

CONFIG: dict[str, Any] = {"env": {"TOKEN": "hunter2"}, "guest": {"cpus": 1}, "metadata": {"recoverable": "true"}}
READER = PrivateKey.generate()
SIGNER = SigningKey.generate()
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def test_a_sealed_config_opens_for_its_reader_alone() -> None:
    box = seal_config(CONFIG, READER.public_key)
    assert open_config(box, READER) == CONFIG
    assert "hunter2" not in box
    with pytest.raises(PermanentError, match="does not open") as refused:
        open_config(box, PrivateKey.generate())
    assert "hunter2" not in str(refused.value)


def test_the_digest_knows_no_order() -> None:
    assert digest({"a": 1, "b": {"c": 2, "d": 3}}) == digest({"b": {"d": 3, "c": 2}, "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


def make() -> Any:
    to = Readers(READER.public_key)
    return envelope(CONFIG, machine="m1", instance_id="i1", host="h1", epoch=3, to=to, signer=SIGNER)


def test_an_envelope_holds_for_what_was_signed() -> None:
    sealed = make()
    check_envelope(sealed, SIGNER.verify_key)
    assert digest(open_config(sealed.box, READER)) == sealed.digest


@pytest.mark.parametrize(
    "change",
    [{"machine": "m2"}, {"instance_id": "i2"}, {"host": "h2"}, {"epoch": 4}, {"digest": "0"}, {"signature": "AA"}],
)
def test_an_altered_envelope_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(PermanentError, match="not signed"):
        check_envelope(replace(make(), **change), SIGNER.verify_key)


def test_the_scrubbed_copy_is_an_allow_list() -> None:
    config = {
        **CONFIG,
        "files": [{"guest_path": "/s", "raw_value": "eA=="}],
        "init": {"cmd": ["run", "--password=hunter2"]},
        "something_new": "hunter2",
        "checks": {"http": {"port": 80, "headers": [{"name": "Authorization", "values": ["hunter2"]}]}},
    }
    kept = scrubbed(config)
    assert set(kept) == {"guest", "metadata", "checks"}
    assert kept["checks"] == {"http": {"port": 80}}
    assert "hunter2" not in str(kept)


def test_key_files_are_made_once_and_private(tmp_path: Path) -> None:
    first, again = load_signing_key(tmp_path / "sign"), load_signing_key(tmp_path / "sign")
    assert bytes(first) == bytes(again)
    assert (tmp_path / "sign").stat().st_mode & 0o777 == 0o600
    box = load_box_key(tmp_path / "box")
    assert bytes(parse_box_key(key_text(box.public_key))) == bytes(box.public_key)
    assert parse_verify_key(key_text(first.verify_key)) == first.verify_key
    assert len(fingerprint(box.public_key)) == 16


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    load_box_key(tmp_path / "box")
    (tmp_path / "box").chmod(0o644)
    with pytest.raises(BadInput, match="0600"):
        load_box_key(tmp_path / "box")


def test_a_key_file_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "box").write_text("hello")
    (tmp_path / "box").chmod(0o600)
    with pytest.raises(BadInput, match="not a key file"):
        load_box_key(tmp_path / "box")


def test_a_freeze_is_the_operators_alone() -> None:
    document = sign_freeze(SIGNER, frozen=True, who="ada", why="looking", at=NOW)
    freeze = check_freeze(document, SIGNER.verify_key)
    assert (freeze.text, freeze.at) == ("by ada: looking", NOW)
    with pytest.raises(PermanentError, match="not signed"):
        check_freeze({**document, "frozen": False}, SIGNER.verify_key)
    with pytest.raises(PermanentError, match="not signed"):
        check_freeze(document, SigningKey.generate().verify_key)


def test_messages_there_and_back() -> None:
    command = Command("k", "stop", 1, 2, 3, Origin.AUTOMATIC, {"machine_id": "m"})
    assert parse_command(command.message()) == command
    welcome = Welcome(2, "a", 7, ("m1", "m2"), frozen="by ada")
    assert parse_welcome(welcome.message()) == welcome
    with pytest.raises(PermanentError, match="command that cannot be read"):
        parse_command({"type": "command", "key": 1})


def test_errors_say_what_to_do_next() -> None:
    assert refusal_of("k", TransientError("later"))["error"] == "transient"
    assert refusal_of("k", PermanentError("never"))["error"] == "permanent"
