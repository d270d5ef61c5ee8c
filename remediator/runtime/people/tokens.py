"""Tokens of the API: made, found by their digest, taken back."""

import contextlib
import hmac
from dataclasses import replace
from datetime import datetime, timedelta

from remediator.clock import Clock
from remediator.engine.machines.refusals import Refused, Terms, not_found
from remediator.model.errors import FleetmendError
from remediator.model.token import ApiToken, TokenAsk
from remediator.runtime.ledger import Draft, Ledger
from remediator.wire.tokens import digest_of, new_secret

# How exactly is known when a token was last used: more would be a write for each read.
COARSE = timedelta(hours=1)
FLUSH_SECONDS = 60.0
KEPT_EXPIRED = timedelta(days=30)
MOST = 10_000


class Tokens:
    """The rows are the truth; reading asks memory alone."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._used: dict[str, datetime] = {}

    async def make(self, ask: TokenAsk) -> tuple[ApiToken, str]:
        """The row, and the secret, which is nowhere else from then on; empty where the caller has made it.

        The same asked again under the same digest is the same token: one of several journals may have missed it.

        Raises:
            Refused: another token has that name, or there are too many.
        """
        secret = "" if ask.digest else new_secret()
        digest = ask.digest or digest_of(secret)
        now = self._clock.now()
        made = ApiToken(
            id=f"tok_{digest_of(digest)[:16]}",
            name=ask.name,
            digest=digest,
            access=ask.access,
            organisation=ask.organisation,
            app=ask.app,
            created_at=now,
            expires_at=ask.expires_at,
            by=ask.by,
        )
        async with self._ledger.writing() as draft:
            known = draft.get(ApiToken, made.id)
            if known is not None and _wish(known) == _wish(made):
                return known, ""
            self._drop_old(draft, now)
            self._refuse(made)
            draft.put(made)
            draft.note(now, "token", made.id, {"made": made.name, **_bounds(made), "by": ask.by})
        return made, secret

    def _refuse(self, made: ApiToken) -> None:
        every = self._ledger.all(ApiToken)
        if made.id in every or every.where("name", made.name):
            text = f"there is a token named {made.name}: names are what the audit tells"
            raise Refused(text, Terms(422, "name_taken"))
        if len(every) >= MOST:
            raise Refused(f"there are {MOST} tokens: revoke some", Terms(422))

    def _drop_old(self, draft: Draft, now: datetime) -> None:
        for token in self._ledger.all(ApiToken).values():
            if token.expires_at is not None and token.expires_at + KEPT_EXPIRED < now:
                draft.delete(token)

    async def revoke(self, identifier: str, by: str) -> ApiToken:
        """Gone from the moment this returns; named by its id or its name."""
        async with self._ledger.writing() as draft:
            found = self._named(identifier)
            draft.delete(found)
            draft.note(self._clock.now(), "token", found.id, {"revoked": found.name, "by": by})
        self._used.pop(found.id, None)
        return found

    def _named(self, identifier: str) -> ApiToken:
        every = self._ledger.all(ApiToken)
        found: ApiToken | None = every.get(identifier) or next(iter(every.where("name", identifier)), None)
        if found is None:
            raise not_found("token")
        return found

    def find(self, secret: str) -> ApiToken | None:
        """Whose secret that is, if it is still good; looked for by its digest, so that time tells nothing of it."""
        digest = digest_of(secret)
        now = self._clock.now()
        for token in self._ledger.all(ApiToken).where("digest", digest):
            if hmac.compare_digest(token.digest, digest) and token.good_at(now):
                self._seen(token, now)
                return token
        return None

    def _seen(self, token: ApiToken, now: datetime) -> None:
        if token.used_at is None or now - token.used_at >= COARSE:
            self._used[token.id] = now

    def all(self) -> list[ApiToken]:
        """Oldest first."""
        return sorted(self._ledger.all(ApiToken).values(), key=lambda token: (token.created_at, token.id))

    async def run(self) -> None:
        """Write down now and then which tokens were used."""
        while True:
            await self._clock.sleep(FLUSH_SECONDS)
            # A journal that cannot be written has others to tell of it.
            with contextlib.suppress(FleetmendError):
                await self.flush()

    async def flush(self) -> None:
        used, self._used = self._used, {}
        if not used:
            return
        async with self._ledger.writing() as draft:
            for identifier, at in used.items():
                token = draft.get(ApiToken, identifier)
                if token is not None:
                    draft.put(replace(token, used_at=at))


def _wish(token: ApiToken) -> tuple[str, ...]:
    """What was asked for, but for its end, which counts from when it was asked."""
    return token.name, token.digest, token.access, token.organisation, token.app


def _bounds(token: ApiToken) -> dict[str, str]:
    until = token.expires_at.isoformat() if token.expires_at else ""
    return {"access": token.access, "organisation": token.organisation, "app": token.app, "until": until}
