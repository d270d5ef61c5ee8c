"""The demo's outer shell: sockets on this machine's loopback, and a network of its own around all the rest."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def may_unshare() -> bool:
    """Whether namespaces of our own are to be had: root, and a kernel that allows them here."""
    if os.geteuid() != 0:
        return False
    tried = subprocess.run([*_unshare(), "true"], capture_output=True, check=False)
    return tried.returncode == 0


def in_namespaces(command: Sequence[str]) -> list[str]:
    """The command in a network of its own, with everything that it starts."""
    return [*_unshare(), *command]


def _unshare() -> list[str]:
    """Everything of the demo ends with this process: namespaces, mounts and the processes in them."""
    return ["unshare", "--net", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc"]


def loopback_socket(port: int = 0) -> socket.socket:
    """A listening socket out here that a process in the other network may accept from."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    listening.listen(128)
    return listening


def run_inside(arguments: Sequence[str]) -> int:
    """Play the story in namespaces of its own; our end, however it comes, is its end."""
    public, store = loopback_socket(), loopback_socket()
    reader, writer = os.pipe()
    handed_on = (public.fileno(), store.fileno(), reader)
    flags = ["--inside", ",".join(str(fd) for fd in handed_on)]
    command = in_namespaces([sys.executable, "-m", "scripts.story.main", *arguments, *flags])
    inner = subprocess.Popen(command, pass_fds=handed_on, start_new_session=True, cwd=REPOSITORY)
    os.close(reader)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # The pipe's end is the word to stop; a second signal changes nothing.
        signal.signal(number, lambda *_: _close(writer))
    return inner.wait()


def _close(fd: int) -> None:
    with contextlib.suppress(OSError):
        os.close(fd)


def raise_bridge(control: str) -> None:
    """The network of the demo's hosts: a bridge that nothing leads out of."""
    for command in (
        "ip link set lo up",
        "ip link add fm0 type bridge",
        f"ip addr add {control}/24 dev fm0",
        "ip link set fm0 up",
    ):
        subprocess.run(command.split(), check=True, capture_output=True)
