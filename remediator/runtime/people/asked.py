"""Whoever is on call is told of questions, in the very transaction in which they are asked, repeated or answered."""

from remediator.clock import Clock
from remediator.engine.people.asked import calls
from remediator.model.people import Approval
from remediator.runtime.ledger import Draft


class Asked:
    """Called with every draft before it is committed; ``webhook`` is a webhook's name, empty for nobody."""

    def __init__(self, webhook: str, clock: Clock) -> None:
        self._webhook = webhook
        self._clock = clock

    def __call__(self, draft: Draft) -> None:
        if self._webhook:
            draft.put(*calls(draft.changes(Approval), self._webhook, draft.at or self._clock.now()))
