"""What keeps tenants apart, put together over one ledger: tokens, audit, paces, doors."""

import asyncio

from remediator.api.tenants.limits import Limiter
from remediator.api.tenants.tenancy import Tenancy
from remediator.clock import Clock
from remediator.runtime.ledger import Ledger
from remediator.runtime.people.audit import Audit
from remediator.runtime.people.tokens import Tokens
from remediator.settings import Settings
from remediator.tls import Certificate


class Tenants:
    """Watches the ledger from when it is made; make it after all others who add to a draft."""

    def __init__(self, ledger: Ledger, clock: Clock, settings: Settings) -> None:
        self.tokens, self.audit = Tokens(ledger, clock), Audit(ledger, clock)
        self._onlookers = settings.web.onlookers
        doors = {"web": settings.web.tls, "fleet_web": settings.fleet_web.tls}
        self._certificates = [Certificate(tls, key) for key, tls in doors.items() if tls]
        self._limiter = Limiter(settings.rate_limits, clock.monotonic)
        # It tells which rows were changed, by those before it too.
        ledger.before_commit.append(self.audit)

    def tenancy(self) -> Tenancy:
        return Tenancy(self.tokens, self.audit, self._onlookers, self._limiter)

    def cautions(self) -> list[str]:
        """What is wrong with the doors' certificates, for `/readyz` and the status page."""
        return [told for each in self._certificates if (told := each.trouble())]

    async def run(self) -> None:
        """What is written down now and then, for ever."""
        await asyncio.gather(self.tokens.run(), self.audit.run())
