"""A reader for tests: a folder with what each source would say."""

from dataclasses import dataclass
from pathlib import Path

from exporter.errors import NoData
from exporter.kit import Answer


@dataclass(frozen=True, slots=True)
class FakeReader:
    """``lvm.json`` in ``folder`` is what ``ask("lvm")`` answers, as of ``at``; what has no file is missing."""

    folder: Path
    at: float = 1_700_000_000.0
    seconds: float = 0.25

    def ask(self, source: str) -> Answer:
        found = next(iter(self.folder.glob(f"{source}.*")), None)
        if found is None:
            raise NoData(f"{source}: nothing here")
        return Answer(found.read_text(), self.at, self.seconds)
