"""What this host refuses to automatic decisions, whoever makes them: kills before patience, and too many of them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from nacl.signing import VerifyKey

from remediator.agent.state import Store, put_fact
from remediator.model.errors import TransientError
from remediator.wire.statements import Ceilings, Document, read_document

KIND = "ceilings"


@dataclass(slots=True)
class Keeper:
    """The youngest ceilings that the fleet's remediator signed, and what was spent of them.

    Args:
        key: the pinned one; None before enrolment.
    """

    store: Store
    key: VerifyKey | None = None
    ceilings: Ceilings | None = None
    spent: list[datetime] = field(default_factory=list)

    @classmethod
    def load(cls, store: Store) -> "Keeper":
        kept = store.fact(KIND, Ceilings | None, None)  # type: ignore[arg-type]
        return cls(store, ceilings=kept, spent=store.fact("destroys", list[datetime], []))

    async def take(self, document: Document) -> None:
        """Keep to these from now on, durably, unless younger ones are held.

        Raises:
            PermanentError: they are not signed by this fleet's remediator.
        """
        if self.key is None or not document:
            return
        told = read_document(KIND, document, Ceilings, self.key)
        if self.ceilings is None or told.at > self.ceilings.at:
            self.ceilings = told
            await self.store.write(put_fact(KIND, told))

    def early(self, away: float | None) -> float:
        """Seconds for which nothing that runs here is killed for having been away so long; 0 when it may be."""
        if self.ceilings is None or away is None:
            return 0.0
        return max(0.0, self.ceilings.patience - away)

    def room(self, machines: int, now: datetime) -> int:
        """How many more may be destroyed now by automatic decisions, of so many machines."""
        if self.ceilings is None:
            return machines
        self.spent = [moment for moment in self.spent if self.recent(moment, now)]
        most = max(self.ceilings.at_least, int(self.ceilings.share * (machines + len(self.spent))))
        return most - len(self.spent)

    async def spend(self, machines: int, now: datetime) -> None:
        """Count one destroy, durably, before it is done.

        Raises:
            TransientError: it would be one too many; people's own requests are not counted.
        """
        if self.ceilings is None:
            return
        if self.room(machines, now) < 1:
            raise TransientError(_refusal(self.ceilings, len(self.spent)))
        self.spent.append(now)
        await self.store.write(put_fact("destroys", self.spent))

    def recent(self, moment: datetime, now: datetime) -> bool:
        """Within the time that ceilings count; a clock that was set back makes nothing younger than now."""
        per = timedelta(seconds=self.ceilings.per if self.ceilings else 0)
        return now - per < moment <= now


def _refusal(held: Ceilings, spent: int) -> str:
    most = f"{held.share:.0%} of its machines, at least {held.at_least}, in {held.per:.0f} s"
    return f"ceiling: {spent} machines of this host were destroyed by automatic decisions; {most} may be"
