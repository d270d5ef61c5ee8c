"""Rows that are equal in parts have those parts in common: two hundred thousand machines must fit into a gigabyte."""

import sys
from datetime import datetime
from hashlib import blake2b
from typing import Any

import msgspec

from remediator.model.machine import Event, Machine, Sealed

# Configs that are remembered; when there are more, they are forgotten, and what is shared so far stays so.
_MOST = 50_000
# Frozen values, given equal parts for their own: nobody can tell, and 26 fields need not be copied for seven.
_put = object.__setattr__


class Sharing:
    """Gives values parts that were seen before, in place of equal ones of their own."""

    def __init__(self) -> None:
        self._configs: dict[bytes, dict[str, Any]] = {}

    def shared(self, value: Any) -> Any:
        """The very same row; only machines are many enough for it to matter."""
        if type(value) is Machine:
            self._share(value)
        return value

    def _share(self, machine: Machine) -> None:
        for name in ("app", "region", "host"):
            _put(machine, name, sys.intern(getattr(machine, name)))
        if machine.updated_at == machine.created_at:
            _put(machine, "updated_at", machine.created_at)
        _put(machine, "config", self._config(machine.config))
        if machine.sealed:
            _share_sealed(machine.sealed, machine)
        for event in machine.events:
            _share_event(event, (machine.created_at, machine.updated_at))

    def _config(self, config: dict[str, Any]) -> dict[str, Any]:
        """Machines of one app mostly have the same."""
        mark = blake2b(msgspec.json.encode(config), digest_size=16).digest()
        if len(self._configs) > _MOST:
            self._configs.clear()
        return self._configs.setdefault(mark, config)


def _share_sealed(sealed: Sealed, machine: Machine) -> None:
    """Most of its words are the machine's own."""
    words = ("machine", machine.id), ("instance_id", machine.instance_id), ("host", machine.host)
    for name, word in (*words, ("digest", machine.digest)):
        if getattr(sealed, name) == word:
            _put(sealed, name, word)


def _share_event(event: Event, moments: tuple[datetime, datetime]) -> None:
    for moment in moments:
        if event.at == moment:
            _put(event, "at", moment)
    for name in ("kind", "status", "source"):
        _put(event, name, sys.intern(getattr(event, name)))
