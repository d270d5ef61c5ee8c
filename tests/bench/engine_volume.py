"""A machine with a volume whose host loses its power: seconds until it serves elsewhere, proof and copy included."""

import json
import tempfile
from pathlib import Path

from tests.bench.demo import DEMO, run
from tests.bench.figure import Figure, at_most
from tests.bench.story_samples import enough

NAME = "power_cut_to_restored_s"
LIMIT = 30.0


def figures(runs: int) -> list[Figure]:
    """The slowest of the runs; a run that failed is missing among the samples."""
    samples = [seconds for seconds in (_played() for _ in range(runs)) if seconds is not None]
    return [enough(samples, runs), at_most("power_cut_to_serving_slowest_s", max(samples, default=None), "s", LIMIT)]


def _played() -> float | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out.json"
        if ended := run([str(DEMO), "--exit", "--only", "power", "--json", str(path)]):
            print(f"FAILED {ended}", flush=True)
            return None
        seconds: float = json.loads(path.read_text(encoding="utf-8"))[NAME]
    print(f"{NAME} {seconds:.2f}", flush=True)
    return seconds
