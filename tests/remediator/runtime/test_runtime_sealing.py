"""Whom recoverable configs are sealed for: an operator's word alone counts; what could not be recovered is named."""

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from remediator.engine.machines.refusals import Refused
from remediator.model.enrolment import Enrolment
from remediator.model.errors import PermanentError
from remediator.model.machine import Machine
from remediator.runtime.machines.sealing import SealingKeys
from remediator.wire.keys import fingerprint, key_text
from remediator.wire.recipients import Recipients, sign_recipients
from remediator.wire.sealing import Readers, envelope, open_config
from tests.remediator.builders import NOON, host, machine
from tests.remediator.runtime.lab import Lab

OPERATOR, SIGNER = SigningKey(b"o" * 32), SigningKey(b"s" * 32)
FIRST, SECOND, OFFLINE = (PrivateKey(letter * 32) for letter in (b"1", b"2", b"3"))
CONFIG = {"image": "web:1", "metadata": {"recoverable": "true"}}


@dataclass
class Process:
    """The unsealer, as far as its keys go: ``lies`` is what it finds there when it is started anew."""

    public_key: str = key_text(FIRST.public_key)
    previous: tuple[str, ...] = ()
    lies: str = ""

    async def opens(self, box: str) -> str:
        opened = open_config(box, FIRST)
        return str(opened["fleetmend_probe"])

    async def renew(self) -> None:
        if self.lies:
            self.previous, self.public_key = (self.public_key,), self.lies


@dataclass
class Desk:
    keys: SealingKeys
    process: Process
    hung_up: list[str]


@pytest.fixture
def desk(lab: Lab, tmp_path: Path) -> Desk:
    process, hung_up = Process(), list[str]()
    keys = SealingKeys(lab.ledger, tmp_path, OPERATOR.verify_key, process, lambda: hung_up.append("all"), lab.clock)
    return Desk(keys, process, hung_up)


def word(online: PrivateKey, recovery: PrivateKey | None = None, ago: int = 0) -> Recipients:
    offline = key_text(recovery.public_key) if recovery else ""
    return Recipients(key_text(online.public_key), offline, NOON - timedelta(seconds=ago))


def recoverable(readers: Readers, **more: str) -> Machine:
    sealed = envelope(CONFIG, machine="m1", instance_id="I-m1", host="h1", epoch=1, to=readers, signer=SIGNER)
    return machine("m1", config=CONFIG, sealed=sealed, **more)


async def fill(lab: Lab, *machines: Machine) -> None:
    await lab.put(host(), Enrolment("h1", "agent", "arn", "r1", NOON, key_text(SIGNER.verify_key)), *machines)


async def test_an_operators_word_is_kept_and_everybody_is_told(desk: Desk) -> None:
    document = sign_recipients(word(FIRST, OFFLINE), OPERATOR)
    known = await desk.keys.accept(document)
    assert (known["online"], known["recovery"]) == (fingerprint(FIRST.public_key), fingerprint(OFFLINE.public_key))
    assert desk.keys.document() == document
    assert desk.hung_up == ["all"]


async def test_nobody_elses_word_counts_nor_an_older_one(desk: Desk) -> None:
    await desk.keys.accept(sign_recipients(word(FIRST, OFFLINE), OPERATOR))
    with pytest.raises(PermanentError, match="not signed"):
        await desk.keys.accept(sign_recipients(word(FIRST), SIGNER))
    with pytest.raises(PermanentError, match="a younger word"):
        await desk.keys.accept(sign_recipients(word(FIRST, ago=60), OPERATOR))
    assert desk.keys.told().recovery


async def test_a_key_that_we_cannot_open_is_not_taken(desk: Desk) -> None:
    with pytest.raises(PermanentError, match=r"not the one in unseal.key"):
        await desk.keys.accept(sign_recipients(word(SECOND), OPERATOR))
    assert desk.keys.document() == {}
    desk.process.lies = key_text(SECOND.public_key)
    known = await desk.keys.accept(sign_recipients(word(SECOND), OPERATOR))
    assert known["previous"] == [fingerprint(FIRST.public_key)]


async def test_what_could_not_be_recovered_is_named_with_the_reason(desk: Desk, lab: Lab) -> None:
    good = recoverable(Readers(FIRST.public_key))
    assert good.sealed is not None
    await fill(
        lab,
        good,
        replace(good, id="m2", sealed=None),
        replace(good, id="m3", instance_id="I-new"),
        replace(good, id="m4", sealed=replace(good.sealed, key=fingerprint(SECOND.public_key))),
        replace(good, id="m5", sealed=replace(good.sealed, epoch=2)),
        replace(good, id="m6", sealed=replace(good.sealed, host="h9")),
        replace(good, id="m7", config={}, sealed=None),
    )
    found = {each["machine"]: each["why"] for each in desk.keys.known()["unusable"]}
    assert found == {
        "m2": "no sealed copy is stored",
        "m3": "its sealed copy is older than its config",
        "m4": f"its sealed copy is for another key ({fingerprint(SECOND.public_key)})",
        "m5": "the envelope of machine m1 is not signed by its host's agent",
        "m6": "h9, which signed its copy, is not enrolled",
    }


async def test_a_test_opens_a_fresh_probe(desk: Desk) -> None:
    await desk.keys.accept(sign_recipients(word(FIRST, OFFLINE), OPERATOR))
    found = await desk.keys.tested()
    assert found["trouble"] == ""
    assert open_config(found["recovery_probe"], OFFLINE) == {"fleetmend_probe": found["probe"]}


async def test_a_copy_is_handed_out_only_where_its_owner_reads_of_it(desk: Desk, lab: Lab) -> None:
    await fill(lab, recoverable(Readers(FIRST.public_key, OFFLINE.public_key)), replace(machine("m2"), sealed=None))
    sealed = await desk.keys.handed("m1", "ada", "drill")
    assert open_config(sealed["recovery"], OFFLINE) == CONFIG
    event = lab.ledger.all(Machine)["m1"].events[0]
    assert (event.kind, event.text) == (
        "unsealed",
        "its sealed config is handed out for the recovery key by ada: drill",
    )
    for name, told in (("m2", "no copy for a recovery key"), ("m9", "not_found")):
        with pytest.raises(Refused, match=told):
            await desk.keys.handed(name, "ada", "drill")
