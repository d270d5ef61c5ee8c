"""A BMC for every host of a test, in one small server that speaks Redfish; pulling a plug is one assignment."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class PowerBoard:
    """``off`` are the hosts without power; each is asked for at ``/redfish/v1/Systems/NAME``."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.off: set[str] = set()
        self._token = folder / "bmc.token"
        self._token.write_text("of-the-test")
        self._token.chmod(0o600)

    def entry(self, name: str, region: str, rack: str) -> str:
        """The host in hosts.yml."""
        bmc = f"url: {self.url}, token_file: {self._token}, system: /redfish/v1/Systems/{name}"
        return f"- {{name: {name}, region: {region}, rack: {rack}, bmc: {{{bmc}}}}}\n"

    def system(self, name: str) -> bytes:
        state = "Off" if name in self.off else "On"
        return json.dumps({"UUID": f"chassis-{name}", "PowerState": state}).encode()


@contextmanager
def power_board(folder: Path) -> Iterator[PowerBoard]:
    """Serves until the block ends."""

    class Bmc(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = board.system(self.path.rpartition("/")[2])
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing to say."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Bmc)
    board = PowerBoard(f"http://127.0.0.1:{server.server_address[1]}", folder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield board
    finally:
        server.shutdown()
        server.server_close()
