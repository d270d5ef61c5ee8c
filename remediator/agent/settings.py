"""What an agent is told at its start."""

import argparse
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from remediator.model.errors import BadInput, Problem
from remediator.model.host import Capacity

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
CHASSIS_UUID = Path("/sys/class/dmi/id/product_uuid")


@dataclass(frozen=True, slots=True)
class Settings:
    """One host's agent. ``listen`` is host and port; ``loops`` whether volumes may be loop images."""

    name: str
    region: str
    rack: str
    data: Path
    remediators: tuple[str, ...]
    snapshots: Path
    join_token: str = field(default="", repr=False)
    address: str = "127.0.0.1"
    listen: tuple[str, int] = ("127.0.0.1", 9080)
    exporter_port: int = 9100
    machine_address: str = "127.0.0.1"
    capacity: Capacity = field(default_factory=Capacity)
    role: str = "worker"
    provider: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    boot_id: str = ""
    uuid: str = ""
    cgroups: tuple[Path, ...] = ()
    cold_start: timedelta = timedelta(seconds=300)
    loops: bool = False
    programs: Path | None = None

    @property
    def state(self) -> Path:
        return self.data / "state"

    @property
    def disk(self) -> Path:
        """The host's disk for tenants; a full one leaves ``state`` writable when it is a filesystem of its own."""
        return self.data / "disk"


def build_parser() -> argparse.ArgumentParser:
    """The flags of ``fleetmend-agent``; listeners bind the loopback unless told otherwise."""
    parser = argparse.ArgumentParser(
        prog="fleetmend-agent", description="Runs the machines of one host.", allow_abbrev=False
    )
    for name in ("name", "region", "rack"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--data", required=True, type=Path, help="folder of this host's state and machines")
    parser.add_argument("--remediator", required=True, metavar="URL[,URL]")
    parser.add_argument("--snapshots", required=True, type=Path, help="where snapshots are kept, off this host")
    parser.add_argument("--join-token", default="", metavar="TOKEN|@FILE", help="needed once, to enrol")
    parser.add_argument("--address", default="127.0.0.1", help="the host's own address")
    parser.add_argument("--listen", default="", metavar="HOST:PORT", help="default: port 9080 of the loopback")
    parser.add_argument("--exporter-port", type=int, default=9100)
    parser.add_argument("--machine-address", default="", help="where machines listen; default: --address")
    parser.add_argument("--capacity", default="", metavar="cpus=N,memory_mb=N,disk_mb=N")
    parser.add_argument("--role", default="worker")
    parser.add_argument("--provider", default="")
    parser.add_argument("--label", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--boot-id", default="", help="default: the kernel's")
    parser.add_argument("--uuid", default="", metavar="FILE|TEXT", help="default: the chassis' (DMI)")
    parser.add_argument("--cgroup", action="append", default=[], type=Path, metavar="DIR")
    parser.add_argument("--cold-start", type=float, default=300.0, metavar="SECONDS")
    parser.add_argument("--loops", choices=("on", "off"), default="on", help="loop images for volumes (root)")
    parser.add_argument("--programs", type=Path, metavar="DIR", help="what images stand for here: a file for each")
    return parser


def parse_settings(arguments: list[str], *, root: bool) -> Settings:
    """Flags to settings.

    Raises:
        BadInput: every flag whose value is wrong.
    """
    given = build_parser().parse_args(arguments)
    problems: list[Problem] = []
    settings = Settings(
        name=given.name, region=given.region, rack=given.rack, data=given.data.absolute(),
        remediators=tuple(url.strip().rstrip("/") for url in given.remediator.split(",") if url.strip()),
        snapshots=given.snapshots.absolute(), join_token=_read_token(given.join_token, problems),
        address=given.address, listen=_parse_listen(given.listen, problems),
        exporter_port=given.exporter_port, machine_address=given.machine_address or given.address,
        capacity=_parse_capacity(given.capacity, problems), role=given.role, provider=given.provider,
        labels=_parse_pairs(given.label, "--label", problems), boot_id=given.boot_id or _read_line(BOOT_ID),
        uuid=_read_uuid(given.uuid), cgroups=tuple(given.cgroup),
        cold_start=timedelta(seconds=given.cold_start), loops=root and given.loops == "on",
        programs=given.programs.absolute() if given.programs else None,
    )  # fmt: skip
    if not settings.remediators:
        problems.append(Problem("--remediator", 0, 0, "no address in it"))
    if problems:
        raise BadInput(problems)
    return settings


def _read_token(given: str, problems: list[Problem]) -> str:
    if not given.startswith("@"):
        return given
    try:
        return Path(given[1:]).read_text().strip()
    except OSError as error:
        problems.append(Problem("--join-token", 0, 0, f"{given[1:]} cannot be read: {error.strerror}"))
        return ""


def _parse_listen(given: str, problems: list[Problem]) -> tuple[str, int]:
    host, _, port = (given or "127.0.0.1:9080").rpartition(":")
    if host and port.isdigit():
        return host, int(port)
    problems.append(Problem("--listen", 0, 0, f"{given!r} is not HOST:PORT"))
    return "", 0


def _parse_capacity(given: str, problems: list[Problem]) -> Capacity:
    pairs = _parse_pairs([part for part in given.split(",") if part], "--capacity", problems)
    try:
        return Capacity(
            float(pairs.pop("cpus", 1)), int(pairs.pop("memory_mb", 1024)), int(pairs.pop("disk_mb", 1024))
        )
    except ValueError:
        problems.append(Problem("--capacity", 0, 0, f"{given!r} is not cpus=N,memory_mb=N,disk_mb=N"))
        return Capacity()


def _parse_pairs(given: list[str], flag: str, problems: list[Problem]) -> dict[str, str]:
    problems.extend(Problem(flag, 0, 0, f"{pair!r} is not KEY=VALUE") for pair in given if "=" not in pair)
    return dict(pair.split("=", 1) for pair in given if "=" in pair)


def _read_uuid(given: str) -> str:
    # What cannot be read is no statement about who we are.
    if not given:
        return _read_line(CHASSIS_UUID)
    return _read_line(Path(given)) if "/" in given else given


def _read_line(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
