"""Where everything of one demo is: addresses, ports, and the hosts it begins with."""

import random
from dataclasses import dataclass, field

from scripts.story.ports import free_port


@dataclass(frozen=True, slots=True)
class Site:
    """A host's name and place."""

    name: str
    region: str
    rack: str
    number: int
    labels: tuple[str, ...] = ()


SITES = (
    Site("h1", "arn", "r1", 11),
    Site("h2", "arn", "r1", 12),
    Site("h3", "arn", "r2", 13),
    Site("h4", "arn", "r2", 14),
    Site("h5", "iad", "r3", 15),
)
RACKS = (("r1", "arn"), ("r2", "arn"), ("r3", "iad"))


@dataclass(frozen=True, slots=True)
class Layout:
    """``namespace``: a network of our own, ports are ours to choose; ``relay``: loopback addresses and free ports."""

    mode: str
    network: str
    control: str
    public: int = 8321
    fleet: int = 8322
    store: int = 8428
    orchestrator: int = 9101
    provider: int = 8330
    sites: tuple[Site, ...] = SITES
    racks: tuple[tuple[str, str], ...] = RACKS
    bmc: dict[str, int] = field(default_factory=dict)
    probers: dict[str, int] = field(default_factory=dict)

    def address(self, number: int) -> str:
        return f"{self.network}{number}"

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.public}"

    @property
    def agents(self) -> str:
        return f"http://{self.control}:{self.fleet}"


def namespace_layout(sites: tuple[Site, ...] = SITES, racks: tuple[tuple[str, str], ...] = RACKS) -> Layout:
    bmc = {site.name: 7000 + site.number for site in sites}
    probers = {rack: 9115 + index for index, (rack, _) in enumerate(racks)}
    return Layout("namespace", "10.77.0.", "10.77.0.1", sites=sites, racks=racks, bmc=bmc, probers=probers)


def relay_layout(public: int = 0) -> Layout:
    """Addresses by lot, so that two demos meet only by ill luck, and ports that are free now.

    ``public`` fixes the one that a store from outside has to know.
    """
    network = f"127.{random.randint(2, 254)}.{random.randint(1, 90)}."  # noqa: S311 - no secret
    lot, fleet, store, orchestrator, provider = (free_port() for _ in range(5))
    bmc = {site.name: free_port() for site in SITES}
    probers = {rack: free_port() for rack, _ in RACKS}
    return Layout(
        "relay", network, "127.0.0.1", public or lot, fleet, store, orchestrator, provider, bmc=bmc, probers=probers
    )
