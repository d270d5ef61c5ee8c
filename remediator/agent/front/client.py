"""How a lab, a test or a power proof speaks to a chassis; blocking, one connection for each call."""

from dataclasses import dataclass
from typing import Any

import requests

from remediator.agent.front.bmc import HEADER, SYSTEM
from remediator.model.errors import PermanentError, TransientError


@dataclass(frozen=True, slots=True)
class FrontClient:
    """``url`` as http://HOST:PORT; raises ``TransientError`` (no answer, 5xx) or ``PermanentError`` (refused)."""

    url: str
    token: str
    timeout_seconds: float = 10.0

    def power(self) -> str:
        """``On`` or ``Off``."""
        return str(self._ask("GET", SYSTEM)["PowerState"])

    def uuid(self) -> str:
        return str(self._ask("GET", SYSTEM)["UUID"])

    def reset(self, reset_type: str) -> None:
        """``On``, ``ForceOff`` or ``ForceRestart``."""
        self._ask("POST", f"{SYSTEM}/Actions/ComputerSystem.Reset", {"ResetType": reset_type})

    def fault(self, name: str) -> float:
        """Play a fault; the unix second from which it counts."""
        return float(self._ask("POST", "/lab/faults", {"fault": name})["at"])

    def truth(self) -> dict[str, Any]:
        return self._ask("GET", "/lab/truth")

    def _ask(self, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        headers = {HEADER: self.token}
        try:
            answer = requests.request(
                method, self.url + path, json=body, headers=headers, timeout=self.timeout_seconds
            )
        except requests.RequestException as error:
            raise TransientError(f"{self.url}: no answer") from error
        if answer.ok:
            return dict(answer.json()) if answer.content else {}
        text = f"{self.url}{path}: {answer.status_code} {answer.text}"
        raise TransientError(text) if answer.status_code >= 500 else PermanentError(text)
