"""Arithmetic of spans: what is common to some, how long several hold at once, and when something held."""

from collections.abc import Iterable, Sequence

from remediator.simulate.world.record import Span


def holds(spans: Iterable[Span], at: float) -> bool:
    return any(span.covers(at) for span in spans)


def common(one: Iterable[Span], other: Iterable[Span]) -> list[Span]:
    """Where both hold."""
    found = [Span(max(a.begin, b.begin), min(a.end, b.end)) for a in one for b in other]
    return sorted((span for span in found if span.end > span.begin), key=lambda span: span.begin)


def united(spans: Iterable[Span]) -> list[Span]:
    """Where at least one holds, as spans that do not touch."""
    found: list[Span] = []
    for span in sorted(spans, key=lambda span: span.begin):
        if found and span.begin <= found[-1].end:
            found[-1] = Span(found[-1].begin, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found


def without(spans: Iterable[Span], gone: Iterable[Span]) -> list[Span]:
    """Where one of ``spans`` holds and none of ``gone``."""
    left = united(spans)
    for hole in united(gone):
        left = [
            part
            for span in left
            for part in (Span(span.begin, min(span.end, hole.begin)), Span(max(span.begin, hole.end), span.end))
            if part.end > part.begin
        ]
    return left


def at_once(spans: Sequence[Span]) -> list[Span]:
    """Where two or more of them hold."""
    return united(span for number, one in enumerate(spans) for span in common([one], spans[number + 1 :]))


def seconds(spans: Iterable[Span], until: float) -> float:
    """How much of them lies before ``until``; what overlaps counts once."""
    return sum(span.seconds(until) for span in united(spans))


def next_begin(spans: Iterable[Span], at: float) -> float | None:
    """When one of them first holds, from ``at`` on; ``at`` itself where one holds then."""
    return min((max(span.begin, at) for span in spans if span.end > at), default=None)
