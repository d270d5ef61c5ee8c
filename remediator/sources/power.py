"""The third path: asking a host's BMC (Redfish) whether it is on. Its word counts only with the right identity."""

from dataclasses import dataclass
from pathlib import Path

import aiohttp

from remediator.model.host import Host

_TIMEOUT = aiohttp.ClientTimeout(total=1.5)
_STATES = {"On": "on", "Off": "off"}


@dataclass(frozen=True, slots=True)
class Bmc:
    """Where a host's BMC answers, and the file that holds its token."""

    url: str
    token_file: Path


async def read_power(session: aiohttp.ClientSession, bmc: Bmc, host: Host) -> str:
    """``on``, ``off``, or ``unknown``: unreadable, refused, or the BMC of another chassis."""
    try:
        token = bmc.token_file.read_text(encoding="utf-8").strip()
        url = f"{bmc.url}/redfish/v1/Systems/1"
        async with session.get(url, headers={"X-Auth-Token": token}, timeout=_TIMEOUT) as answer:
            if answer.status != 200:
                return "unknown"
            system = await answer.json()
    except (OSError, TimeoutError, aiohttp.ClientError, ValueError):
        return "unknown"
    if not host.identity.uuid or system.get("UUID") != host.identity.uuid:
        return "unknown"
    return _STATES.get(system.get("PowerState", ""), "unknown")
