"""Whose word counts here: the highest authority heard, the epoch it gave, and whom it condemned."""

from dataclasses import dataclass, field
from datetime import datetime

from remediator.agent.record import Authority
from remediator.agent.state import Store, put_fact
from remediator.model.errors import PermanentError
from remediator.wire.messages import Command, Welcome

# Incarnation, term, and when that began as it was told; empty by a remediator of before.
Rank = tuple[str, int, str]


def succeeded(speaker: Rank, heard: Rank) -> bool:
    """Whether the speaker leads no more, for another was heard.

    Two that began the same term at different moments have copies of one journal: who was heard first is obeyed.
    """
    if speaker[:2] != heard[:2]:
        return speaker[:2] < heard[:2]
    return bool(speaker[2] and heard[2]) and speaker[2] != heard[2]


def rank_of(welcome: Welcome) -> Rank:
    return welcome.incarnation, welcome.term, welcome.began


@dataclass(slots=True)
class Standing:
    """Kept in the store: a restart of the agent forgets no authority, so no deposed leader regains any.

    ``began`` is when the highest term did, as it was told; ``refused`` counts lower words since our start.
    """

    store: Store
    highest: Authority = field(default_factory=Authority)
    epoch: int = 0
    condemned: frozenset[str] = frozenset()
    began: str = ""
    refused: int = 0
    # Condemned that must not be killed before these moments: this host was away for less than patience.
    spared: dict[str, datetime] = field(default_factory=dict)
    # By which the fleet's remediator knows that it was told the highest term, and when that began.
    mark: str = ""
    # Those of the condemned that no person asked for, or of whom nobody signed that one did.
    automatic: frozenset[str] = frozenset()
    # Those that a person's word keeps from being ended: until a command ends them, or a welcome that holds nobody.
    held: frozenset[str] = frozenset()

    @classmethod
    def load(cls, store: Store) -> "Standing":
        highest = store.fact("highest", Authority, Authority())
        condemned = frozenset(store.fact("condemned", list[str], []))
        spared = store.fact("spared", dict[str, datetime], {})
        began, epoch = store.fact("began", str, ""), store.fact("epoch", int, 0)
        # An agent of before did not write down who asked.
        automatic = frozenset(store.fact("automatic", list[str], sorted(condemned)))
        mark, held = store.fact("mark", str, ""), frozenset(store.fact("held", list[str], []))
        return cls(store, highest, epoch, condemned, began, spared=spared, mark=mark, automatic=automatic, held=held)

    @property
    def rank(self) -> Rank:
        """The highest that was heard."""
        return self.highest.incarnation, self.highest.term, self.began

    def outranks(self, welcome: Welcome) -> bool:
        """Whether the welcome comes from one who has been succeeded: only listened to by nobody."""
        lower = succeeded(rank_of(welcome), self.rank)
        self.refused += lower
        return lower

    def obey(self, welcome: Welcome) -> None:
        """Take the welcome's word; ``keep`` makes it outlive us."""
        rank = Authority(welcome.incarnation, welcome.term)
        self.highest = max(self.highest, rank)
        self.began, self.mark = welcome.began, welcome.mark
        self.epoch = welcome.epoch
        self.condemned |= set(welcome.condemned)
        ours = set(welcome.automatic if welcome.signature else welcome.condemned)
        # The last word on each holds: an owner may have asked for what was condemned before.
        self.automatic = frozenset((self.automatic - set(welcome.condemned)) | ours)
        if welcome.frozen:
            self.held |= self.automatic & set(welcome.condemned)
        else:
            # Who was held and is named no more was let off meanwhile.
            self.condemned -= self.held - set(welcome.condemned)
            self.held = frozenset()

    def due(self, now: datetime, *, frozen: bool = False) -> frozenset[str]:
        """The condemned that may be killed now; a freeze holds those that nobody but a program wants gone."""
        held = self.automatic if frozen else self.held
        return frozenset(machine for machine in self.condemned - held if self.spared.get(machine, now) <= now)

    async def absent(self, machines: set[str]) -> None:
        """These condemned were seen to be gone."""
        await self._forget(machines)

    async def let_off(self, machine: str) -> None:
        """A person has taken back what was held: it may run again."""
        if machine in self.held:
            await self._forget({machine})

    async def _forget(self, machines: set[str]) -> None:
        self.condemned -= machines
        self.automatic, self.held = self.automatic & self.condemned, self.held & self.condemned
        self.spared = {machine: at for machine, at in self.spared.items() if machine in self.condemned}
        await self.keep()

    def check(self, command: Command, incarnation: str, own: tuple[str, str], began: str = "") -> Authority:
        """The authority of a command; ``own`` are this host's name and the id of its data folder, ``began`` is when
        the sender's term did, as its welcome told.

        Raises:
            PermanentError: it is stale: of an older leader, of an earlier order, meant for an earlier epoch or for
                another identity.
        """
        rank = Authority(incarnation, command.term, command.sequence)
        if rank < self.highest or succeeded((incarnation, command.term, began), self.rank):
            self.refused += 1
            raise PermanentError(f"stale: term {rank.term}.{rank.sequence}, {self.told()} was heard already")
        if command.epoch != self.epoch:
            self.refused += 1
            raise PermanentError(f"stale: for epoch {command.epoch}, this host is in {self.epoch}")
        for meant, mine in zip((command.host, command.identity), own, strict=True):
            # A remediator of before does not say whom it means.
            if meant not in ("", mine):
                self.refused += 1
                raise PermanentError(f"stale: meant for {meant}, this host is {mine}")
        return rank

    async def heard(self, rank: Authority) -> None:
        """Remember a command's authority, durably, before it is obeyed."""
        self.highest = max(self.highest, rank)
        # With what belongs to it: a term beside another's beginning would look like a copy's.
        facts = {"highest": self.highest, "began": self.began, "mark": self.mark}
        await self.store.write(*(put_fact(name, value) for name, value in facts.items()))

    def told(self) -> list[str | int]:
        return [self.highest.incarnation, self.highest.term, self.highest.sequence]

    async def keep(self) -> None:
        """Write down what holds now."""
        await self.store.write(
            put_fact("highest", self.highest),
            put_fact("began", self.began),
            put_fact("mark", self.mark),
            put_fact("epoch", self.epoch),
            put_fact("condemned", sorted(self.condemned)),
            put_fact("spared", self.spared),
            put_fact("automatic", sorted(self.automatic)),
            put_fact("held", sorted(self.held)),
        )
