"""Full configs, in memory alone: refilled by agents, dropped when their host is not ok, never written."""

from typing import Any


class ConfigCache:
    """Serves reads; nothing is ever recreated from it."""

    def __init__(self) -> None:
        self._by_machine: dict[str, tuple[str, dict[str, Any]]] = {}

    def learn(self, host: str, records: list[dict[str, Any]]) -> None:
        for record in records:
            if "config" in record and "id" in record:
                self._by_machine[record["id"]] = (host, record["config"])

    def drop_host(self, host: str) -> None:
        self._by_machine = {machine: held for machine, held in self._by_machine.items() if held[0] != host}

    def drop_machine(self, machine: str) -> None:
        self._by_machine.pop(machine, None)

    def get(self, machine: str, host: str) -> dict[str, Any] | None:
        """The config as the machine's present host told it."""
        held = self._by_machine.get(machine)
        return held[1] if held and held[0] == host else None
