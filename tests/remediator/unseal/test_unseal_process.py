"""The real unsealing process opens what a journalled recreate needs, for its target, and nothing else."""

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from remediator.model.errors import PermanentError, TransientError
from remediator.model.machine import Sealed
from remediator.unseal.client import PREVIOUS, Unsealer
from remediator.unseal.rows import JournalPlace
from remediator.wire.keys import key_text, parse_box_key, write_private
from remediator.wire.sealing import PROBE, Readers, digest, envelope, open_config, seal_config

pytestmark = pytest.mark.slow

CONFIG = {"env": {"TOKEN": "hunter2"}, "metadata": {"recoverable": "true"}}


@dataclass
class Desk:
    """A journal with one dead host's machine and one recreate of it, and the process that reads it."""

    journal: Path
    unsealer: Unsealer
    signer: SigningKey = field(default_factory=SigningKey.generate)
    target: PrivateKey = field(default_factory=PrivateKey.generate)

    def sealed(self) -> Sealed:
        return envelope(
            CONFIG, machine="m1", instance_id="i1", host="h1", epoch=1,
            to=Readers(parse_box_key(self.unsealer.public_key)), signer=self.signer,
        )  # fmt: skip

    def put(self, kind: str, key: str, body: dict[str, Any]) -> None:
        with sqlite3.connect(self.journal) as database:
            database.execute(
                "INSERT OR REPLACE INTO rows VALUES (?, ?, 1, ?)", (kind, key, msgspec.json.encode(body))
            )
        database.close()

    def fill(self) -> None:
        self.put("Machine", "m1", {"host": "h1", "instance_id": "i1", "digest": digest(CONFIG)})
        self.put("Enrolment", "agent/h1", {"verify_key": key_text(self.signer.verify_key)})
        self.put("Enrolment", "agent/h2", {"box_key": key_text(self.target.public_key)})
        args = {"source": "m1"}
        self.put(
            "Operation", "op", {"verb": "create", "machine": "m2", "host": "h2", "stage": "written", "args": args}
        )

    async def ask(
        self, sealed: Sealed | None = None, operation: str = "op", verify_key: str = "", target_key: str = ""
    ) -> tuple[str, str]:
        signer = verify_key or key_text(self.signer.verify_key)
        target = target_key or key_text(self.target.public_key)
        return await self.unsealer.unseal(sealed or self.sealed(), signer, target, operation)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    journal = tmp_path / "journal.db"
    with sqlite3.connect(journal) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE rows (kind TEXT, id TEXT, version INT, body BLOB, PRIMARY KEY (kind, id))")
    database.close()
    unsealer = await Unsealer.start(tmp_path / "unseal.key", JournalPlace(str(journal)))
    made = Desk(journal, unsealer)
    made.fill()
    yield made
    await unsealer.close()


async def test_a_journalled_recreate_is_resealed_for_its_target(desk: Desk) -> None:
    box, told = await desk.ask()
    assert open_config(box, desk.target) == CONFIG
    assert told == digest(CONFIG)


async def test_without_an_operation_nothing_is_opened(desk: Desk) -> None:
    with pytest.raises(PermanentError, match="no open create 'other'"):
        await desk.ask(operation="other")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"verb": "start"}, "no open create"),
        ({"stage": "done"}, "no open create"),
        ({"args": {"source": "m9"}}, "not about machine m1"),
        ({"host": "h3"}, "not the one it enrolled with"),
    ],
)
async def test_an_operation_of_another_kind_is_none(desk: Desk, change: dict[str, Any], says: str) -> None:
    body = {"verb": "create", "machine": "m2", "host": "h2", "stage": "sent", "args": {"source": "m1"}}
    desk.put("Operation", "op", {**body, **change})
    with pytest.raises(PermanentError, match=says):
        await desk.ask()


@pytest.mark.parametrize(
    ("change", "says"),
    [({"host": "h9"}, "did not hold"), ({"instance_id": "i2"}, "is older"), ({"digest": "0"}, "not of the config")],
)
async def test_the_machine_must_have_been_that_hosts(desk: Desk, change: dict[str, str], says: str) -> None:
    desk.put("Machine", "m1", {"host": "h1", "instance_id": "i1", "digest": digest(CONFIG), **change})
    with pytest.raises(PermanentError, match=says):
        await desk.ask()


async def test_an_altered_envelope_is_refused(desk: Desk) -> None:
    with pytest.raises(PermanentError, match="not signed"):
        await desk.ask(replace(desk.sealed(), epoch=2))


async def test_a_box_that_was_exchanged_is_refused(desk: Desk) -> None:
    other = envelope(
        {"env": {}}, machine="m1", instance_id="i1", host="h1", epoch=1,
        to=Readers(parse_box_key(desk.unsealer.public_key)), signer=desk.signer,
    )  # fmt: skip
    with pytest.raises(PermanentError, match="not the one that was signed") as refused:
        await desk.ask(replace(desk.sealed(), box=other.box))
    assert "hunter2" not in str(refused.value)


async def test_other_keys_than_the_enrolled_are_refused(desk: Desk) -> None:
    stranger = key_text(PrivateKey.generate().public_key)
    with pytest.raises(PermanentError, match="enrolled with"):
        await desk.ask(target_key=stranger)
    with pytest.raises(PermanentError, match="enrolled with"):
        await desk.ask(verify_key=stranger)


async def test_it_comes_back_after_a_crash_with_the_same_key(desk: Desk) -> None:
    known, process = desk.unsealer.public_key, desk.unsealer._process
    assert process
    process.kill()
    await process.wait()
    await desk.ask()
    assert desk.unsealer.public_key == known


async def test_an_unreadable_journal_is_for_later(desk: Desk) -> None:
    desk.journal.rename(desk.journal.with_name("away"))
    with pytest.raises(TransientError, match="cannot read the journal"):
        await desk.ask()


async def test_a_key_that_others_may_read_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "key").write_text("x")
    (tmp_path / "key").chmod(0o644)
    with pytest.raises(PermanentError, match="does not start"):
        await Unsealer.start(tmp_path / "key", JournalPlace(str(tmp_path / "journal.db")))
    assert "0600" in capfd.readouterr().err


async def test_what_was_sealed_for_the_key_before_still_opens(desk: Desk, tmp_path: Path) -> None:
    old, sealed = tmp_path / "unseal.key", desk.sealed()
    write_private(tmp_path / PREVIOUS, old.read_bytes())
    old.unlink()
    await desk.unsealer.renew()
    assert desk.unsealer.previous != (desk.unsealer.public_key,)
    box, _ = await desk.ask(sealed)
    assert open_config(box, desk.target) == CONFIG


async def test_a_probe_opens_and_nothing_else_does_for_the_asking(desk: Desk) -> None:
    ours = parse_box_key(desk.unsealer.public_key)
    assert await desk.unsealer.opens(seal_config({PROBE: "word"}, ours)) == "word"
    for box in (desk.sealed().box, seal_config({PROBE: "word", "env": {}}, ours)):
        with pytest.raises(PermanentError, match="this is no probe") as refused:
            await desk.unsealer.opens(box)
        assert "hunter2" not in str(refused.value)
    with pytest.raises(PermanentError, match="does not open with this key"):
        await desk.unsealer.opens(seal_config({PROBE: "word"}, desk.target.public_key))
