"""How much of the last ten minutes a host was suspect: who is so for a fifth of them is flapping. PURE."""

from datetime import datetime, timedelta

WINDOW = timedelta(minutes=10)
FLAPPING_FROM = 0.2
# Gaps shorter than this are one span; it bounds how many there can be.
_TOGETHER = timedelta(seconds=1)

Spans = tuple[tuple[datetime, datetime], ...]


def suspected(before: Spans, *, was: bool, now_is: bool, now: datetime) -> Spans:
    """The spans of suspicion up to now: one that goes on is extended, a new one begins, old ones are dropped."""
    spans = tuple(span for span in before if now - span[1] < WINDOW)
    joins = bool(spans) and (was or (now_is and now - spans[-1][1] < _TOGETHER))
    if joins:
        return (*spans[:-1], (spans[-1][0], now))
    return (*spans, (now, now)) if now_is else spans


def share_of(spans: Spans, now: datetime) -> float:
    """The part of the window that the spans cover, 0 to 1."""
    if not spans:
        return 0.0
    begin = now - WINDOW
    covered = sum(((end - max(start, begin)) for start, end in spans if end > begin), timedelta())
    return min(1.0, covered / WINDOW)
