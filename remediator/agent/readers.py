"""Whom this host seals its recoverable configs for: the key it pinned when it joined, or an operator's later word."""

from dataclasses import dataclass

from nacl.signing import VerifyKey

from remediator.agent.state import Store, put_fact
from remediator.wire.recipients import KIND, Recipients, read_recipients, readers_of
from remediator.wire.sealing import Readers
from remediator.wire.statements import Document


@dataclass(slots=True)
class Named:
    """The youngest word of an operator, kept; ``pinned`` holds until there is one.

    Args:
        operator: the pinned key that such a word must be signed with.
    """

    store: Store
    pinned: Readers
    operator: VerifyKey
    word: Recipients | None = None

    @classmethod
    def load(cls, store: Store, pinned: Readers, operator: VerifyKey) -> "Named":
        return cls(store, pinned, operator, store.fact(KIND, Recipients | None, None))  # type: ignore[arg-type]

    @property
    def readers(self) -> Readers:
        return readers_of(self.word) if self.word else self.pinned

    async def take(self, document: Document) -> None:
        """Seal for these from now on, durably, unless a younger word is held.

        Raises:
            PermanentError: it is not signed by this fleet's operator.
        """
        if not document:
            return
        told = read_recipients(document, self.operator)
        if self.word is None or told.at > self.word.at:
            self.word = told
            await self.store.write(put_fact(KIND, told))
