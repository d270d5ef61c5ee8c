"""Whose word counts here: the highest authority heard, the epoch it gave, and whom it condemned."""

from dataclasses import dataclass, field

from remediator.agent.record import Authority
from remediator.agent.state import Store, put_fact
from remediator.model.errors import PermanentError
from remediator.wire.messages import Command, Welcome


@dataclass(slots=True)
class Standing:
    """Kept in the store: a restart of the agent forgets no authority, so no deposed leader regains any."""

    store: Store
    highest: Authority = field(default_factory=Authority)
    epoch: int = 0
    condemned: frozenset[str] = frozenset()

    @classmethod
    def load(cls, store: Store) -> "Standing":
        highest = store.fact("highest", Authority, Authority())
        condemned = frozenset(store.fact("condemned", list[str], []))
        return cls(store, highest, store.fact("epoch", int, 0), condemned)

    def outranks(self, welcome: Welcome) -> bool:
        """Whether the welcome comes from one who has been succeeded: only listened to by nobody."""
        return (welcome.incarnation, welcome.term) < (self.highest.incarnation, self.highest.term)

    async def welcomed(self, welcome: Welcome) -> None:
        """Take the welcome's word, durably."""
        rank = Authority(welcome.incarnation, welcome.term)
        self.highest = max(self.highest, rank)
        self.epoch = welcome.epoch
        self.condemned |= set(welcome.condemned)
        await self._write()

    async def absent(self, machines: set[str]) -> None:
        """These condemned were seen to be gone."""
        self.condemned -= machines
        await self._write()

    def check(self, command: Command, incarnation: str) -> Authority:
        """The authority of a command.

        Raises:
            PermanentError: it is stale: of an older leader, of an earlier order, or meant for an earlier epoch.
        """
        rank = Authority(incarnation, command.term, command.sequence)
        if rank < self.highest:
            raise PermanentError(f"stale: term {rank.term}.{rank.sequence}, {self.told()} was heard already")
        if command.epoch != self.epoch:
            raise PermanentError(f"stale: for epoch {command.epoch}, this host is in {self.epoch}")
        return rank

    async def heard(self, rank: Authority) -> None:
        """Remember a command's authority, durably, before it is obeyed."""
        self.highest = max(self.highest, rank)
        await self.store.write(put_fact("highest", self.highest))

    def told(self) -> list[str | int]:
        return [self.highest.incarnation, self.highest.term, self.highest.sequence]

    async def _write(self) -> None:
        await self.store.write(
            put_fact("highest", self.highest),
            put_fact("epoch", self.epoch),
            put_fact("condemned", sorted(self.condemned)),
        )
