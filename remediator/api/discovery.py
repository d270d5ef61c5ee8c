"""http_sd: what the metrics store scrapes. Dead hosts stay listed, so that their absence is seen; machines do not."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypedDict

from aiohttp import web

from remediator.api.answers import answer
from remediator.api.control import Control
from remediator.api.requests import Endpoint
from remediator.api.settings import PublicSettings
from remediator.api.shapes import routed
from remediator.api.tenants.scopes import Scope, caller_of
from remediator.model.fleet import Fleet
from remediator.model.host import Host, Life
from remediator.model.machine import Machine

# So many apps are looked through before others have their turn.
AT_ONCE = 100


class TargetDoc(TypedDict):
    """A target group, as Prometheus reads it."""

    targets: list[str]
    labels: dict[str, str]


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


def machine_targets(fleet: Fleet, app: str) -> list[TargetDoc]:
    """One target per machine that the app's traffic may go to; no other is listed for a moment."""
    return [
        {"targets": [_place(host, machine.port)], "labels": _labels(machine)} for machine, host in routed(fleet, app)
    ]


def _labels(machine: Machine) -> dict[str, str]:
    told = {"app": machine.app, "machine": machine.id, "name": machine.name, "region": machine.region}
    return {**told, "host": machine.host}


def _target(host: Host) -> str:
    return _place(host, host.exporter_port)


def _place(host: Host, port: int) -> str:
    return f"[{host.address}]:{port}" if ":" in host.address else f"{host.address}:{port}"


class MachineTargetsApi:
    """http_sd of machines: of one app, and of all apps that whoever asks may see; ``owner`` tells whose an app is."""

    def __init__(self, control: Control, settings: PublicSettings, owner: Callable[[str], str]) -> None:
        self._control = control
        self._owner = owner
        self._headers = {"X-Prometheus-Refresh-Interval-Seconds": str(settings.refresh_seconds)}

    def endpoints(self) -> list[Endpoint]:
        told = list[TargetDoc]
        return [
            Endpoint("GET", "/v1/apps/{app}/sd", self.of_app, "sd.app", answers=told),
            Endpoint("GET", "/v1/sd/machines", self.of_all, "sd.machines", answers=told, scope=Scope.TOKEN),
        ]

    async def of_app(self, request: web.Request) -> web.Response:
        return answer(machine_targets(self._control.rows(), request.match_info["app"]), headers=self._headers)

    async def of_all(self, request: web.Request) -> web.Response:
        caller, fleet = caller_of(request), self._control.rows()
        found: list[TargetDoc] = []
        for number, app in enumerate(sorted({machine.app for machine in fleet.machines.values()}), 1):
            if caller.sees(self._owner(app), app):
                found += machine_targets(fleet, app)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
        return answer(found, headers=self._headers)
