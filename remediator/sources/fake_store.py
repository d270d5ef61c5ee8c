"""A store whose answers tests and simulations set by hand; it passes the contract of the real one."""

from datetime import datetime

from remediator.sources.results import NoData, Result, Sample, Vector


class FakeStore:
    """Answers by expression; what was never set is no data. ``asked`` remembers every question."""

    def __init__(self) -> None:
        self.answers: dict[str, Result] = {}
        self.asked: list[tuple[str, datetime]] = []

    def set(self, expr: str, *elements: tuple[dict[str, str], float]) -> None:
        """From now on the expression has these elements, stamped with the moment of the question."""
        epoch = datetime.fromtimestamp(0).astimezone()
        self.answers[expr] = Vector(tuple(Sample(dict(labels), value, epoch) for labels, value in elements))

    def fail(self, expr: str, result: Result) -> None:
        self.answers[expr] = result

    def query(self, expr: str, at: datetime) -> Result:
        self.asked.append((expr, at))
        result = self.answers.get(expr, NoData())
        if not isinstance(result, Vector):
            return result
        return Vector.of(result.series, result.values, at) if result.series else NoData()
