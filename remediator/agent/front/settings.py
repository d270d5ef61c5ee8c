"""What a chassis is told at its start, and the command lines of the programs of its host."""

from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

SHADOW_STEP = 100
MACHINE_PORTS = 20000


@dataclass(frozen=True, slots=True)
class Place:
    """Where the host is, in names and on the wire; ``bridge`` is for the namespace mode alone."""

    name: str
    region: str
    rack: str
    address: IPv4Address
    prefix: int = 24
    gateway: str = ""
    bridge: str = "fm0"
    agent_port: int = 9080
    exporter_port: int = 9100
    machine_ports: int = 32


@dataclass(frozen=True, slots=True)
class Programs:
    """What init starts: the first words of each command, and the flags that are handed through to the agent."""

    agent: tuple[str, ...]
    exporter: tuple[str, ...]
    flags: tuple[str, ...] = ()
    restart_seconds: float = 2.0


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the programs listen and whom the agent dials: the host's own address, or its shadow behind a relay."""

    address: IPv4Address
    remediators: tuple[str, ...]
    machines: str = "0.0.0.0"  # noqa: S104  all there is in a namespace of its own


@dataclass(frozen=True, slots=True)
class FrontSettings:
    """One chassis."""

    place: Place
    programs: Programs
    data: Path
    remediators: tuple[str, ...]
    disk_mb: int = 96
    loops: bool = True
    uuid: str = field(default="")


def shadow_of(address: IPv4Address) -> IPv4Address:
    """The address behind the relay: 127.77.0.11 becomes 127.77.100.11."""
    octets = list(address.packed)
    octets[2] = (octets[2] + SHADOW_STEP) % 256
    return IPv4Address(bytes(octets))


def agent_command(settings: FrontSettings, listening: Listening, boot_id: str) -> list[str]:
    """The agent's command line for one boot."""
    place = settings.place
    return [
        *settings.programs.agent,
        *("--name", place.name, "--region", place.region, "--rack", place.rack),
        *("--data", str(settings.data), "--remediator", ",".join(listening.remediators)),
        *("--address", str(place.address), "--listen", f"{listening.address}:{place.agent_port}"),
        *("--exporter-port", str(place.exporter_port), "--machine-address", listening.machines),
        *("--boot-id", boot_id, "--uuid", settings.uuid),
        *settings.programs.flags,
    ]


def exporter_command(settings: FrontSettings, listening: Listening) -> list[str]:
    """The exporter's command line."""
    return [*settings.programs.exporter, "--listen", f"{listening.address}:{settings.place.exporter_port}"]
