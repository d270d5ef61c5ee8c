"""Machines of which something is known: whoever acts on what was lost a moment ago acts twice when it comes back."""

import time

from remediator.commands.doing import progress
from remediator.commands.tenant import App, Json, group_of

# A loss becomes certain, or passes, within a minute.
PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 2.0


def settled(
    app: App, group: str = "", *, within: float = PATIENCE_SECONDS, every: float = LOOK_SECONDS
) -> list[Json]:
    """The app's machines, or those of a group, once none is of unknown fate, or that time (seconds) is over."""
    left = within
    while True:
        mine = [each for each in app.machines() if group in ("", group_of(each))]
        fresh = [each["id"] for each in mine if each["host_status"] == "unknown"]
        if not fresh or left <= 0:
            return mine
        progress(f"{', '.join(fresh)}: lost a moment ago, or just being recreated: waiting")
        time.sleep(every)
        left -= every
