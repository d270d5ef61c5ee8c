"""Full configs, in memory alone: refilled by agents, dropped when their host is not ok, never written."""

from collections import defaultdict
from typing import Any

Config = dict[str, Any]


class ConfigCache:
    """By host: one that a machine has left has nothing to say of it any more. Nothing is ever recreated from it."""

    def __init__(self) -> None:
        self._by_host: defaultdict[str, dict[str, Config]] = defaultdict(dict)

    def learn(self, host: str, records: list[dict[str, Any]]) -> None:
        for record in records:
            if "config" in record and "id" in record:
                self._by_host[host][record["id"]] = record["config"]

    def drop_host(self, host: str) -> None:
        self._by_host.pop(host, None)

    def drop_machine(self, machine: str, host: str) -> None:
        """That host has it no longer."""
        self._by_host[host].pop(machine, None)

    def get(self, machine: str, host: str) -> Config | None:
        """The config as the machine's present host told it."""
        return self._by_host[host].get(machine) if host in self._by_host else None
