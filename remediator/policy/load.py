"""A rules folder in, one frozen policy out, or everything that is wrong with it."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from remediator.model.errors import BadInput, Problem
from remediator.model.policy import Limits, Policy
from remediator.policy.files import is_folder
from remediator.policy.kept import Kept, legible
from remediator.policy.lint.playbooks import Site
from remediator.policy.reading import Given, Look
from remediator.policy.reading import Reading as Reading
from remediator.policy.steps import Actions

# Objects made by one read that are worth a search for garbage of their own.
MANY = 200_000


def load_policy(folder: Path, actions: Actions, liveness: str = "host_dead") -> Policy:
    """Read rules/alerts, rules/playbooks, rules/limits.yml and rules/outcomes.yml; warnings do not stop it.

    Raises:
        BadInput: with every error found.
    """
    reading = read_policy(folder, actions, liveness)
    if reading.errors:
        raise BadInput(list(reading.errors))
    return reading.policy


def read_policy(folder: Path, actions: Actions, liveness: str = "host_dead", fleet: tuple[Site, ...] = ()) -> Reading:
    """As much of the folder as can be read, and all that is wrong; ``liveness`` is used without a rule."""
    return PolicyReader(folder, actions, liveness, fleet=fleet).read()


class PolicyReader:
    """Reads a rules folder again and again; what did not change is neither parsed nor checked anew.

    ``limits`` are those in force: where they are given, limits.yml only speaks at the next start.
    """

    def __init__(
        self,
        folder: Path,
        actions: Actions,
        liveness: str = "host_dead",
        limits: Limits | None = None,
        fleet: tuple[Site, ...] = (),
    ) -> None:
        self._given = Given(folder, actions, liveness, limits, fleet)
        self._kept = Kept()
        self._lock = threading.Lock()

    def read(self) -> Reading:
        """The folder as it is now; bad content is told in the problems. May be called in any thread."""
        folder = self._given.root
        with self._lock, _collecting_later():
            if not is_folder(folder):
                message = "the rules folder is missing, or may not be looked into"
                return Reading(Policy(), (Problem(legible(folder), 0, 0, message, check="file/unreadable"),))
            self._kept.begin()
            reading = Look(self._given, self._kept).read()
            self._kept.end()
            return reading


@contextmanager
def _collecting_later() -> Iterator[None]:
    """No search for garbage while a million values are made that stay: each would go through all of them."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if gc.get_count()[0] > MANY:
            # Counted among the old at once; a later small reload would otherwise pay for it.
            gc.collect(1)
        if was:
            gc.enable()
