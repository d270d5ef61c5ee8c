"""The npm client fly-admin, driven from here: a real client of the Machines API, not changed in any way."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
DRIVE = Path(__file__).parent / "fly_admin" / "drive.js"


class FlyAdminError(Exception):
    """What the client threw: the status, a colon, and the body."""


class FlyAdmin:
    def __init__(self, url: str, process: "subprocess.Popen[str]") -> None:
        self.url = url
        self._process = process

    def call(self, part: str, name: str, plain: str = "", /, **given: Any) -> Any:
        """The value of one call of the client, which is given fields or one plain word.

        Raises:
            FlyAdminError: it threw.
        """
        asked, answered = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answered is not None
        asked.write(json.dumps({"part": part, "call": name, "given": plain or given}) + "\n")
        asked.flush()
        outcome = json.loads(answered.readline())
        if "error" in outcome:
            raise FlyAdminError(outcome["error"])
        return outcome["value"]

    def machine(self, name: str, /, **given: Any) -> Any:
        return self.call("Machine", name, app_name="web", **given)


@contextmanager
def fly_admin(url: str, token: str) -> Iterator[FlyAdmin]:
    """The client in a process of its own; skips where it is not there."""
    if shutil.which("node") is None:
        pytest.skip("NODE IS MISSING: apt-get install nodejs npm")
    found = subprocess.run([REPOSITORY / "scripts/fetch-fly-admin", "--print"], capture_output=True, text=True)
    if found.returncode:
        pytest.skip("FLY-ADMIN IS MISSING: run scripts/fetch-fly-admin")
    environment = {"PATH": os.environ["PATH"], "FLY_ADMIN": found.stdout.strip(), "URL": url, "TOKEN": token}
    pipe = subprocess.PIPE
    process = subprocess.Popen(["node", str(DRIVE)], env=environment, stdin=pipe, stdout=pipe, text=True)
    try:
        yield FlyAdmin(url, process)
    finally:
        process.kill()
        process.communicate(timeout=10)
