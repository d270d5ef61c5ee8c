"""A token bucket: so many at once, then one each interval."""

from exporter.web.config import RateLimit


class Limiter:
    """Full when it begins; ``now`` is in monotonic seconds."""

    def __init__(self, limit: RateLimit, now: float) -> None:
        self.limit = limit
        self._tokens = float(limit.burst)
        self._at = now

    def allow(self, now: float) -> bool:
        """Take a token, if there is one."""
        if not self.limit.interval:
            return True
        self._tokens = min(self.limit.burst, self._tokens + max(0.0, now - self._at) / self.limit.interval)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
