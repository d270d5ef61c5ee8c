"""``fleetmend-agent front``: one process for each host, outside of it."""

import asyncio
import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

from aiohttp import web

from remediator.agent.front.arguments import Options, parse_options
from remediator.agent.front.bmc import Bmc, load_token
from remediator.agent.front.disk import Disk, enter_private_mounts, prepare_disk
from remediator.agent.front.host import HostChassis
from remediator.agent.front.housing import Housing
from remediator.agent.front.namespace import NamespaceHousing, check_bridge
from remediator.agent.front.relay_host import RelayHousing, best_enclosure
from remediator.agent.front.settings import FrontSettings
from remediator.clock import SystemClock
from remediator.model.errors import FleetmendError, PermanentError


def main(argv: list[str]) -> int:
    """0 after SIGTERM or SIGINT with nothing left behind; 2 and one clear line when it cannot start."""
    options = parse_options(argv)
    try:
        return _run(options)
    except FleetmendError as error:
        print(f"fleetmend-agent front: {error}", file=sys.stderr)
        return 2


def _run(options: Options) -> int:
    settings = options.settings
    check_mode(options)
    mounts = enter_private_mounts()  # before the first thread, and before anything is mounted
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        settings = replace(settings, uuid=load_uuid(settings.data / "system.uuid"))
        token = load_token(settings.data / "bmc.token")
    except OSError as error:
        raise PermanentError(f"{error.filename}: {error.strerror}") from error
    disk = prepare_disk(settings.data, settings.disk_mb, mounts=mounts, loops=settings.loops)
    return asyncio.run(serve(replace(options, settings=settings), disk, token))


def check_mode(options: Options) -> None:
    """Raises ``PermanentError`` when the namespace mode cannot work here."""
    if options.mode != "namespace":
        return
    if os.geteuid() != 0:
        raise PermanentError("namespace mode needs root; use --mode relay")
    check_bridge(options.settings.place.bridge)


def load_uuid(path: Path) -> str:
    """The identity of the board, made at the first start. Raises ``PermanentError`` when the file holds none."""
    if not path.exists():
        path.write_text(f"{uuid4()}\n")
    try:
        return str(UUID(path.read_text().strip()))
    except ValueError as error:
        raise PermanentError(f"{path}: not a UUID") from error


async def serve(options: Options, disk: Disk, token: str) -> int:
    """Run the chassis until it is told to end; prints one JSON line when its BMC answers."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    chassis = HostChassis(options.settings, open_housing(options), disk)
    runner = web.AppRunner(Bmc(chassis, SystemClock(), token).app(), access_log=None, shutdown_timeout=1.0)
    try:
        port = await open_bmc(runner, options)
        if options.boot:
            await chassis.boot()
        print(json.dumps({"bmc": f"{options.bmc_host}:{port}", "disk": disk.kind.value}), flush=True)
        await stopped.wait()
    finally:
        await runner.cleanup()
        await chassis.close()
    return 0


def open_housing(options: Options) -> Housing:
    """The mode that was asked for; raises ``FleetmendError`` when its address is not to be had."""
    settings: FrontSettings = options.settings
    if options.mode == "namespace":
        return NamespaceHousing(settings.place, settings.remediators)
    enclosure = best_enclosure(allowed=options.pid_namespace)
    housing = RelayHousing(settings.place, settings.remediators, enclosure)
    housing.open()
    return housing


async def open_bmc(runner: web.AppRunner, options: Options) -> int:
    """Listen; the port that was taken. Raises ``PermanentError`` when it is in use."""
    await runner.setup()
    site = web.TCPSite(runner, options.bmc_host, options.bmc_port)
    try:
        await site.start()
    except OSError as error:
        raise PermanentError(f"{options.bmc_host}:{options.bmc_port}: {os.strerror(error.errno or 0)}") from error
    return int(runner.addresses[0][1])
