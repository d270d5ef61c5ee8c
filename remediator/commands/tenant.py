"""One app through the Machines API: what its owner may ask, and nothing else."""

import argparse
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote, urlencode

from remediator.commands.client import (
    TAKEOVER,
    TOO_MANY,
    Answered,
    CommandFailed,
    Remediator,
    add_connection,
    add_token,
    again,
    operator_token,
)
from remediator.commands.doing import progress

Json = dict[str, Any]
NONCE = "fly-machine-lease-nonce"
# To connect; to answer what waits for a machine or a copy.
PATIENT = (2.0, 90.0)
LEASE_SECONDS = 120
HELD = 409
PATIENCE = {TOO_MANY: 120.0, **TAKEOVER}
AGAIN_SECONDS = 2.0
GROUP = "fly_process_group"
# Of a machine that was launched in place of a lost one: which.
REPLACES = "fleetmend_replaces"
GONE = frozenset({"destroyed", "destroying"})


def add_app(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """The app and the way to the remediator."""
    told = os.environ.get("FLEETMEND_APP", "")
    text = "the app (default: FLEETMEND_APP)"
    parser.add_argument("--app", "-a", default=told, required=required and not told, help=text)
    add_connection(parser)
    add_token(parser)


class App:
    """Machines and volumes of one app."""

    def __init__(self, remediator: Remediator, name: str) -> None:
        self._remediator = remediator
        self._base = f"/v1/apps/{quote(name, safe='')}"
        self.name = name

    def machines(self) -> list[Json]:
        """Those that are not destroyed, nor told to be."""
        return [machine for machine in self.all_machines() if machine["state"] not in GONE]

    def all_machines(self) -> list[Json]:
        """Those that wait for their end too."""
        found: list[Json] = self._ask("GET", f"{self._base}/machines")
        return found

    def machine(self, identifier: str) -> Json:
        found: Json = self._ask("GET", self._machine(identifier))
        return found

    def volumes(self) -> list[Json]:
        found: list[Json] = self._ask("GET", f"{self._base}/volumes")
        return found

    def launch(self, body: Json) -> Json:
        return self._told("POST", f"{self._base}/machines", body)

    def update(self, identifier: str, body: Json, nonce: str) -> Json:
        return self._told("POST", self._machine(identifier), body, {NONCE: nonce})

    def destroy(self, identifier: str, *, force: bool) -> Json:
        return self._told("DELETE", f"{self._machine(identifier)}?{urlencode({'force': str(force).lower()})}")

    def wait(self, identifier: str, state: str, seconds: int = 60) -> None:
        asked = urlencode({"state": state, "timeout": seconds})
        self._ask("GET", f"{self._machine(identifier)}/wait?{asked}")

    @contextmanager
    def leased(self, identifier: str) -> Iterator[str]:
        """The nonce of a lease on a machine, for as long as the block; another's is waited out.

        It may be that of a deploy that was killed.
        """
        nonce = self._lease(identifier)
        try:
            yield nonce
        finally:
            # It may have run out, or its machine may be gone: nothing is left to be given back.
            with suppress(Answered):
                self._ask("DELETE", f"{self._machine(identifier)}/lease", None, {NONCE: nonce})

    def _lease(self, identifier: str) -> str:
        left = float(LEASE_SECONDS)
        while True:
            try:
                lease = self._ask("POST", f"{self._machine(identifier)}/lease?ttl={LEASE_SECONDS}")
                return str(lease["data"]["nonce"])
            except Answered as error:
                if error.status != HELD or left <= 0:
                    raise
                if left == LEASE_SECONDS:
                    progress(f"{error}; waiting")
            time.sleep(AGAIN_SECONDS)
            left -= AGAIN_SECONDS

    def create_volume(self, body: Json) -> Json:
        return self._told("POST", f"{self._base}/volumes", body)

    def destroy_volume(self, identifier: str) -> Json:
        return self._told("DELETE", self._volume(identifier))

    def extend_volume(self, identifier: str, size_gb: int) -> Json:
        return self._told("PUT", f"{self._volume(identifier)}/extend", {"size_gb": size_gb})

    def snapshots(self, volume: str) -> list[Json]:
        found: list[Json] = self._ask("GET", f"{self._volume(volume)}/snapshots")
        return found

    def snapshot(self, volume: str) -> None:
        self._ask("POST", f"{self._volume(volume)}/snapshots")

    def act(self, identifier: str, verb: str, body: Json | None = None) -> Any:
        """A machine's verb without a shape of its own: start, stop, restart, suspend, cordon, uncordon."""
        return self._ask("POST", f"{self._machine(identifier)}/{verb}", body)

    def _machine(self, identifier: str) -> str:
        return f"{self._base}/machines/{quote(identifier, safe='')}"

    def _volume(self, identifier: str) -> str:
        return f"{self._base}/volumes/{quote(identifier, safe='')}"

    def _told(self, method: str, path: str, body: Json | None = None, headers: dict[str, str] | None = None) -> Json:
        found: Json = self._ask(method, path, body, headers)
        return found

    def _ask(self, method: str, path: str, body: Json | None = None, headers: dict[str, str] | None = None) -> Any:
        """Too many requests at once are asked again when the answer says; so is whoever does not lead yet."""
        return again(lambda: self._remediator.ask(method, path, body, headers, PATIENT), PATIENCE)


@contextmanager
def app_of(args: argparse.Namespace) -> Iterator[App]:
    """The app that the flags name.

    Raises:
        CommandFailed: no app is named, or there is no token to be read.
    """
    if not args.app:
        raise CommandFailed("say which app: --app NAME, or FLEETMEND_APP")
    with Remediator(args.url, operator_token(args)) as remediator:
        yield App(remediator, args.app)


def config_of(machine: Json) -> Json:
    """The full config, or what is known of it while its host is away."""
    found: Json = machine.get("config") or machine.get("incomplete_config") or {}
    return found


def living(machine: Json) -> bool:
    """Whether its host answers, so that its full config is known."""
    return machine["host_status"] == "ok" and machine.get("config") is not None


def copied(config: Json) -> Json:
    """A config for another machine: without what is said of that one alone."""
    metadata = {key: value for key, value in (config.get("metadata") or {}).items() if key != REPLACES}
    rest = {key: value for key, value in config.items() if key not in ("metadata", "standbys")}
    return rest | ({"metadata": metadata} if metadata else {})


def group_of(machine: Json) -> str:
    """The process group, as clients of the API name it."""
    metadata = config_of(machine).get("metadata") or {}
    return str(metadata.get(GROUP) or metadata.get("process_group") or "app")


def replaces(machine: Json) -> str:
    """The lost machine that it was launched for by a deploy, if any."""
    return str((config_of(machine).get("metadata") or {}).get(REPLACES, ""))


def mounts_of(machine: Json) -> list[Json]:
    return list(config_of(machine).get("mounts") or [])


def like(volume: Json, region: str) -> Json:
    """What to ask for to have another volume of its name and size."""
    size = {key: volume[key] for key in ("size_gb", "size_mb") if key in volume}
    return {"name": volume["name"], "region": region} | size


def free_volumes(volumes: list[Json], name: str, region: str) -> list[Json]:
    """Volumes of a name in a region that nothing is attached to, on hosts that answer."""
    return [
        volume
        for volume in volumes
        if (volume["name"], volume["region"]) == (name, region)
        and not volume["attached_machine_id"]
        and volume["host_status"] == "ok"
        and volume["state"] == "created"
    ]
