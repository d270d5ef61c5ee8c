"""A journal that forgets: for tests and the simulator, under the same contract as the others."""

from collections.abc import Sequence
from dataclasses import replace

from remediator.journal import codec
from remediator.journal.protocol import Conflict, Entry, Row, Stored


class MemoryJournal:
    """Encodes and decodes like the durable ones, so that drift shows."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], tuple[int, bytes]] = {}
        self._entries: list[Entry] = []

    def rows(self) -> dict[str, dict[str, Stored]]:
        found: dict[str, dict[str, Stored]] = {kind: {} for kind in codec.KINDS}
        for (kind, identifier), (version, body) in self._rows.items():
            found[kind][identifier] = Stored(version, codec.decode(kind, body))
        return found

    def commit(self, rows: Sequence[Row], entries: Sequence[Entry]) -> None:
        for row in rows:
            version = self._rows.get((row.kind, row.id), (0, b""))[0]
            if version != row.version or (row.value is None and not version):
                raise Conflict(f"{row.kind} {row.id}: version {version}, expected {row.version}")
        # All is encoded before anything changes, for what cannot be encoded must change nothing.
        bodies = [codec.encode(row.value) for row in rows]
        told = [replace(entry, body=codec.decode_body(codec.encode(entry.body))) for entry in entries]
        for row, body in zip(rows, bodies, strict=True):
            if row.value is None:
                self._rows.pop((row.kind, row.id))
            else:
                self._rows[row.kind, row.id] = (row.version + 1, body)
        self._entries.extend(told)

    def entries(self, kind: str, limit: int, *, identifier: str = "", subject: str = "") -> list[Entry]:
        def wanted(entry: Entry) -> bool:
            about = (not identifier or entry.id == identifier) and (not subject or entry.subject == subject)
            return entry.kind == kind and about

        return [entry for entry in reversed(self._entries) if wanted(entry)][:limit]

    def count(self) -> int:
        return len(self._entries)

    def close(self) -> None:
        pass
