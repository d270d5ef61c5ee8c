"""A sick host on this kernel: mounts and processes of their own, and a disk that hangs or fails when it is told to.

Everything lives in a mount and a process namespace around one ``cat`` that reads from us: when we close the pipe, or
die, the kernel kills whatever runs there, which ends every wait for the disk, and unmounts what was mounted.
"""

import contextlib
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROGRAMS = ("unshare", "nsenter", "losetup", "mkfs.ext4", "nbdkit", "nbdfuse")
STARTED = re.compile(r"on (http://\S+)/metrics")
SECONDS = 20.0
DISK_BYTES = 64 << 20


def missing_programs() -> list[str]:
    return [name for name in PROGRAMS if not shutil.which(name)]


def wait_for_text(path: Path, pattern: str, seconds: float = SECONDS) -> str:
    """The pattern's first group once the file holds it."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        text = path.read_text() if path.exists() else ""
        if found := re.search(pattern, text):
            return found.group(1)
        time.sleep(0.02)
    raise AssertionError(f"{path}: no {pattern!r}: {text}")


@dataclass(frozen=True, slots=True)
class SickHost:
    """``pid`` is the first process's, as we see it; files of the host are in ``folder``."""

    pid: int
    folder: Path

    def inside(self, *command: str) -> list[str]:
        return ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--", *command]

    def run(self, *command: str) -> str:
        """Its output; the command must end well, and soon."""
        done = subprocess.run(
            self.inside(*command), cwd=ROOT, text=True, capture_output=True, timeout=SECONDS, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout.strip()

    def start(self, name: str, *command: str) -> int:
        """In the background, as a child of the host's first process; its pid there. Writes ``NAME.log``."""
        log, pid = self.folder / f"{name}.log", self.folder / f"{name}.pid"
        script = 'log=$1 pid=$2; shift 2; "$@" </dev/null >"$log" 2>&1 & echo "pid $!" >"$pid"'
        self.run("sh", "-c", script, "sh", str(log), str(pid), *command)
        return int(wait_for_text(pid, r"pid (\d+)"))

    def signal(self, name: str, pid: int) -> None:
        self.run("kill", f"-{name}", str(pid))

    def start_exporter(self, *flags: str) -> str:
        """The page of a host with its disks, loops too, as root; its base URL."""
        command = (sys.executable, "-m", "exporter.cli", "host", "disk", "--listen", "127.0.0.1:0")
        self.start("exporter", *command, "--collector.diskstats.device-exclude", "^(ram|vd)", *flags)
        return wait_for_text(self.folder / "exporter.log", STARTED.pattern)


@contextlib.contextmanager
def running_host(folder: Path) -> Iterator[SickHost]:
    """Gone, with all that it ran and mounted, when the context ends."""
    command = ["unshare", "--mount", "--propagation=private", "--pid", "--fork", "--mount-proc", "cat"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        try:
            yield SickHost(first_child(process.pid), folder)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(SECONDS)


def first_child(pid: int) -> int:
    """Of ``unshare``, once it has made its namespaces and become its program there."""
    child = int(wait_for_text(Path(f"/proc/{pid}/task/{pid}/children"), r"^(\d+)"))
    wait_for_text(Path(f"/proc/{child}/comm"), r"(cat)")
    return child


class SickDisk:
    """An ext4 filesystem on a loop device on a network block device that hangs and fails at our word.

    ``device`` is as the page names it; ``mountpoint`` of the filesystem, ``fuse`` of what is beneath it.
    """

    def __init__(self, host: SickHost) -> None:
        self._host = host
        folder = host.folder
        self.fuse, self.mountpoint = folder / "fuse", folder / "disk"
        self._faulty, self._control, self._served = folder / "faulty", folder / "control", folder / "nbd.sock"
        for path in (self.fuse, self.mountpoint):
            path.mkdir()
        self.serve_pid = self._serve()
        self.device = self._mount()

    def _serve(self) -> int:
        image, ready = self._host.folder / "image", self._host.folder / "ready"
        with image.open("wb") as file:
            file.truncate(DISK_BYTES)
        self._host.run("mkfs.ext4", "-q", "-F", str(image))
        filters = ("--filter=pause", "--filter=error")
        faults = (f"error-file={self._faulty}", "error=EIO", "error-rate=100%", f"pause-control={self._control}")
        listen = ("--foreground", f"--pidfile={ready}", f"--unix={self._served}")
        self._host.start("nbdkit", "nbdkit", *listen, *filters, "file", str(image), *faults)
        wait_for_text(ready, r"(\d+)")
        ready.unlink()
        url = f"nbd+unix:///?socket={self._served}"
        pid = self._host.start("nbdfuse", "nbdfuse", f"--pidfile={ready}", str(self.fuse), url)
        wait_for_text(ready, r"(\d+)")
        return pid

    def _mount(self) -> str:
        device = self._host.run("losetup", "--find", "--show", str(self.fuse / "nbd"))
        # As Debian's installer writes it into fstab; without it, ext4 goes on after an error.
        self._host.run("mount", "--options=errors=remount-ro", device, str(self.mountpoint))
        # In use, it is let go only when its last user goes: nobody has to remember it.
        self._host.run("losetup", "--detach", device)
        return device

    def fail(self, *, failing: bool) -> None:
        """Every read and write ends with EIO, or no longer."""
        self._faulty.touch() if failing else self._faulty.unlink()

    def hang(self, *, hanging: bool) -> None:
        """No read or write ends; or they go on."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(SECONDS)
            control.connect(str(self._control))
            control.send(b"p" if hanging else b"r")
            assert control.recv(1) == (b"P" if hanging else b"R")

    def start_reader(self) -> int:
        """A process that reads what is not in memory, and waits for it as long as the disk hangs."""
        path = str(self.mountpoint / "file")
        return self._host.start("reader", "dd", f"if={path}", "of=/dev/null", "bs=64k", "iflag=direct")

    def write(self, *, megabytes: int) -> None:
        """Raises CalledProcessError if the disk does not take them."""
        path = str(self.mountpoint / "file")
        command = ("dd", "if=/dev/zero", f"of={path}", "bs=1M", f"count={megabytes}", "conv=fsync")
        self._try(*command)

    def commit(self) -> None:
        """Write the filesystem's journal. Raises CalledProcessError."""
        self._try("sync", "--file-system", str(self.mountpoint))

    def _try(self, *command: str) -> None:
        inside = self._host.inside(*command)
        subprocess.run(inside, text=True, capture_output=True, timeout=SECONDS, check=True)
