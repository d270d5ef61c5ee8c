"""A page whose numbers follow the clock: flaps, gaps, resets, NaN, and an exporter that restarts."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from zlib import crc32

from remediator.clock import SystemClock
from tests.conftest import started
from tests.remediator.parity.peers import ENDED, GAP, Series, parse_series
from tests.store_lab import free_port

HOSTS = ("h1", "h2", "h3")
# Slow series change at multiples of this many seconds alone, all together: a store that shows its samples in bursts
# misses none of it.
GRID = 10
# The exporter is away for one step of the grid in each such period; its counters begin anew.
PERIOD = 7 * GRID


def page(second: int) -> str | None:
    """The exporter's page that many seconds after the site began; None while the exporter is away."""
    if second % PERIOD < GRID:
        return None
    return "".join(f"{line}\n" for host in HOSTS for line in _slow(second // GRID, host))


def quick_series(seconds: int) -> Iterator[Series]:
    """What changes from second to second, for so many of them; where a series is left out, it has ended.

    It is put into the store beforehand: what lasts for one sample is then seen in one slot by everyone, however
    close a scrape would have come to that slot.
    """
    pages = [dict(_parted(line) for line in _quick(second)) for second in range(seconds)]
    for name in sorted({name for each in pages for name in each}):
        course = [each.get(name, ENDED) for each in pages]
        ends = zip(course, [ENDED, *course], strict=False)
        points = tuple(GAP if point == before == ENDED else point for point, before in ends)
        yield Series(parse_series(name), points)


def _parted(line: str) -> tuple[str, float]:
    name, _, value = line.rpartition(" ")
    return name, float(value)


def _slow(step: int, host: str) -> Iterator[str]:
    yield f'flap{{host="{host}"}} {_dice(step, host + "flap") % 2}'
    yield f'errors{{host="{host}"}} {8 if _dice(step, host + "errors") < 5 else 2}'
    yield f'requests{{host="{host}"}} 10'
    # In the beginning all are there: VictoriaMetrics takes up to ten seconds to show a series for the first time.
    if step < 3 or _dice(step, host + "gap") < 6:
        yield f'gappy{{host="{host}"}} 1'


def _quick(second: int) -> Iterator[str]:
    since = second % PERIOD - GRID
    if since < 0:
        return
    for number, host in enumerate(HOSTS):
        moved = second + 7 * number
        yield f'blink{{host="{host}"}} {int(moved % 17 < 10)}'
        yield f'work_total{{host="{host}"}} {since * (9 if moved % 40 < 15 else 1)}'
        yield f'level{{host="{host}"}} {"NaN" if moved % 13 < 4 else moved % 5}'
        if moved % 23 >= 9:
            yield f'holey{{host="{host}"}} 1'
    # A pulse of a single sample, now and then two in a row.
    yield f"pulse {int(_dice(second, 'pulse') < 3)}"
    yield from (f'many{{n="{n}"}} 1' for n in range(second // 5 % 5))


def _dice(step: int, what: str) -> int:
    """Something from 0 to 9, the same in every run."""
    return crc32(f"{what} {step}".encode()) % 10


class _Page(BaseHTTPRequestHandler):
    clock = SystemClock()
    began = clock.monotonic()

    def do_GET(self) -> None:
        found = "well" if self.path == "/health" else page(int(self.clock.monotonic() - self.began))
        self.send_response(200 if found else 503)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write((found or "").encode())

    def do_POST(self) -> None:
        """vmalert's notifier: it takes everything and forgets it."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Silent: a second's scrape is no news."""


@contextmanager
def site(log: Path) -> Iterator[str]:
    """The page's HOST:PORT; a process of its own, so that no one's parsing makes a scrape late."""
    place = f"127.0.0.1:{free_port()}"
    arguments = [sys.executable, "-m", "tests.remediator.parity.live_site", place.partition(":")[2]]
    with started(arguments, f"http://{place}/health", log):
        yield place


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), _Page) as server:
        server.serve_forever()
