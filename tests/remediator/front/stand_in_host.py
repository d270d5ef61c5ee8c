"""Programs of a host for tests of its chassis: an agent with one machine, and an exporter; standard library only."""

import argparse
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Answers(BaseHTTPRequestHandler):
    """``/healthz`` and ``/boot``; connections are kept alive."""

    protocol_version = "HTTP/1.1"
    boot_id = ""

    def do_GET(self) -> None:
        body = self.boot_id.encode() if self.path == "/boot" else b"ok"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


def start_machine(data: Path, boot_id: str) -> None:
    """One machine for each boot; an agent that comes back finds it running."""
    seen = data / "machine-boot"
    if seen.exists() and seen.read_text() == boot_id:
        return
    seen.write_text(boot_id)
    environment = {"MACHINE_ID": "m-1", "PATH": os.environ["PATH"]}
    subprocess.Popen(["sleep", "1000"], env=environment, start_new_session=True)


def heartbeat(url: str) -> None:
    """Ten times a second, whoever listens."""
    while True:
        try:
            with urllib.request.urlopen(f"{url}/beat", timeout=0.5) as answer:
                answer.read()
        except OSError:
            pass
        time.sleep(0.1)


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("agent", "exporter"))
    for flag in ("--listen", "--data", "--boot-id", "--remediator"):
        parser.add_argument(flag, default="")
    asked, _ = parser.parse_known_args(argv)
    address, _, port = asked.listen.rpartition(":")
    Answers.boot_id = asked.boot_id
    server = ThreadingHTTPServer((address, int(port)), Answers)
    if asked.kind == "agent":
        start_machine(Path(asked.data), asked.boot_id)
        threading.Thread(target=heartbeat, args=(asked.remediator,), daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
