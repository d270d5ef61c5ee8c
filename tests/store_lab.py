"""A real metrics store for tests: started as the demo starts it, fed from a small site of the test's own."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

from remediator.model.errors import PermanentError
from remediator.store_binary import StoreKind, find_store, scrape_config, store_command
from scripts.story.ports import free_port as free_port

# A path and the site's own HOST:PORT in; the body out.
Answer = Callable[[str, str], str]


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """A site on the loopback that answers every GET with ``answer``; yields its base URL."""

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answer(self.path, str(self.headers["Host"]))
            self.send_response(200)
            kind = "application/json" if self.path.startswith("/sd/") else "text/plain; version=0.0.4"
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Silent: a second's scrape is no news."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def targets(*entries: tuple[str, dict[str, str]]) -> str:
    """A discovery answer: addresses and the labels they carry."""
    return json.dumps([{"targets": [address], "labels": labels} for address, labels in entries])


def has_store(kind: StoreKind, cache: Path) -> bool:
    """Whether the program is here or can be had."""
    try:
        find_store(None, kind, cache)
    except PermanentError:
        return False
    return True


@contextmanager
def running_store(kind: StoreKind, folder: Path, site: str) -> Iterator[str]:
    """The store, scraping each second what ``site`` lists; yields its base URL, checks that it ends well."""
    config = folder / "scrape.yml"
    config.write_text(scrape_config(kind, site, timedelta(seconds=1)), encoding="utf-8")
    listen = f"127.0.0.1:{free_port()}"
    command = store_command(kind, find_store(None, kind, folder / "cache"), folder / "data", listen, config)
    with (folder / "store.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            yield f"http://{listen}"
        finally:
            process.terminate()
        assert process.wait(timeout=10) == 0


def query(store: str, expression: str) -> list[dict[str, Any]]:
    """The series of an instant query; none while the store is not up yet."""
    try:
        answer = requests.get(f"{store}/api/v1/query", params={"query": expression, "nocache": "1"}, timeout=5)
    except requests.ConnectionError:
        return []
    return list(answer.json()["data"]["result"]) if answer.ok else []
