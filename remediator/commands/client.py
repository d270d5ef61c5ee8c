"""The remediator from the command line's side: one address, one token, one clear line when it fails."""

import argparse
import getpass
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import requests

from remediator.model.errors import FleetmendError

DEFAULT_URL = "http://127.0.0.1:8321"
TIMEOUTS = (2.0, 10.0)
UNAUTHORISED, TOO_MANY, UNAVAILABLE = 401, 429, 503
# Each answer of a remediator has it, of whichever part of it.
MARK = "fly-request-id"
# What is none of the user's doing, and not foreseen.
BUGS = (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, AssertionError, RuntimeError)
DEFECT = 1
Command = Callable[[argparse.Namespace], int]
T = TypeVar("T")
# A takeover takes no longer; who still says then that nothing was done has another reason.
TAKEOVER = {UNAVAILABLE: 15.0}


class CommandFailed(FleetmendError):
    """What went wrong, in one line for people."""


class Answered(CommandFailed):
    """The remediator refused; ``retry_after`` is in seconds, None where trying again is no use."""

    def __init__(self, status: int, text: str, retry_after: float | None = None) -> None:
        super().__init__(f"the remediator answers {status}: {text}")
        self.status = status
        self.retry_after = retry_after


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
    """The command, with failures told in one line each on standard error and exit code 2; a defect of ours with 1."""

    def run(args: argparse.Namespace) -> int:
        try:
            return command(args)
        except FleetmendError as error:
            sys.stderr.write(f"fleetmend: {error}\n")
            return 2
        except BUGS as error:
            sys.stderr.write(f"fleetmend: {_defect(error)}\n")
            return DEFECT

    return run


def _defect(error: Exception) -> str:
    """Where it is, and not in its own words: these may quote what is nobody's business."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "unknown place"
    return (
        f"a defect of fleetmend's own, or a remediator of another version: {type(error).__name__} at {place}; "
        "what was begun before may have been done"
    )


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


def without_password(url: str) -> str:
    """As it may be printed."""
    before, _, place = url.rpartition("@")
    scheme, separator, _ = before.partition("://")
    return f"{scheme}{separator}{place}" if before else url


class Remediator:
    """Requests and answers in JSON; every failure is a ``CommandFailed``, a refusal ``Answered``."""

    def __init__(self, url: str, token: str = "") -> None:
        self._url = url.rstrip("/")
        self._shown = without_password(self._url)
        self._session = requests.Session()
        # Proxies and .netrc of the environment have no business with the operator's token.
        self._session.trust_env = False
        # Whose certificates are trusted where the remediator has one of its own making.
        self._session.verify = os.environ.get("FLEETMEND_CA_FILE") or True
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str) -> Any:
        return self.ask("GET", path)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self.ask("POST", path, body)

    def delete(self, path: str) -> Any:
        return self.ask("DELETE", path)

    def close(self) -> None:
        self._session.close()

    def __enter__(self) -> "Remediator":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeouts: tuple[float, float] = TIMEOUTS,
    ) -> Any:
        """One request; ``timeouts`` are seconds to connect and to answer."""
        try:
            response = self._session.request(method, self._url + path, json=body, headers=headers, timeout=timeouts)
            return self._read(response)
        except requests.Timeout:
            raise CommandFailed(f"the remediator at {self._shown} does not answer in time") from None
        except requests.exceptions.SSLError:
            raise CommandFailed(f"the certificate at {self._shown} is not trusted (FLEETMEND_CA_FILE)") from None
        except requests.ConnectionError:
            raise CommandFailed(f"no remediator answers at {self._shown}: is it running? (--url)") from None
        except requests.RequestException:
            # Wrong schemes, bodies that are no JSON, endless redirects.
            raise CommandFailed(f"what answers at {self._shown} is no remediator") from None
        except OSError:
            # requests looks for the file with the first request.
            raise CommandFailed(f"FLEETMEND_CA_FILE: {self._session.verify} cannot be read") from None

    def _read(self, response: requests.Response) -> Any:
        if MARK not in response.headers:
            raise CommandFailed(f"what answers at {self._shown} ({response.status_code}) is no remediator")
        if response.ok:
            return response.json() if response.content else None
        told = response.json()
        text = told.get("error") if isinstance(told, dict) else None
        if response.status_code == UNAUTHORISED:
            text = f"{text} (--token-file FILE says which)"
        after = response.headers.get("Retry-After", "")
        raise Answered(response.status_code, text or "no reason given", float(after) if after.isdigit() else None)


def again(ask: Callable[[], T], patience: Mapping[int, float]) -> T:
    """Ask, and ask again for so many seconds by status, where that says: nothing was done, or not all of it."""
    left = dict(patience)
    while True:
        try:
            return ask()
        except Answered as refused:
            pause = refused.retry_after or 1.0
            left[refused.status] = left.get(refused.status, 0.0) - pause
            if left[refused.status] <= 0:
                raise
            time.sleep(pause)


def asked(args: argparse.Namespace, path: str) -> Any:
    """One GET with the flags' address; a token is shown only where none is not enough."""
    try:
        with Remediator(args.url) as remediator:
            return remediator.get(path)
    except Answered as refused:
        known = getattr(args, "token_file", None) or os.environ.get("FLEETMEND_TOKEN_FILE")
        file = Path(known) if known else args.data / "operator.token"
        if refused.status != UNAUTHORISED or not file.exists():
            raise
    args.token_file = file
    with Remediator(args.url, operator_token(args)) as remediator:
        return remediator.get(path)


def operator_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        # A uid without a name, as in bare containers.
        return "operator"
