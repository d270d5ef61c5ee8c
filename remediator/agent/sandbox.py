"""A machine's surroundings: its directory, files and volumes, its uid, its limits, its environment."""

import os
import re
import resource
import shutil
import subprocess
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

from remediator.agent.files import link_beneath, parse_files, parse_guest_path, write_beneath
from remediator.agent.processes import Owner
from remediator.agent.record import MachineRecord
from remediator.model.errors import PermanentError

FIRST_UID = 200_000
UIDS_PER_HOST = 1_000
# Hosts that share one kernel's uids (no namespaces) keep to blocks of their own.
_BLOCKS = 60_000
OPEN_FILES = 4096
# Code, thread stacks and allocator arenas fill address space without being memory.
ADDRESS_SLACK_MB = 512
LOG_BYTES = 1 << 20
_MIB = 1 << 20
_CPU_PERIOD = 100_000

Limits = list[tuple[int, int]]
Stream = int | BinaryIO
_IMAGE = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Where machines live on this host.

    Args:
        disk: the host's disk for tenants; directories, volumes and logs fill it.
        address: what machines are told to listen on.
        first_uid: the first of this host's block of uids; 0 where machines run under the agent's own.
        cgroups: folders beneath which each machine gets its group; v1 and v2 both work.
        programs: what images stand for on this host; each is a file with the image's name.
    """

    disk: Path
    address: str
    first_uid: int = 0
    cgroups: tuple[Path, ...] = ()
    path: str = field(default="/usr/local/bin:/usr/bin:/bin")
    programs: Path | None = None

    def folder(self, machine: str) -> Path:
        return self.disk / "machines" / machine

    def owner(self, machine: str, record: MachineRecord | None) -> Owner:
        """How to find that machine's processes, known to us or not."""
        session = record.running.pid if record and record.running else 0
        return Owner(machine, str(self.folder(machine)), record.uid if record else 0, session)

    def free_uid(self, taken: Iterable[int]) -> int:
        """The lowest uid of ours that no machine has; 0 where there are none to give."""
        if not self.first_uid:
            return 0
        used = set(taken)
        return next(uid for uid in range(self.first_uid, self.first_uid + UIDS_PER_HOST) if uid not in used)

    def prepare(self, record: MachineRecord, volumes: Mapping[str, Path]) -> None:
        """Make the directory with its files and mounts.

        Raises:
            PermanentError: a path that leads out, or no room on the disk.
        """
        folder, uid = self.folder(record.id), record.uid or os.geteuid()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            os.chown(folder, record.uid or -1, record.uid or -1)
            folder.chmod(0o700)
        except OSError as error:
            raise PermanentError(f"no directory for machine {record.id}: {error.strerror}") from None
        for file in parse_files(record.config):
            write_beneath(folder, file, uid)
        for mount in record.mounts():
            link_beneath(folder, parse_guest_path(mount.get("path")), volumes[mount["volume"]], uid)

    def spawn(self, record: MachineRecord, largest_file_mb: int) -> "subprocess.Popen[bytes]":
        """Start the machine's process in a session of its own.

        Raises:
            PermanentError: the program cannot be run.
        """
        with self._log(record.id) as log:
            try:
                words = self._command(record.config)
                return self._run(record, words, largest_file_mb, (subprocess.DEVNULL, log, log))
            except (OSError, subprocess.SubprocessError) as error:
                raise PermanentError(f"machine {record.id} cannot be started: {_reason(error)}") from None

    def _command(self, config: dict[str, Any]) -> list[str]:
        """A config's own command; where it has none, the program that its image stands for."""
        image = image_name(config)
        program = self.programs / image if self.programs and image else None
        if has_command(config) or program is None or not program.is_file():
            return parse_command(config)
        return [str(program)]

    def enter(self, record: MachineRecord, words: list[str], largest_file_mb: int) -> "subprocess.Popen[bytes]":
        """Start another process within the machine, with pipes to talk to it.

        Raises:
            PermanentError: the program cannot be run.
        """
        pipe = subprocess.PIPE
        try:
            return self._run(record, words, largest_file_mb, (pipe, pipe, pipe))
        except (OSError, subprocess.SubprocessError) as error:
            raise PermanentError(f"the command cannot be started: {_reason(error)}") from None

    def _run(
        self, record: MachineRecord, words: list[str], largest_file_mb: int, streams: tuple[Stream, Stream, Stream]
    ) -> "subprocess.Popen[bytes]":
        """A process in a session of its own, as the machine's uid, in its directory and within its limits."""
        identity: dict[str, Any] = {}
        if record.uid:
            identity = {"user": record.uid, "group": record.uid, "extra_groups": []}
        with ExitStack() as opened:
            groups = [opened.enter_context(group) for group in self._groups(record)]
            enter = _enter(_limits(record.config, largest_file_mb), groups)
            stdin, stdout, stderr = streams
            return subprocess.Popen(
                words, cwd=self.folder(record.id), env=self._environment(record), stdin=stdin, stdout=stdout,
                stderr=stderr, start_new_session=True, preexec_fn=enter, umask=0o022, **identity,
            )  # fmt: skip

    def discard(self, machine: str) -> None:
        """The directory, log and groups are out of the way at once; ``purge`` takes them off the disk."""
        folder = self.folder(machine)
        if folder.exists():
            try:
                folder.rename(self.disk / "trash" / f"{machine}.{folder.stat().st_ino}")
            except OSError:
                # On a disk so full that nothing can be moved, removing takes its time here.
                shutil.rmtree(folder, ignore_errors=True)
        for group in self.cgroups:
            with suppress(OSError):
                (group / machine).rmdir()
        with suppress(OSError):
            (self.disk / "logs" / f"{machine}.log").unlink()

    def purge(self) -> None:
        """Free what discarded machines took."""
        for left in (self.disk / "trash").glob("*"):
            shutil.rmtree(left, ignore_errors=True)

    def _environment(self, record: MachineRecord) -> dict[str, str]:
        given = {str(key): str(value) for key, value in (record.config.get("env") or {}).items()}
        ours = {
            "PORT": str(record.port),
            "HOST_ADDRESS": self.address,
            "MACHINE_ID": record.id,
            "HOME": str(self.folder(record.id)),
        }
        return {"PATH": self.path, "LANG": "C.UTF-8", **given, **ours}

    def _log(self, machine: str) -> BinaryIO:
        path = self.disk / "logs" / f"{machine}.log"
        try:
            if path.exists() and path.stat().st_size > LOG_BYTES:
                os.truncate(path, 0)
            return path.open("ab")
        except OSError:
            # A full disk must not keep a machine from running.
            return Path(os.devnull).open("ab")

    def _groups(self, record: MachineRecord) -> Iterator[FileIO]:
        for parent in self.cgroups:
            group = parent / record.id
            with suppress(OSError):
                group.mkdir(exist_ok=True)
                _limit_group(group, record.config)
                yield (group / "cgroup.procs").open("wb", buffering=0)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", "") or "its limits or uid could not be set"


def parse_command(config: dict[str, Any]) -> list[str]:
    """The argument list of a config's ``init``.

    Raises:
        PermanentError: there is none.
    """
    init = config.get("init") or {}
    words = init.get("exec") or [*(init.get("entrypoint") or []), *(init.get("cmd") or [])]
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise PermanentError("config.init has no command: init.exec or init.cmd must be a list of words")
    return words


def has_command(config: dict[str, Any]) -> bool:
    init = config.get("init") or {}
    return bool(init.get("exec") or init.get("entrypoint") or init.get("cmd"))


def image_name(config: dict[str, Any]) -> str:
    """``web`` of ``registry/team/web:tag@digest``; empty where there is none that could be a file's name."""
    image = config.get("image")
    name = str(image or "").partition("@")[0].rpartition("/")[2].partition(":")[0]
    return name if _IMAGE.fullmatch(name) else ""


def first_uid_for(identity: str, folder: Path) -> int:
    """The block of uids for a host of that identity; 0 where machines cannot have uids of their own.

    They can when we are root, the kernel maps the block, and folders above let others pass.
    """
    block = FIRST_UID + zlib.crc32(identity.encode()) % _BLOCKS * UIDS_PER_HOST
    passable = all(parent.stat().st_mode & 0o001 for parent in (folder, *folder.parents))
    return block if os.geteuid() == 0 and passable and _mapped(block + UIDS_PER_HOST) else 0


def _mapped(uid: int) -> bool:
    try:
        lines = Path("/proc/self/uid_map").read_text().splitlines()
    except OSError:
        return False
    spans = [[int(word) for word in line.split()] for line in lines]
    return any(first <= uid < first + count for first, _, count in spans)


def _limits(config: dict[str, Any], largest_file_mb: int) -> Limits:
    memory = int((config.get("guest") or {}).get("memory_mb") or 256)
    limits: Limits = [
        (resource.RLIMIT_AS, (memory + ADDRESS_SLACK_MB) * _MIB),
        (resource.RLIMIT_NOFILE, min(OPEN_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1])),
        (resource.RLIMIT_CORE, 0),
    ]
    # Where a volume is a plain directory, this is all that bounds what is written to it.
    return [*limits, (resource.RLIMIT_FSIZE, largest_file_mb * _MIB)] if largest_file_mb else limits


def _limit_group(group: Path, config: dict[str, Any]) -> None:
    guest = config.get("guest") or {}
    memory = str(int(guest.get("memory_mb") or 256) * _MIB)
    quota = int(float(guest.get("cpus") or 1) * _CPU_PERIOD)
    wanted = {
        "memory.max": memory,
        "memory.limit_in_bytes": memory,
        "cpu.max": f"{quota} {_CPU_PERIOD}",
        "cpu.cfs_quota_us": str(quota),
    }
    for name, value in wanted.items():
        if (group / name).exists():
            (group / name).write_text(value)


def _enter(limits: Limits, groups: list[FileIO]) -> Callable[[], None]:
    """What the child does to itself before it becomes the machine: no instant outside its limits.

    The group files are opened by us, since the child has given up the right to.
    """

    def enter() -> None:
        for group in groups:
            with suppress(OSError):
                group.write(b"0")
        for which, value in limits:
            resource.setrlimit(which, (value, value))

    return enter
