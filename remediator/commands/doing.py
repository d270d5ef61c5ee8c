"""Work that takes a while: told as it goes to whoever watches, and accounted for however it ends."""

import sys
from collections.abc import Callable

from remediator.commands.client import CommandFailed
from remediator.commands.tables import say

FAILED, INTERRUPTED = 1, 130


def progress(text: str) -> None:
    """One line for a person who waits; nothing where nobody looks, and never among the results."""
    if sys.stderr.isatty():
        say(text, sys.stderr)


def accounted(work: Callable[[], None], begun: Callable[[], bool], tell: Callable[[str], None]) -> int:
    """Do the work, and tell of it; the exit code.

    Args:
        work: what may fail or be interrupted half-way.
        begun: whether anything was changed.
        tell: prints what was done; it is given why no more was, which is empty after all of it.

    Raises:
        CommandFailed: nothing was changed, so there is nothing to tell of.
    """
    try:
        work()
    except KeyboardInterrupt:
        if not begun():
            raise
        why, code = "interrupted", INTERRUPTED
    except CommandFailed as error:
        if not begun():
            raise
        why, code = str(error), FAILED
    else:
        why, code = "", 0
    tell(why)
    if why:
        say(f"fleetmend: {why}", sys.stderr)
    return code
