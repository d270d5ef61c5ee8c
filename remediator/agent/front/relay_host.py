"""Relay mode: no root needed. The programs live at a shadow address; the chassis owns the public one."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

from remediator.agent.front import tree
from remediator.agent.front.housing import TREE, Enclosure, Init, enclose
from remediator.agent.front.relay import Air, Relay, Route
from remediator.agent.front.settings import MACHINE_PORTS, Listening, Place, shadow_of
from remediator.model.errors import BadInput, PermanentError, Problem

UPLINK_PORT = 9180


def host_routes(place: Place) -> Iterator[Route]:
    """The ports at which the host is known: agent, exporter, and the first ones of machines."""
    machines = range(MACHINE_PORTS, MACHINE_PORTS + place.machine_ports)
    for port in (place.agent_port, place.exporter_port, *machines):
        yield Route((str(place.address), port), (str(shadow_of(place.address)), port))


def uplinks(place: Place, remediators: tuple[str, ...]) -> list[tuple[str, Route]]:
    """For every remediator the address that the agent dials instead, and its route."""
    shadow = str(shadow_of(place.address))
    found = []
    for number, url in enumerate(remediators):
        parts = urlsplit(url)
        port = UPLINK_PORT + number
        detour = parts._replace(netloc=f"{shadow}:{port}").geturl()
        found.append((detour, Route((shadow, port), remediator_address(parts, url))))
    return found


def remediator_address(parts: SplitResult, url: str) -> tuple[str, int]:
    """Raises ``BadInput`` when the URL names no host and port."""
    try:
        port = parts.port or 80
    except ValueError:
        port = 0
    if not parts.hostname or not port:
        raise BadInput([Problem("--remediator", 0, 0, f"{url!r} is no http://HOST:PORT")])
    return parts.hostname, port


def best_enclosure(*, allowed: bool) -> Enclosure:
    """Processes in a namespace of their own where this machine lets us, with a user namespace if we are not root.

    Without one a host is no more than a tree of processes, and its exporter sees those of its neighbours.
    """
    enclosure = enclose(*(() if os.geteuid() == 0 else ("--user", "--map-current-user")))
    if allowed and shutil.which("unshare") and shutil.which("setpriv"):
        tried = subprocess.run([*enclosure.prefix, "true"], capture_output=True, check=False)
        if tried.returncode == 0:
            return enclosure
    return TREE


class RelayHousing:
    """Every byte of the host, both ways, goes through relays that can fall silent together."""

    def __init__(self, place: Place, remediators: tuple[str, ...], enclosure: Enclosure) -> None:
        self.enclosure = enclosure
        ways = uplinks(place, remediators)
        shadow = shadow_of(place.address)
        self.listening = Listening(shadow, tuple(url for url, _ in ways), machines=str(shadow))
        self._air = Air()
        routes = [*host_routes(place), *(route for _, route in ways)]
        self._relays = [Relay(route, self._air) for route in routes]

    def open(self) -> None:
        """Take the public address, silent. Raises ``PermanentError`` naming the port that is not to be had."""
        for relay in self._relays:
            try:
                relay.open()
            except OSError as error:
                address, port = relay.route.listen
                raise PermanentError(f"{address}:{port}: {error.strerror}") from error

    async def attach(self, init: Init) -> None:  # noqa: ARG002  the line is ours, whoever lives behind it
        await asyncio.gather(*(relay.reset_all() for relay in self._relays))

    def silence(self) -> None:
        self._air.set_clear(clear=False)
        for relay in self._relays:
            relay.silence()

    def speak(self) -> None:
        """Open again; twice is once."""
        if self._air.is_clear():
            return
        self._air.set_clear(clear=True)
        for relay in self._relays:
            relay.speak()

    async def end(self, init: Init) -> None:
        if self.enclosure.nested:
            tree.kill(init.pid)  # the namespace ends with its process 1
        else:
            await tree.kill_tree(init.pid)

    def detach(self) -> None:
        """Nothing to take away: the public address stays ours, and silent."""

    def close(self) -> None:
        for relay in self._relays:
            relay.close()
