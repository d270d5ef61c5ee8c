"""How many hosts of one shape a set of demands needs: first fit, largest first."""

from collections.abc import Sequence

from remediator.model.host import Capacity
from remediator.model.request import Demand


def hosts_needed(demands: Sequence[Demand], shape: Capacity) -> int:
    """Hosts to ask for; demands larger than the shape get none, for no such host would hold them."""
    sizes = [demand.size for demand in demands for _ in range(demand.count) if demand.size.fits(shape)]
    sizes.sort(key=lambda size: (size.memory_mb, size.cpus, size.disk_mb), reverse=True)
    bins: list[Capacity] = []
    for size in sizes:
        for index, free in enumerate(bins):
            if size.fits(free):
                bins[index] = free - size
                break
        else:
            bins.append(shape - size)
    return len(bins)
