"""What one does for a shard that another leads: keep evidence, hear of a freeze, and say who leads."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from remediator.api.shards.follower import Handlers, follower_handlers
from remediator.clock import Clock
from remediator.drivers.standing_by import StandingBy
from remediator.engine.evidence.verdicts import EvidenceTimes
from remediator.journal.commons import Commons
from remediator.journal.heads import keep_head
from remediator.model.errors import PermanentError, TransientError
from remediator.runtime.leading.waiting import Source, Waiting
from remediator.runtime.people.freezer import Freezer
from remediator.settings import Settings
from remediator.wire.keys import load_box_key, load_signing_key

log = logging.getLogger("fleetmend.turns")


class Following:
    """For every shard of this process. Without keys there is nobody to prove to be, and no operator to believe."""

    def __init__(
        self, settings: Settings, commons: Callable[[], Commons], place: Callable[[str], Path], clock: Clock
    ) -> None:
        self._settings = settings
        self._commons = commons
        self._place = place
        self._clock = clock
        self._froze: Mapping[str, Any] = {}

    def waiting(self, shard: str) -> Waiting:
        settings = self._settings
        times = EvidenceTimes(settings.probe_interval, settings.dead_after, probe_timeout=settings.probe_timeout)
        # Of its own: one commons is for one thread.
        commons = self._commons()
        return Waiting(Source(lambda: self._read(commons, shard), commons.close), times, self._clock)

    def _read(self, commons: Commons, shard: str) -> Sequence[bytes]:
        """Its enrolments; and the end of its chain is kept, by which an older copy will be known."""
        key = self._settings.data / "signing.key"
        if key.exists():
            keep_head(self._place(shard), shard, commons.head(shard), load_signing_key(key).verify_key)
        return commons.rows(shard, "Enrolment")

    def handlers(self, waiting: Waiting, leader: Callable[[], str]) -> Handlers:
        key, agents = self._settings.data / "box.key", None
        if key.exists():
            agents = StandingBy(load_box_key(key), waiting, leader).serve
        return follower_handlers(waiting, agents, self.freeze)

    def freeze(self, statement: dict[str, Any]) -> str:
        """In force on this host from here on, whoever leads; the words for people.

        Raises:
            PermanentError: it is not signed by the operator, or older than the one we hold.
            TransientError: we cannot know whose word it is.
        """
        freezer = self._freezer()
        if freezer is None:
            raise TransientError("there is no operator's key here yet")
        freezer.accept(statement)
        return freezer.frozen()

    def told(self, statement: Mapping[str, Any]) -> None:
        """Another remediator was told to freeze, or to go on."""
        if statement == self._froze:
            return
        self._froze = statement
        try:
            self.freeze(dict(statement))
        except (PermanentError, TransientError) as error:
            log.warning("a freeze that the remediators share is not taken over: %s", error)

    def _freezer(self) -> Freezer | None:
        key = self._settings.data / "operator.key"
        return Freezer(self._settings.data, load_signing_key(key).verify_key, self._clock) if key.exists() else None
