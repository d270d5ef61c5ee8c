"""Which collectors run: ``--collector.NAME``, ``--no-collector.NAME``, ``--collector.disable-defaults``."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from exporter.errors import BadStart
from exporter.runner import Collector

# node_exporter's cpu.info is the only one with a dot; what else has one is a setting of a collector.
FLAG = re.compile(r"--(no-)?collector\.([a-z0-9_]+(?:\.info)?)")
NONE_BY_DEFAULT = "--collector.disable-defaults"


@dataclass(frozen=True, slots=True)
class Choice:
    """Names to add to the defaults, names to take away for good, and whether there are defaults at all."""

    on: frozenset[str] = frozenset()
    off: frozenset[str] = frozenset()
    defaults: bool = True

    def keep(self, collectors: Sequence[Collector]) -> list[Collector]:
        """Those that can be asked for. Raises BadStart for a name that none of them has."""
        unknown = sorted((self.on | self.off) - {one.name for one in collectors})
        if unknown:
            raise BadStart(f"no such collector in the modules started: {', '.join(unknown)}")
        return [one for one in collectors if one.name not in self.off]

    def runs(self, collector: Collector) -> bool:
        """Whether it runs when a scrape names none."""
        return collector.own or collector.name in self.on or (collector.default and self.defaults)


def split_choice(arguments: Sequence[str]) -> tuple[list[str], Choice]:
    """The arguments without these flags, and what they say; the last word on a name counts."""
    words = {found.group(2): not found.group(1) for one in arguments if (found := FLAG.fullmatch(one))}
    rest = [one for one in arguments if one != NONE_BY_DEFAULT and not FLAG.fullmatch(one)]
    on = frozenset(name for name, wanted in words.items() if wanted)
    return rest, Choice(on, frozenset(words) - on, NONE_BY_DEFAULT not in arguments)
