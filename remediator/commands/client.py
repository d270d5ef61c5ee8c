"""The remediator from the command line's side: one address, one token, one clear line when it fails."""

import argparse
import getpass
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from remediator.model.errors import FleetmendError

DEFAULT_URL = "http://127.0.0.1:8321"
TIMEOUTS = (2.0, 10.0)
Command = Callable[[argparse.Namespace], int]


class CommandFailed(FleetmendError):
    """What went wrong, in one line for people."""


def add_connection(parser: argparse.ArgumentParser) -> None:
    """The flags that every client command takes."""
    parser.add_argument(
        "--url",
        default=os.environ.get("FLEETMEND_URL", DEFAULT_URL),
        help="the remediator's public address (default: FLEETMEND_URL or %(default)s)",
    )
    add_data(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("FLEETMEND_DATA", "data")),
        help="the remediator's data directory (default: FLEETMEND_DATA or %(default)s)",
    )


def add_token(parser: argparse.ArgumentParser) -> None:
    """For commands that write."""
    told = os.environ.get("FLEETMEND_TOKEN_FILE")
    parser.add_argument(
        "--token-file",
        type=Path,
        default=Path(told) if told else None,
        help="file with the operator token (default: FLEETMEND_TOKEN_FILE or operator.token in the data directory)",
    )


def told_plainly(command: Command) -> Command:
    """The command, with failures told in one line each on standard error and exit code 2."""

    def run(args: argparse.Namespace) -> int:
        try:
            return command(args)
        except FleetmendError as error:
            sys.stderr.write(f"fleetmend: {error}\n")
            return 2

    return run


def operator_token(args: argparse.Namespace) -> str:
    """The token in the file that the flags name.

    Raises:
        CommandFailed: when it cannot be read.
    """
    path: Path = args.token_file or args.data / "operator.token"
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise CommandFailed(f"the operator token cannot be read from {path}: {why}") from None


class Remediator:
    """GET and POST of JSON; every failure is a ``CommandFailed``."""

    def __init__(self, url: str, token: str = "") -> None:
        self._url = url.rstrip("/")
        self._session = requests.Session()
        # Proxies and .netrc of the environment have no business with the operator's token.
        self._session.trust_env = False
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str) -> Any:
        return self._ask("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self._ask("POST", path, body)

    def close(self) -> None:
        self._session.close()

    def __enter__(self) -> "Remediator":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        try:
            response = self._session.request(method, self._url + path, json=body, timeout=TIMEOUTS)
            return self._read(response)
        except requests.Timeout:
            raise CommandFailed(f"the remediator at {self._url} does not answer in time") from None
        except requests.ConnectionError:
            raise CommandFailed(f"no remediator answers at {self._url}: is it running? (--url)") from None
        except requests.RequestException:
            # Wrong schemes, bodies that are no JSON, endless redirects.
            raise CommandFailed(f"what answers at {self._url} is no remediator") from None

    def _read(self, response: requests.Response) -> Any:
        if response.ok:
            return response.json()
        told = response.json()
        text = told.get("error") if isinstance(told, dict) else None
        raise CommandFailed(f"the remediator answers {response.status_code}: {text or 'no reason given'}")


def asked(args: argparse.Namespace, path: str) -> Any:
    """One GET with the flags' address."""
    with Remediator(args.url) as remediator:
        return remediator.get(path)


def operator_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        # A uid without a name, as in bare containers.
        return "operator"
