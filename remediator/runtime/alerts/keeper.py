"""Keeps alerts in the journal, so that a restart forgets none: moves of their state are written, values are not."""

import logging
from collections.abc import Mapping
from dataclasses import replace

from remediator.clock import Clock
from remediator.model.alert import KeptAlert
from remediator.model.errors import FleetmendError
from remediator.runtime.ledger import Ledger
from remediator.sources.elements import Element
from remediator.sources.evaluator import Evaluator
from remediator.sources.kept import kept_alerts

log = logging.getLogger("fleetmend.alerts")
# Moves come in flocks: they are written together, and no later than half a second after the first.
_GATHER = 0.2
_AGAIN = 1.0


class AlertKeeper:
    """Compares the evaluator's alerts with the journal's rows whenever one has moved."""

    def __init__(self, ledger: Ledger, evaluator: Evaluator, clock: Clock) -> None:
        self._ledger = ledger
        self._evaluator = evaluator
        self._clock = clock
        # What was written last, by rule; the same mapping again means that nothing has moved.
        self._written: dict[str, Mapping[str, Element]] = {}

    async def run(self) -> None:
        """For ever; a journal that cannot be written now is tried again."""
        while True:
            await self._evaluator.moved.wait()
            await self._clock.sleep(_GATHER)
            try:
                await self.keep()
            except FleetmendError as error:
                log.warning("alerts cannot be kept: %s", error)
                self._evaluator.moved.set()
                await self._clock.sleep(_AGAIN)

    async def keep(self) -> None:
        """Write what has moved, in one transaction, and forget what is gone."""
        self._evaluator.moved.clear()
        states = dict(self._evaluator.states())
        moved = {place: state for place, state in states.items() if self._written.get(place) is not state.elements}
        rules_left = self._written.keys() - states.keys()
        if not moved and not rules_left and self._written:
            return
        fresh = {kept.key: kept for place, state in moved.items() for kept in kept_alerts(place, state)}
        rows = self._ledger.all(KeptAlert)
        # At our first time all rows are looked through: some may be of rules that are no more.
        looked_at = [row for row in rows.values() if row.rule in moved or row.rule not in states]
        stale = [row for row in looked_at if row.key not in fresh]
        changed = [kept for kept in fresh.values() if not _same(rows.get(kept.key), kept)]
        async with self._ledger.writing() as draft:
            draft.put(*changed)
            for row in stale:
                draft.delete(row)
        self._written = {place: state.elements for place, state in states.items()}


def _same(row: KeptAlert | None, kept: KeptAlert) -> bool:
    return row is not None and replace(row, value=kept.value) == kept
