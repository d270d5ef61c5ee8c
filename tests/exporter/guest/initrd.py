"""What the guest boots from: busybox, modules, and a first program that makes the host's files its own, read-only."""

from collections.abc import Mapping, Sequence
from pathlib import Path

BUSYBOX = Path("/bin/busybox")
ADDRESS = "10.0.2.15"  # of the guest in QEMU's own network
SCRATCH = "/srv"  # its memory; page and tests find mounts beneath it, which /tmp, /run and /mnt would hide

# The root is where the host has it, so that this very Python finds itself; what must be written is memory.
INIT = f"""#!/bin/busybox sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
bb=/bin/busybox
$bb mount -t proc proc /proc; $bb mount -t sysfs sysfs /sys; $bb mount -t devtmpfs dev /dev
for module in $($bb cat /modules/boot); do $bb insmod /modules/$module.ko || $bb echo "no $module"; done
$bb mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=512000 host /host || $bb poweroff -f
for part in proc sys dev; do $bb mount -o move /$part /host/$part; done
for part in run {SCRATCH.lstrip("/")}; do $bb mount -t tmpfs -o size=90% tmpfs /host/$part; done
for part in backup archive; do
    [ -d /host/etc/lvm/$part ] && $bb mount -t tmpfs tmpfs /host/etc/lvm/$part
done
$bb mkdir -p /host/run/lock /host/run/modules
$bb cp /modules/*.ko /host/run/modules/; $bb cp /bin/busybox /agent /host/run/
$bb ip link set lo up; $bb ip link set eth0 up
$bb ip address add {ADDRESS}/24 dev eth0
exec $bb switch_root /host /run/busybox sh /run/agent
"""

# A line is an id, seconds and a script in base64; so is the answer: the id, an exit code and the output.
# Each script runs beside the others: one that never ends must not be the last.
AGENT = """
# Nobody here makes device nodes but the tools themselves.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/run DM_DISABLE_UDEV=1
bb=/run/busybox
answer() {
    $bb base64 -d >/run/script.$1 <<END
$3
END
    $bb timeout -s KILL $2 /bin/sh /run/script.$1 >/run/output.$1 2>&1 </dev/null
    echo "$1 $? $($bb base64 -w 0 /run/output.$1)"
    $bb rm -f /run/script.$1 /run/output.$1
}
until set -- /dev/vport*p1 && [ -e "$1" ]; do $bb usleep 50000; done
exec <>"$1" >&0
echo ready
while read -r id seconds script; do answer $id $seconds $script & done
exec $bb poweroff -f
"""


def build_initrd(boot: Sequence[str], modules: Mapping[str, bytes]) -> bytes:
    """An archive for the kernel; ``boot`` are loaded in this order, the others wait in /run/modules."""
    folders = ("bin", "modules", "host", "proc", "sys", "dev")
    files = {
        "init": INIT.encode(),
        "agent": AGENT.encode(),
        "bin/busybox": BUSYBOX.read_bytes(),
        "modules/boot": "\n".join(boot).encode(),
        **{f"modules/{name}.ko": content for name, content in modules.items()},
    }
    entries = [(name, 0o040755, b"") for name in folders]
    entries += [(name, 0o100755, content) for name, content in files.items()]
    entries.append(("TRAILER!!!", 0, b""))
    return b"".join(encode_entry(number, *entry) for number, entry in enumerate(entries, 1))


def encode_entry(number: int, name: str, mode: int, content: bytes) -> bytes:
    """One file in cpio's "newc" format (Documentation/driver-api/early-userspace/buffer-format)."""
    fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return pad(head) + pad(content)


def pad(part: bytes) -> bytes:
    return part + b"\0" * (-len(part) % 4)
