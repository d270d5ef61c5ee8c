"""The phi-accrual detector (Hayashibara and others, 2004) over the agents' heartbeats, acted upon at once.

phi(t) = -log10(1 - F(t)), F the normal distribution over the last 1000 gaps. Threshold 8, no gap thought steadier
than 0.5 s, and a pause of 3 s forgiven: the values that implementations ship for clusters over several networks.
It detects; what follows is the simplest thing: replaced and written off.
"""

from collections.abc import Sequence
from math import erfc, log10, sqrt
from statistics import fmean, pstdev

from remediator.simulate.baselines.logic import Picture
from remediator.simulate.baselines.seen import Heard

THRESHOLD, STEADIEST, FORGIVEN = 8.0, 0.5, 3.0
FEWEST = 10
# Nothing shorter can reach the threshold: not worth its arithmetic.
SHORT = 2.5


class PhiAccrual:
    name = "phi-accrual 8"
    fences = False

    def lost(self, heard: Heard, host: str) -> bool:
        age = heard.age(host)
        return age > SHORT and phi(age, list(heard.gaps(host))) >= THRESHOLD

    def chosen(self, picture: Picture) -> Sequence[str]:
        return picture.waiting(0.0)


def phi(age: float, gaps: list[float]) -> float:
    """How unlikely it is that a heartbeat still comes; with few gaps known one a second is taken for granted."""
    mean, spread = (fmean(gaps), pstdev(gaps)) if len(gaps) >= FEWEST else (1.0, STEADIEST)
    late = (age - mean - FORGIVEN) / max(spread, STEADIEST)
    left = 0.5 * erfc(late / sqrt(2))
    return -log10(left) if left > 0 else float("inf")
