"""The baselines by name, as ``play`` wants them built."""

from collections.abc import Callable

from remediator.simulate.baselines.fixed_for import FixedFor
from remediator.simulate.baselines.karpenter import Karpenter
from remediator.simulate.baselines.logic import Logic
from remediator.simulate.baselines.machine_health_check import MachineHealthCheck
from remediator.simulate.baselines.node_health_check import NodeHealthCheck
from remediator.simulate.baselines.nomad import Nomad
from remediator.simulate.baselines.phi_accrual import PhiAccrual
from remediator.simulate.baselines.plain import Plain
from remediator.simulate.baselines.zone_eviction import ZoneEviction
from remediator.simulate.world.told import Build, Setting

LOGICS: tuple[Callable[[], Logic], ...] = (
    FixedFor,
    PhiAccrual,
    Nomad,
    ZoneEviction,
    NodeHealthCheck,
    MachineHealthCheck,
    Karpenter,
)


def baselines() -> dict[str, Build]:
    return {make().name: _builder(make) for make in LOGICS}


def _builder(make: Callable[[], Logic]) -> Build:
    def build(setting: Setting) -> Plain:
        return Plain(setting, make)

    return build
