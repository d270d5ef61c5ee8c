"""A host's chassis as the demo holds it: its faults, and the truth about it with times."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from scripts.story.layout import Site
from scripts.story.processes import Started

_TIMEOUT = aiohttp.ClientTimeout(total=15)


@dataclass(slots=True)
class Outage:
    """When a host was in truth away: its power cut, or its network."""

    kind: str
    began: float
    ended: float = 0.0


@dataclass(slots=True)
class Chassis:
    """One host; ``outages`` is the truth that decisions are judged by."""

    site: Site
    process: Started
    url: str
    token_file: Path
    session: aiohttp.ClientSession
    outages: list[Outage] = field(default_factory=list)

    async def ready(self) -> None:
        told = json.loads(await self.process.first_line(30))
        self.url = f"http://{told['bmc']}"

    async def fault(self, name: str) -> float:
        """Play a fault; the unix second from which it counts."""
        headers = {"X-Auth-Token": self.token_file.read_text(encoding="utf-8").strip()}
        url = f"{self.url}/lab/faults"
        async with self.session.post(url, json={"fault": name}, headers=headers, timeout=_TIMEOUT) as answer:
            told = await answer.json(content_type=None)
            if answer.status != 200:
                raise RuntimeError(f"{self.site.name} {name}: {told}")
        at = float(told["at"])
        self._remember(name, at)
        return at

    async def truth(self) -> dict[str, Any]:
        headers = {"X-Auth-Token": self.token_file.read_text(encoding="utf-8").strip()}
        async with self.session.get(f"{self.url}/lab/truth", headers=headers, timeout=_TIMEOUT) as answer:
            told: dict[str, Any] = await answer.json(content_type=None)
            return told

    def _remember(self, name: str, at: float) -> None:
        if name in ("power_cut", "network_cut"):
            self.outages.append(Outage(name, at))
        elif name in ("power_on", "network_heal") and self.outages:
            self.outages[-1].ended = at
