"""Who may post alerts: tokens in files, each with the playbooks that alerts under it may ask for."""

import hmac
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from remediator.model.received import Sender
from remediator.settings import IntakeSettings

log = logging.getLogger("fleetmend.intake")
_Stamp = tuple[int, int, int]


class Senders:
    """Knows tokens; a file that is replaced counts from the next request on."""

    def __init__(self, entries: Iterable[IntakeSettings]) -> None:
        self._senders = [
            (_TokenFile(each.token_file), Sender(each.token_file.name, frozenset(each.playbooks))) for each in entries
        ]
        self.by_name: Mapping[str, Sender] = {sender.name: sender for _, sender in self._senders}

    def __len__(self) -> int:
        return len(self._senders)

    def sender_for(self, token: str) -> Sender | None:
        """Who holds this token; None for nobody. All are compared, each in constant time."""
        offered = token.encode(errors="surrogateescape")
        known = [(file.read(), sender) for file, sender in self._senders]
        same = [sender for held, sender in known if hmac.compare_digest(offered, held) and held]
        return same[0] if same else None


class _TokenFile:
    """A token, read again whenever its file has changed; empty while it cannot be read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: _Stamp | None = None
        self._token = b""
        self._trouble = ""

    def read(self) -> bytes:
        try:
            found = self._path.stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp != self._stamp:
                self._token, self._stamp = self._path.read_bytes().strip(), stamp
            self._told("" if self._token else "is empty")
        except OSError as error:
            self._token, self._stamp = b"", None
            self._told(error.strerror or "cannot be read")
        return self._token

    def _told(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            log.error("intake: token file %s: %s; nobody can post with it", self._path, trouble)
        self._trouble = trouble
