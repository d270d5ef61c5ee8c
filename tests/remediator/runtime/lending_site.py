"""A laboratory with one lent host, idle for long, and a provider that is asked as the real one is."""

from datetime import timedelta
from typing import Any

from remediator.model.errors import PermanentError, TransientError
from remediator.model.evidence import Outcome
from remediator.model.host import Host, Life
from remediator.model.loan import Loan, LoanStage
from remediator.model.policy import EvidenceGuard, Step
from remediator.model.request import Operation
from remediator.runtime.agents.enrol import Enrolments, Identity
from remediator.runtime.effects.prepare import Preparation
from tests.remediator.builders import NOON, SECOND, alert, host, playbook, policy
from tests.remediator.runtime.lab import Lab

MINUTE = 60 * SECOND
NAME = "arn-burst1-1"
BOOK = playbook(
    "burst_over", steps=(Step("give_back"),), evidence=EvidenceGuard(), budgets=(), correlated=None,
    cooldown=timedelta(minutes=10),
)  # fmt: skip
AT = NOON - 60 * MINUTE
LENT = Loan(NAME, "arn", "b1", AT, LoanStage.JOINED, AT, AT, NOON - 40 * MINUTE)
OTHERS = [host(name, f"r{number}") for number, name in enumerate(("h1", "h2", "h3"), 1)]


class Unsealer:
    """Opens nothing."""

    async def unseal(self, *_: object) -> tuple[str, str]:
        raise PermanentError("nothing is unsealed here")


class Site(Lab):
    """A laboratory whose provider is asked as the real one is; ``says`` is its answer."""

    def __init__(self) -> None:
        super().__init__(self._answer, rules=policy(BOOK))
        self.says: dict[str, Any] | Exception = {"found": True}
        self.asked: list[str] = []
        self.enrolments = Enrolments(self.ledger, Identity({}, "", b"s"), self.clock)
        known = self.watch.known
        self.outbox._prepare = Preparation(self.ledger, Unsealer(), self.enrolments, self.clock, known)
        self.watch.alerts = lambda: (alert(NAME, "burst_over"),)

    def _answer(self, operation: Operation) -> dict[str, Any]:
        if operation.verb != "give_back":
            raise TransientError("no agent is here")
        self.asked.append(operation.args["host"])
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    async def goes_on(self, seconds: float) -> None:
        """Looks each second, everybody well."""
        for _ in range(int(seconds)):
            self.wait(1)
            await self.looks()

    async def looks(self) -> None:
        here = {h.name: Outcome.OK for h in self.ledger.all(Host).values() if h.life is not Life.RETIRED}
        self.probes(**here)
        await self.loop.tick(self.dial)
        await self.flights()

    @property
    def loan(self) -> Loan:
        found = self.ledger.get(Loan, NAME)
        assert found is not None
        return found

    @property
    def stage(self) -> str:
        return self.loan.stage.value

    @property
    def host(self) -> Host:
        found = self.ledger.get(Host, NAME)
        assert found is not None
        return found
