"""A real node_exporter, to be asked beside ours."""

import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

NODE_EXPORTER = shutil.which("prometheus-node-exporter") or shutil.which("node_exporter")
OWN = ("node_scrape_", "node_exporter_", "go_", "process_", "promhttp_")


@contextmanager
def started(port: int, arguments: Sequence[str], inside: Sequence[str] = ()) -> Iterator[None]:
    """Runs with these arguments on a loopback port; ``inside`` are words before the command, as of nsenter."""
    process = subprocess.Popen(
        [*inside, str(NODE_EXPORTER), f"--web.listen-address=127.0.0.1:{port}", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until_open(port)
        yield
    finally:
        process.terminate()
        process.wait(timeout=10)


def wait_until_open(port: int) -> None:
    deadline = time.perf_counter() + 10
    while time.perf_counter() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return


def fetch(port: int) -> list[Metric]:
    """Its families, but for those about itself."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        families = text_string_to_metric_families(str(answer.read(), "utf-8"))
        return [one for one in families if not one.name.startswith(OWN)]
