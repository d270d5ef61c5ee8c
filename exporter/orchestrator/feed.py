"""Follows the remediator's state: asks for what changed, page by page, until nothing is left."""

import http.client
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlsplit

from exporter.orchestrator.fold import Fold
from exporter.orchestrator.state import Answer, parse_answer

FETCH_SECONDS = 2.0
# A million records; whoever sends more pages than this never ends.
MOST_PAGES = 500

# The body of GET /internal/state for a path with its query; raises OSError, ValueError or HTTPException.
Fetch = Callable[[str], bytes]


class Feed:
    """Keeps a fold in step. What it holds is the state only when ``catch_up`` has returned."""

    def __init__(self, fetch: Fetch, fold: Fold) -> None:
        self._fetch = fetch
        self._fold = fold
        self._incarnation = ""
        self._sequence: int | None = None

    def catch_up(self) -> None:
        """Raises OSError, ValueError or HTTPException when the remediator is away or says nonsense."""
        try:
            for _ in range(MOST_PAGES):
                if not self._next().more:
                    return
        except (OSError, ValueError, http.client.HTTPException):
            if not self._incarnation:
                # Of the version before ours: after a restart its numbers mean nothing to those from before.
                self._sequence = None
            raise
        raise ValueError("the remediator's state has no end")

    def _next(self) -> Answer:
        query = f"since={self._sequence or 0}&incarnation={quote(self._incarnation)}"
        answer = parse_answer(self._fetch(f"/internal/state?{query}"))
        known = self._sequence is not None and answer.incarnation == self._incarnation
        if answer.unchanged:
            if not known:
                raise ValueError("the remediator says unchanged to one who has nothing")
            return answer
        if not known or not answer.incarnation:
            self._fold.clear()
        self._fold.apply(answer)
        self._incarnation, self._sequence = answer.incarnation, answer.sequence
        return answer


def build_fetch(url: str, timeout: float = FETCH_SECONDS, token_file: Path | None = None) -> Fetch:
    """A fetch from the remediator at ``url``, http or https; the token is read anew each time."""
    parts = urlsplit(url)
    connection = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    host, port, prefix = parts.hostname or "", parts.port, parts.path.rstrip("/")

    def fetch(path: str) -> bytes:
        asked = connection(host, port, timeout=timeout)
        try:
            asked.request("GET", prefix + path, headers={"Accept": "application/json", **_shown(token_file)})
            answer = asked.getresponse()
            body = answer.read()
        finally:
            asked.close()
        if answer.status != http.client.OK:
            raise ValueError(f"the remediator answered {answer.status}")
        return body

    return fetch


def _shown(token_file: Path | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {token_file.read_text(encoding='ascii').strip()}"} if token_file else {}
