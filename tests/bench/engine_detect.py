"""Power cuts on the embedded fleet: seconds from each cut to the verdict, at one probe a second.

Played once, whatever ``--runs`` says: it holds two hundred cuts.
"""

from tests.bench.figure import Figure
from tests.bench.story_samples import enough, percentile_at_most, samples_of

NAME = "power_cut_to_dead"


def figures(runs: int) -> list[Figure]:
    samples = samples_of("cuts", NAME)
    spans = [percentile_at_most(NAME, samples, 50, 4.0), percentile_at_most(NAME, samples, 99, 8.0)]
    return [enough(samples, 200), *spans]
