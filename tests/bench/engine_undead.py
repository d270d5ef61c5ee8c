"""Returns of hosts with undead machines: seconds from first contact until the last of them is seen absent.

Played once, whatever ``--runs`` says: it holds a hundred returns.
"""

from tests.bench.figure import Figure
from tests.bench.story_samples import enough, percentile_at_most, samples_of

NAME = "return_to_undead_gone"


def figures(runs: int) -> list[Figure]:
    samples = samples_of("comebacks", NAME)
    return [enough(samples, 100), percentile_at_most(NAME, samples, 99, 1.0)]
