"""Machines that run under another host's name than our rows say: moved there, once their own host has them not."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from remediator.model.machine import Event, Machine, MachineState, Volume
from remediator.runtime.agents.absorb import absorb_machines
from remediator.runtime.ledger import Draft

Message = dict[str, Any]


class Strays:
    """What each host said in its last hello that it runs, and that was another's by our rows."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[str, Message]] = {}

    def greeted(self, draft: Draft, host: str, records: Iterable[Message], now: datetime) -> None:
        """After a hello was absorbed: whoever stands elsewhere and is lost to its own host moves to where it runs."""
        self._told = {machine: told for machine, told in self._told.items() if told[0] != host}
        for record in records:
            known = draft.get(Machine, str(record.get("id", "")))
            if known is not None and known.host != host and record.get("state") == MachineState.STARTED:
                self._told[known.id] = (host, record)
        for machine, (there, record) in list(self._told.items()):
            known = draft.get(Machine, machine)
            if known is not None and known.missing and not known.replaced_by:
                del self._told[machine]
                _move(draft, known, there, record, now)


def _move(draft: Draft, machine: Machine, host: str, record: Mapping[str, Any], now: datetime) -> None:
    text = f"runs on {host}, not on {machine.host}"
    draft.put(replace(machine, host=host).noted(Event(now, "moved", "started", "agent", text)))
    draft.note(now, "moved", machine.id, {"host": host, "was": machine.host})
    for each in machine.volumes:
        volume = draft.get(Volume, each)
        if volume is not None and volume.host == machine.host:
            draft.put(replace(volume, host=host))
    absorb_machines(draft, host, [dict(record)], now)
