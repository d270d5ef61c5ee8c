"""The keys that recoverable configs are sealed for: whom agents are told of, and whether what is sealed opens."""

import contextlib
import json
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from nacl.signing import VerifyKey

from remediator.clock import Clock
from remediator.engine.machines.refusals import Refused, Terms, not_found
from remediator.model.enrolment import Enrolment
from remediator.model.errors import FleetmendError, PermanentError, TransientError
from remediator.model.machine import Event, Machine
from remediator.runtime.effects.prepare import UNSEALED
from remediator.runtime.ledger import Ledger
from remediator.wire.keys import fingerprint, parse_box_key, parse_verify_key, write_private
from remediator.wire.recipients import Recipients, read_recipients
from remediator.wire.sealing import PROBE, check_envelope, seal_config
from remediator.wire.statements import Document


class Opens(Protocol):
    """The unsealing process, as far as its keys go."""

    public_key: str
    previous: tuple[str, ...]

    async def opens(self, box: str) -> str: ...

    async def renew(self) -> None: ...


class SealingKeys:
    """Keeps an operator's signed word of whom to seal for, beside the journal, and tells it to every agent.

    ``hang_up`` has all agents greet anew: with the welcome they get the word, and seal again.
    """

    def __init__(
        self,
        ledger: Ledger,
        folder: Path,
        operator: VerifyKey,
        unsealer: Opens,
        hang_up: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._file = folder / "recipients.json"
        self._operator = operator
        self._unsealer = unsealer
        self._hang_up = hang_up
        self._clock = clock

    def document(self) -> Document:
        """The word as it was signed; empty while agents seal for the key that they pinned when they joined."""
        with contextlib.suppress(OSError, ValueError, PermanentError):
            document: Document = json.loads(self._file.read_text(encoding="utf-8"))
            read_recipients(document, self._operator)
            return document
        return {}

    def told(self) -> Recipients:
        """Whom agents seal for."""
        document = self.document()
        if document:
            return read_recipients(document, self._operator)
        return Recipients(self._unsealer.public_key, "", self._clock.now())

    async def accept(self, document: Document) -> dict[str, Any]:
        """Seal for these from now on.

        Raises:
            PermanentError: not signed by the operator, older than what holds, or not for a key that we can open.
        """
        fresh, held = read_recipients(document, self._operator), self.document()
        if held and read_recipients(held, self._operator).at > fresh.at:
            raise PermanentError("a younger word on whom to seal for is in force")
        await self._unsealer.renew()
        if fresh.online != self._unsealer.public_key:
            raise PermanentError("the online key is not the one in unseal.key: nothing was changed")
        write_private(self._file, json.dumps(document).encode())
        async with self._ledger.writing() as draft:
            keys = {"online": _mark(fresh.online), "recovery": _mark(fresh.recovery)}
            draft.note(self._clock.now(), "recipients", "remediator", keys)
        self._hang_up()
        return self.known()

    def known(self) -> dict[str, Any]:
        """The keys by their fingerprints, and how many copies are sealed for which."""
        told, copies = self.told(), Counter[str]()
        for machine in self._recoverable():
            if machine.sealed:
                copies[machine.sealed.key or "unnamed"] += 1
        return {
            "online": _mark(self._unsealer.public_key),
            "online_key": told.online,
            "previous": [_mark(key) for key in self._unsealer.previous],
            "recovery": _mark(told.recovery),
            "recovery_key": told.recovery,
            "copies": dict(copies),
            "unusable": [
                {"machine": machine.id, "app": machine.app, "why": why} for machine, why in self._unusable()
            ],
        }

    async def tested(self) -> dict[str, Any]:
        """The same, with whether a fresh probe opens; and a probe for whoever holds the recovery key."""
        told, secret = self.told(), secrets.token_hex(16)
        probe = {PROBE: secret}
        try:
            opened = await self._unsealer.opens(seal_config(probe, parse_box_key(told.online)))
            trouble = "" if opened == secret else "it opens to something else"
        except (PermanentError, TransientError) as error:
            trouble = str(error)
        offline = seal_config(probe, parse_box_key(told.recovery)) if told.recovery else ""
        return {**self.known(), "trouble": trouble, "recovery_probe": offline, "probe": secret}

    async def handed(self, machine_id: str, by: str, why: str) -> dict[str, Any]:
        """A sealed copy for whoever holds the recovery key; its owner reads of it from before it is handed out.

        Raises:
            Refused: no such machine, or nothing that the recovery key opens.
        """
        async with self._ledger.writing() as draft:
            now, machine = self._clock.now(), draft.get(Machine, machine_id)
            if machine is None:
                raise not_found("machine")
            if machine.sealed is None or not machine.sealed.recovery:
                raise Refused(f"failed_precondition: {machine_id} has no copy for a recovery key", Terms(412))
            text = f"its sealed config is handed out for the recovery key by {by}: {why}"
            draft.put(machine.noted(Event(now, UNSEALED, "opened", "operator", text)))
            draft.note(now, UNSEALED, machine_id, {"app": machine.app, "by": by, "why": why})
        return asdict(machine.sealed)

    def _recoverable(self) -> list[Machine]:
        every = self._ledger.all(Machine).values()
        return [
            each for each in every if each.alive and (each.config.get("metadata") or {}).get("recoverable") == "true"
        ]

    def _unusable(self) -> list[tuple[Machine, str]]:
        """Recoverable machines that could not be recovered, each with the reason."""
        ours = {_mark(self._unsealer.public_key), *map(_mark, self._unsealer.previous), ""}
        found = ((machine, self._fault(machine, ours)) for machine in self._recoverable())
        return [(machine, why) for machine, why in found if why]

    def _fault(self, machine: Machine, ours: set[str]) -> str:
        sealed = machine.sealed
        if sealed is None:
            return "no sealed copy is stored"
        if sealed.instance_id != machine.instance_id:
            return "its sealed copy is older than its config"
        if sealed.key not in ours:
            return f"its sealed copy is for another key ({sealed.key})"
        enrolled = self._ledger.get(Enrolment, f"agent/{sealed.host}")
        if enrolled is None:
            return f"{sealed.host}, which signed its copy, is not enrolled"
        try:
            check_envelope(sealed, parse_verify_key(enrolled.verify_key))
        except FleetmendError as error:
            return str(error)
        return ""


def _mark(key: str) -> str:
    return fingerprint(parse_box_key(key)) if key else ""
