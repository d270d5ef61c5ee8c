"""Regions as metrics may tell of them: whoever asks may name any, and each would be a series for good."""

from remediator.model.fleet import Fleet

OTHER = "other"


def told_as(region: str, fleet: Fleet) -> str:
    """The region, if any host was ever in it; empty, for whoever does not mind, stays empty."""
    known = not region or fleet.takers(region) or any(host.region == region for host in fleet.hosts.values())
    return region if known else OTHER
