"""A fixed `for: 60s`: the usual rule, and a script behind the alert.

More than half of a host's assigned vantages are silent in the store for 60 s; then whatever ran there is started
elsewhere and the originals are written off. No second witness, no limit, no wait.
"""

from collections.abc import Sequence

from remediator.simulate.baselines.logic import Picture
from remediator.simulate.baselines.seen import Heard

FOR = 60.0


class FixedFor:
    name = "for: 60s"
    fences = False

    def lost(self, heard: Heard, host: str) -> bool:
        since = heard.rule_since.get(host)
        return since is not None and heard.now - since >= FOR

    def chosen(self, picture: Picture) -> Sequence[str]:
        return picture.waiting(0.0)
