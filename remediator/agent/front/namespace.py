"""Namespace mode: the host is a set of namespaces on a veth that is plugged into a bridge. Needs root."""

import hashlib
import subprocess
from contextlib import suppress

from remediator.agent.front import kernel, tree
from remediator.agent.front.housing import Init, enclose
from remediator.agent.front.settings import Listening, Place
from remediator.model.errors import PermanentError, TransientError

LONGEST_NAME = 13
INSIDE = "eth0"


def link_name(host: str) -> str:
    """The bridge's end of the host's veth; the kernel takes 15 characters, so a long name is hashed."""
    short = host if len(host) <= LONGEST_NAME else hashlib.sha256(host.encode()).hexdigest()[:LONGEST_NAME]
    return f"v-{short}"


def hardware_address(place: Place) -> str:
    """Made from the IPv4 address: neighbours still know the host after a reboot."""
    return "02:46:" + ":".join(f"{octet:02x}" for octet in place.address.packed)


def outer_lines(place: Place, pid: int) -> list[str]:
    """``ip -batch`` lines that make the veth: one end for the bridge, left down, the other in the host of ``pid``."""
    name = link_name(place.name)
    return [
        f"link add {name} type veth peer name {INSIDE} address {hardware_address(place)} netns {pid}",
        f"link set {name} master {place.bridge}",
    ]


def inner_lines(place: Place) -> list[str]:
    """``ip -batch`` lines for the host itself."""
    lines = [
        "link set lo up",
        f"address add {place.address}/{place.prefix} dev {INSIDE}",
        f"link set {INSIDE} up",
    ]
    return [*lines, f"route add default via {place.gateway}"] if place.gateway else lines


def run_ip(lines: list[str]) -> None:
    """Raises ``TransientError`` with what ``ip`` said."""
    done = subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise TransientError(f"ip: {done.stderr.strip().splitlines()[0] if done.stderr else 'failed'}")


class NamespaceHousing:
    """The bridge's end of the link is the whole of the network: down means silence at once."""

    enclosure = enclose("--net", "--uts", "--ipc")

    def __init__(self, place: Place, remediators: tuple[str, ...]) -> None:
        self.listening = Listening(place.address, remediators)
        self._place = place
        self._link = link_name(place.name)

    async def attach(self, init: Init) -> None:
        """Raises ``TransientError`` when the bridge is missing or the name is taken."""
        run_ip(outer_lines(self._place, init.pid))
        init.order(do="network", lines=inner_lines(self._place))

    def silence(self) -> None:
        with suppress(OSError):  # no link is silence too
            kernel.set_link(self._link, up=False)

    def speak(self) -> None:
        try:
            kernel.set_link(self._link, up=True)
        except OSError as error:
            raise TransientError(f"{self._link}: {error.strerror}") from error

    async def end(self, init: Init) -> None:
        tree.kill(init.pid)

    def detach(self) -> None:
        """The veth goes with the host's namespace, but only some time later: not waiting for that, we take it."""
        with suppress(TransientError):
            run_ip([f"link del {self._link}"])

    def close(self) -> None:
        self.detach()


def check_bridge(bridge: str) -> None:
    """Raises ``PermanentError`` when there is none in this network namespace."""
    done = subprocess.run(["ip", "link", "show", "dev", bridge, "type", "bridge"], capture_output=True, check=False)
    if done.returncode != 0 or not done.stdout:
        raise PermanentError(f"there is no bridge {bridge} in this network namespace")
