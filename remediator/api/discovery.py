"""http_sd: what the metrics store scrapes. Dead hosts stay listed, so that their absence is seen."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from remediator.model.fleet import Fleet
from remediator.model.host import Host, Life


@dataclass(frozen=True, slots=True)
class VantagePlace:
    """A prober and where its page is: ``address`` is HOST:PORT."""

    name: str
    region: str
    rack: str
    address: str


def host_targets(fleet: Fleet) -> list[dict[str, Any]]:
    """One target per host; a retired one is gone for good and a port of 0 was never told."""
    return [
        {"targets": [_target(host)], "labels": {"host": host.name, "region": host.region, "rack": host.rack}}
        for _, host in sorted(fleet.hosts.items())
        if host.address and host.exporter_port and host.life is not Life.RETIRED
    ]


def probe_targets(vantages: Iterable[VantagePlace]) -> list[dict[str, Any]]:
    """Labels of the vantage only: a page's own host, region and rack are those of its subjects."""
    return [
        {
            "targets": [vantage.address],
            "labels": {"vantage": vantage.name, "vantage_region": vantage.region, "vantage_rack": vantage.rack},
        }
        for vantage in sorted(vantages, key=lambda each: each.name)
        if vantage.address
    ]


def plain_targets(addresses: Iterable[str]) -> list[dict[str, Any]]:
    return [{"targets": [address], "labels": {}} for address in addresses]


def _target(host: Host) -> str:
    address = f"[{host.address}]" if ":" in host.address else host.address
    return f"{address}:{host.exporter_port}"
