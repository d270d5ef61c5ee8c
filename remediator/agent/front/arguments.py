"""The command line of a chassis."""

import argparse
import shlex
import sys
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from remediator.agent.front.settings import FrontSettings, Place, Programs

HANDED_ON = ("snapshots", "capacity", "join_token", "role", "provider", "cold_start")
HANDED_ON_OFTEN = ("label", "cgroup")


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for, checked in form only."""

    settings: FrontSettings
    mode: str
    bmc_host: str
    bmc_port: int
    boot: bool
    pid_namespace: bool


def parse_options(argv: list[str]) -> Options:
    """Ends the program with code 2 and one clear line when a flag is wrong."""
    asked = _parser().parse_args(argv)
    data = Path(asked.data).resolve()
    place = Place(
        name=asked.name,
        region=asked.region,
        rack=asked.rack,
        address=asked.address,
        prefix=asked.prefix,
        gateway=asked.gateway,
        bridge=asked.bridge,
        agent_port=asked.agent_port,
        exporter_port=asked.exporter_port,
    )
    settings = FrontSettings(
        place=place,
        programs=_programs(asked),
        data=data,
        remediators=tuple(asked.remediator.split(",")),
        disk_mb=asked.disk_mb,
        loops=asked.loops == "on",
    )
    host, port = asked.bmc_listen
    return Options(settings, asked.mode, host, port, asked.boot == "now", asked.pid_namespace == "auto")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fleetmend-agent front", description="The chassis of a host: power, link, disk, BMC."
    )
    for flag in ("--name", "--region", "--rack", "--data", "--remediator"):
        parser.add_argument(flag, required=True)
    parser.add_argument("--address", type=IPv4Address, required=True, help="the host's own address")
    parser.add_argument("--mode", choices=("namespace", "relay"), required=True)
    parser.add_argument(
        "--bmc-listen", type=_endpoint, required=True, metavar="HOST:PORT", help="port 0: any free one"
    )
    parser.add_argument("--boot", choices=("now", "off"), default="now")
    _add_network(parser)
    _add_host(parser)
    return parser


def _add_network(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--prefix", type=int, default=24)
    parser.add_argument("--gateway", default="")
    parser.add_argument("--bridge", default="fm0", help="namespace mode: what the host is plugged into")
    parser.add_argument("--agent-port", type=int, default=9080)
    parser.add_argument("--exporter-port", type=int, default=9100)


def _add_host(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--disk-mb", type=int, default=96)
    parser.add_argument("--loops", choices=("on", "off"), default="on")
    parser.add_argument(
        "--pid-namespace",
        choices=("auto", "off"),
        default="auto",
        help="relay mode: keep the host's processes in a namespace of their own where that is allowed",
    )
    parser.add_argument("--restart-delay", type=float, default=2.0, help="seconds until a crashed agent starts again")
    for name in HANDED_ON:
        needed = name == "snapshots"
        parser.add_argument(f"--{name.replace('_', '-')}", required=needed, help="handed on to the agent")
    for name in HANDED_ON_OFTEN:
        parser.add_argument(f"--{name}", action="append", default=[], help="handed on to the agent, may be repeated")
    parser.add_argument("--agent-command", type=shlex.split, default=None, help=argparse.SUPPRESS)
    parser.add_argument("--exporter-command", type=shlex.split, default=None, help=argparse.SUPPRESS)


def _programs(asked: argparse.Namespace) -> Programs:
    flags = ["--loops", asked.loops]
    for name in HANDED_ON:
        value = getattr(asked, name)
        if value is not None:
            flags += [f"--{name.replace('_', '-')}", value]
    for name in HANDED_ON_OFTEN:
        for value in getattr(asked, name):
            flags += [f"--{name}", value]
    exporter = asked.exporter_command or [*console_command("fleetmend-exporter", "exporter.cli"), "host", "disk"]
    agent = asked.agent_command or console_command("fleetmend-agent", "remediator.agent.cli")
    return Programs(tuple(agent), tuple(exporter), tuple(flags), asked.restart_delay)


def console_command(script: str, module: str) -> list[str]:
    """The console script beside this Python; in a checkout that is not installed, the module behind it."""
    installed = Path(sys.executable).parent / script
    if installed.exists():
        return [str(installed)]
    return [sys.executable, "-c", f"import sys; from {module} import main; sys.exit(main())"]


def _endpoint(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no HOST:PORT")
    return host, int(port)
