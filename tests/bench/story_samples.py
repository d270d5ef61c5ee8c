"""Samples of a measure that the demo takes over and over, and their percentiles."""

import json
import tempfile
from pathlib import Path
from statistics import quantiles

from tests.bench.demo import DEMO, run
from tests.bench.figure import Figure, at_most


def samples_of(step: str, measure: str) -> list[float]:
    """Play a measuring step of the demo once; empty, and said, when it did not hold."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out.json"
        ended = run([str(DEMO), "--exit", "--only", step, "--json", str(path)])
        if ended:
            print(f"FAILED {ended}", flush=True)
            return []
        (played,) = json.loads(path.read_text(encoding="utf-8"))["steps"]
        found: list[float] = played["samples"][measure]
    told = ", ".join(f"{seconds:.2f}" for seconds in sorted(found)[-5:])
    print(f"{len(found)} samples; the slowest five: {told} s", flush=True)
    return found


def percentile(samples: list[float], percent: int) -> float | None:
    """Between the samples, as quantiles usually are; None for fewer than two."""
    return quantiles(samples, n=100, method="inclusive")[percent - 1] if len(samples) > 1 else None


def enough(samples: list[float], wanted: int) -> Figure:
    """A percentile of too few says nothing."""
    return Figure("samples", len(samples), "", f">= {wanted}", len(samples) >= wanted)


def percentile_at_most(name: str, samples: list[float], percent: int, limit: float) -> Figure:
    return at_most(f"{name}_p{percent}_s", percentile(samples, percent), "s", limit)
