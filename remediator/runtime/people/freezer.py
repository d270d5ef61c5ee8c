"""The freeze: a signed word of the operator, or a file, that stops all automatic acting until it is taken back."""

import contextlib
import json
from pathlib import Path
from typing import Any

from nacl.signing import VerifyKey

from remediator.clock import Clock
from remediator.model.errors import PermanentError
from remediator.wire.freeze import Freeze, check_freeze
from remediator.wire.keys import write_private


class Freezer:
    """Reads ``folder/freeze`` at every look: it needs no journal, no store and no leader.

    Without a clock a freeze has no end: who cannot tell the time stays frozen.
    """

    def __init__(self, folder: Path, operator: VerifyKey, clock: Clock | None = None) -> None:
        self._file = folder / "freeze"
        self._statement = folder / "freeze.json"
        self._operator = operator
        self._clock = clock
        # What a full disk would not take; it holds for as long as we live.
        self._unwritten: dict[str, Any] = {}

    def frozen(self) -> str:
        """Who stopped all acting and why; empty when acting is allowed. What cannot be read counts as frozen."""
        if self._file.exists():
            return f"by the file {self._file.name}"
        with contextlib.suppress(FileNotFoundError):
            try:
                held = self._held()
                return "" if self._over(held) else held.text
            except (ValueError, OSError, PermanentError) as error:
                if isinstance(error, FileNotFoundError):
                    return ""
                return f"by a freeze that cannot be read: {type(error).__name__}"
        return ""

    def accept(self, statement: dict[str, Any]) -> None:
        """Keep a statement; of two, the younger holds, and no freeze ends sooner because of another.

        Raises:
            PermanentError: it is not signed by the operator, older than the one we hold, or would end before that.
        """
        fresh = check_freeze(statement, self._operator)
        held = None
        with contextlib.suppress(OSError, ValueError, PermanentError):
            # What cannot be read, or is not signed, is no younger statement.
            held = self._held()
        if held and held.at > fresh.at:
            raise PermanentError("a younger freeze statement is in force")
        if held and not self._over(held) and fresh.ends_before(held):
            raise PermanentError(f"frozen for longer already: {held.text}; 'fleetmend thaw' ends it")
        try:
            write_private(self._statement, json.dumps(statement).encode())
            self._unwritten = {}
        except OSError:
            self._unwritten = statement

    def word(self) -> dict[str, Any]:
        """The operator's last word as it was signed; empty when there is none."""
        try:
            self._held()
            return self._document()
        except (OSError, ValueError, PermanentError):
            return {}

    def statement(self) -> dict[str, Any]:
        """The same for agents that missed it: one that ends is for us alone, for an agent has no one to end it."""
        word = self.word()
        return {} if "until" in word else word

    def _over(self, held: Freeze) -> bool:
        return held.until is not None and self._clock is not None and self._clock.now() >= held.until

    def _document(self) -> dict[str, Any]:
        document: dict[str, Any] = self._unwritten or json.loads(self._statement.read_text(encoding="utf-8"))
        return document

    def _held(self) -> Freeze:
        document = self._document()
        if not isinstance(document, dict):
            raise PermanentError("no freeze statement")
        return check_freeze(document, self._operator)
