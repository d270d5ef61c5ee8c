"""Runs of pytest side by side: one that waits leaves the processor to the others.

Usage: python -m scripts.side_by_side ARGUMENTS ARGUMENTS...     each one run's arguments, as one word
The first speaks as it goes. What each of the others said is printed whole, in their order, when all have ended.
0 when every run ended with 0; Ctrl-C and SIGTERM interrupt all of them, which take down what they set up, then 130.
"""

import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from typing import IO

INTERRUPTED = 130


class Runs:
    """Those that were started, in their order; the first has no file: it speaks aloud."""

    def __init__(self) -> None:
        self._begun: list[subprocess.Popen[bytes]] = []
        self._interrupted = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._interrupt)

    def begin(self, arguments: str, sink: IO[bytes] | None) -> None:
        if self._interrupted:
            return
        # The cache is one file, and written by one at a time.
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *shlex.split(arguments)]
        # A session of its own: a terminal's Ctrl-C reaches it once, through us; twice would cut its ending short.
        self._begun.append(subprocess.Popen(command, stdout=sink, stderr=sink, start_new_session=True))

    def _interrupt(self, *_: object) -> None:
        self._interrupted = True
        for run in self._begun:
            run.send_signal(signal.SIGINT)

    def ended(self) -> int:
        """Wait for all of them; the code to end with."""
        codes = [run.wait() for run in self._begun]
        return INTERRUPTED if self._interrupted else int(any(codes))


def main(argv: Sequence[str]) -> int:
    if not argv:
        print(__doc__, file=sys.stderr)
        return 2
    first, *others = argv
    with ExitStack() as stack:
        sinks = [stack.enter_context(tempfile.TemporaryFile()) for _ in others]
        runs = Runs()
        runs.begin(first, None)
        for arguments, sink in zip(others, sinks, strict=True):
            runs.begin(arguments, sink)
        code = runs.ended()
        for arguments, sink in zip(others, sinks, strict=True):
            print(f"== pytest {arguments}", flush=True)
            sink.seek(0)
            shutil.copyfileobj(sink, sys.stdout.buffer)
            sys.stdout.flush()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
