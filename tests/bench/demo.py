"""The demo's story on real processes: how fast a dead host is seen, its work back, its undead gone.

Peers are not measured here: none of them plays the same story on one machine.
"""

import json
import signal
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.figure import Figure, at_most

DEMO = Path(__file__).parents[2] / "scripts" / "demo"
# Six minutes are the story's own limit, the rest is for the first installation.
RUN_SECONDS = 900
STOP_SECONDS = 60
LIMITS_S = {
    "power_cut_to_dead_s": 8.0,
    "power_cut_to_replaced_s": 12.0,
    # Its proof of power-off and the copy of its snapshot included.
    "power_cut_to_restored_s": 30.0,
    "return_to_undead_gone_s": 1.0,
}
WRONG_KILLS = "wrong_kills"

Story = dict[str, Any]


def figures(runs: int) -> list[Figure]:
    """Medians of the spans and the sum of wrong kills; nothing holds when a run failed."""
    stories = [_played(number, runs) for number in range(1, runs + 1)]
    return summed_up(stories)


def summed_up(stories: list[Story | None]) -> list[Figure]:
    """The figures of the runs that were whole; None stands for one that failed, and then no figure holds."""
    whole = [story for story in stories if story is not None]
    measured = [
        *(at_most(name, _median(whole, name), "s", limit) for name, limit in LIMITS_S.items()),
        at_most(WRONG_KILLS, sum(story[WRONG_KILLS] for story in whole) if whole else None, "machines", 0),
    ]
    return measured if len(whole) == len(stories) else [replace(figure, holds=False) for figure in measured]


def _median(stories: list[Story], name: str) -> float | None:
    return median(story[name] for story in stories) if stories else None


def read_story(path: Path) -> Story | None:
    """What a run wrote; None when it wrote nothing whole, or says itself that a step did not hold."""
    try:
        story = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    measured = isinstance(story, dict) and all(
        isinstance(story.get(name), int | float) for name in (*LIMITS_S, WRONG_KILLS)
    )
    return story if measured and story.get("ok") is True else None


def _played(number: int, runs: int) -> Story | None:
    """Play the story once, and say how it went."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out.json"
        ended = run([str(DEMO), "--exit", "--json", str(path)])
        story = read_story(path) if ended == "" else None
        if story is None:
            print(f"run {number} of {runs}: FAILED {ended or '(the story did not hold)'}", flush=True)
            return None
    values = ", ".join(f"{name} {story[name]:g}" for name in (*LIMITS_S, WRONG_KILLS))
    print(f"run {number} of {runs}: {values}", flush=True)
    return story


def run(command: list[str]) -> str:
    """ "" when the command ended with 0, else how it ended and the last it said."""
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)
        except OSError as error:
            return f"({command[0]}: {error.strerror})"
        if (code := _code_in_time(process)) == 0:
            return ""
        said.seek(0)
        last = said.read().decode(errors="replace").splitlines()[-20:]
    return "\n".join([f"(code {code})" if code is not None else f"(not done after {RUN_SECONDS} s)", *last])


def _code_in_time(process: subprocess.Popen[bytes]) -> int | None:
    """The exit code; None when it took too long and was asked to stop, as by Ctrl-C."""
    try:
        return process.wait(RUN_SECONDS)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return None
