"""How fast a tenant's token may ask: a bucket for each action on each machine or app, as the public API has them."""

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable

from aiohttp import web
from aiohttp.typedefs import Middleware

from remediator.api.answers import Handler
from remediator.api.requests import Endpoint, endpoint_key
from remediator.api.tenants.scopes import caller_of
from remediator.engine.machines.refusals import Refused, Terms
from remediator.settings import RateLimits

# So many buckets are kept; one that was not asked of for longest is full again, or as good as that.
MOST = 50_000
GET = "machines.get"
APP_DELETE = "apps.delete"


class Limiter:
    """``monotonic`` gives seconds."""

    def __init__(self, limits: RateLimits, monotonic: Callable[[], float]) -> None:
        self._limits = limits
        self._monotonic = monotonic
        # Hashes, for what is named in a path may be long: what is left in the bucket, and since when.
        self._buckets: OrderedDict[int, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def wait(self, caller: str, operation: str, subject: str) -> float:
        """Seconds until that may be asked again; 0 where it may be now, and then it counts."""
        limits = self._limits
        if not limits.enabled:
            return 0.0
        if operation == APP_DELETE:
            return self._take(
                hash((caller, operation)), limits.app_deletes_per_minute / 60, limits.app_deletes_per_minute
            )
        key = hash((caller, operation, subject))
        if operation == GET:
            return self._take(key, limits.get_per_second, limits.get_burst)
        return self._take(key, limits.per_second, limits.burst)

    def _take(self, key: int, per_second: float, burst: int) -> float:
        now = self._monotonic()
        left, since = self._buckets.pop(key, (float(burst), now))
        left = min(burst, left + (now - since) * per_second)
        allowed = left >= 1
        self._buckets[key] = (left - allowed, now)
        if len(self._buckets) > MOST:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - left) / per_second


def limited(endpoints: Iterable[Endpoint], limiter: Limiter | None) -> Middleware:
    """Comes after the guard; operators, monitoring and onlookers are not slowed down."""
    operations = {(each.method, each.path): each.operation for each in endpoints}

    @web.middleware
    async def paced(request: web.Request, handler: Handler) -> web.StreamResponse:
        caller = caller_of(request)
        operation = operations.get(endpoint_key(request), "")
        if limiter is None or not caller.is_tenant or not operation:
            return await handler(request)
        wait = limiter.wait(caller.key, operation, "/".join(request.match_info.values()))
        if wait:
            text = f"rate limit exceeded: {operation} on this machine or app, try again in {wait:.1f} s"
            raise Refused(text, Terms(429, "rate_limited", math.ceil(wait)))
        return await handler(request)

    return paced
