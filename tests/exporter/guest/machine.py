"""A virtual machine without KVM, for what this kernel may lack: device mapper, RAID, thin pools.

It has the host's files, read-only, so the exporter that it runs is the one under test, in the same Python.
"""

import base64
import contextlib
import itertools
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.exporter.guest.initrd import ADDRESS, BUSYBOX, SCRATCH, build_initrd
from tests.exporter.guest.kernel import Kernel
from tests.store_lab import free_port

ROOT = Path(__file__).parents[3]
QEMU = "qemu-system-x86_64"
PORT = 9100
BOOT_SECONDS = 90.0
RUN_SECONDS = 60.0
BOOT_MODULES = ("virtio_pci", "virtio_console", "9pnet_virtio", "9p", "virtio_net")
# The first is not among what the next ones say that they need: the kernel asks for it by its algorithm's name.
FAULT_MODULES = (
    "crc32c_generic", "loop", "dm-mod", "dm-thin-pool", "dm-zero", "dm-flakey", "md-mod", "raid1", "raid456", "ext4",
    "vfat", "nls_cp437", "nls_iso8859_1", "nls_ascii", "sch_netem", "veth",
)  # fmt: skip
ARGUMENTS = "console=ttyS0 quiet panic=-1 mitigations=off nokaslr no_timer_check random.trust_cpu=on net.ifnames=0"


# The guest takes the last ones from the host.
PROGRAMS = (
    QEMU,
    "setpriv",
    str(BUSYBOX),
    "dmsetup",
    "lvm",
    "thin_check",
    "mdadm",
    "losetup",
    "mkfs.ext4",
    "ip",
    "tc",
)


def missing_programs() -> list[str]:
    return [name for name in PROGRAMS if not shutil.which(name)]


@dataclass(frozen=True, slots=True)
class Done:
    """A script that has ended: its exit code, and both its outputs together."""

    code: int
    output: str


@dataclass(slots=True)
class Guest:
    """``url`` is of the exporter in it, once that was started; ``channel`` leads to its first program."""

    channel: socket.socket
    url: str
    log: Path
    _ids: Iterator[int] = field(default_factory=itertools.count)
    _heard: bytes = b""

    def try_to(self, script: str, seconds: float = RUN_SECONDS) -> Done:
        """Run a shell script there. TimeoutError if it could not even be killed: it waits in the kernel."""
        number = next(self._ids)
        encoded = base64.b64encode(script.encode()).decode()
        self.channel.sendall(f"{number} {seconds} {encoded}\n".encode())
        end = time.perf_counter() + seconds + 5
        while True:
            words = self.hear(end).split(" ")
            if words[0] == str(number):
                return Done(int(words[1]), base64.b64decode(words[2]).decode(errors="replace"))

    def run(self, script: str, seconds: float = RUN_SECONDS) -> str:
        """Its output; every command of the script must end well."""
        done = self.try_to(f"set -e\ncd {SCRATCH}\n{script}", seconds)
        assert done.code == 0, f"exit code {done.code} of {script!r}: {done.output}"
        return done.output.strip()

    def start(self, script: str, log: str = "/dev/null") -> None:
        """In the background: what waits for a dead disk ends when that is back."""
        self.run(f"setsid sh -c {shlex.quote(script)} >{log} 2>&1 </dev/null &")

    def hear(self, end: float) -> str:
        """A line. Raises TimeoutError at ``end``, a time of ``perf_counter``."""
        while b"\n" not in self._heard:
            self.channel.settimeout(max(0.001, end - time.perf_counter()))
            said = self.channel.recv(65536)
            assert said, f"the guest is gone: {self.log.read_text(errors='replace')[-2000:]}"
            self._heard += said
        line, _, self._heard = self._heard.partition(b"\n")
        return line.decode()

    def load(self, kernel: Kernel, *names: str) -> None:
        """Modules that wait in the guest, and what they need."""
        script = "\n".join(
            f"[ -e /sys/module/{name} ] || $insmod /run/modules/{name}.ko" for name in kernel.order(names)
        )
        self.run(f"insmod='/run/busybox insmod'\n{script}")

    def start_exporter(self, *flags: str) -> None:
        """The whole page of a host, with its privileged reader, as root; this returns before it listens."""
        python = f"cd {ROOT} && PYTHONDONTWRITEBYTECODE=1 exec {sys.executable} -m"
        flags = ("--listen", f"{ADDRESS}:{PORT}", "--collector.diskstats.device-exclude=^ram", *flags)
        self.start(f"{python} exporter.reader.cli --interval=lvm=0.1", "/run/reader.log")
        self.start(f"{python} exporter.cli host disk {' '.join(flags)}", "/run/exporter.log")


@contextlib.contextmanager
def running_guest(kernel: Kernel, folder: Path) -> Iterator[Guest]:
    """Booted; killed when the context ends."""
    boot = list(kernel.order(BOOT_MODULES))
    initrd, log, path = folder / "initrd", folder / "console.log", folder / "channel"
    initrd.write_bytes(build_initrd(boot, kernel.order((*BOOT_MODULES, *FAULT_MODULES))))
    port = free_port()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)
        listener.settimeout(BOOT_SECONDS)
        command = build_command(kernel, initrd, port, path, log)
        with (
            log.open("ab") as complaints,
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=complaints) as process,
        ):
            try:
                channel = listener.accept()[0]
                guest = Guest(channel, f"http://127.0.0.1:{port}", log)
                with channel:
                    assert guest.hear(time.perf_counter() + BOOT_SECONDS) == "ready"
                    yield guest
            finally:
                process.kill()


def build_command(kernel: Kernel, initrd: Path, port: int, channel: Path, log: Path) -> Sequence[str]:
    devices = (
        "virtio-serial-pci",
        "virtserialport,chardev=channel",
        "virtio-net-pci,netdev=net,romfile=",
        "virtio-rng-pci",
    )
    network = f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{port}-{ADDRESS}:{PORT}"
    files = "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"
    return [
        # It ends with us, however we end.
        "setpriv", "--pdeathsig", "KILL",
        QEMU, "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1024", "-nodefaults", "-no-reboot",
        "-display", "none", "-serial", f"file:{log}", "-kernel", str(kernel.image), "-initrd", str(initrd),
        "-append", ARGUMENTS, "-netdev", network, "-virtfs", files,
        "-chardev", f"socket,id=channel,path={channel}",
        *(word for device in devices for word in ("-device", device)),
    ]  # fmt: skip
