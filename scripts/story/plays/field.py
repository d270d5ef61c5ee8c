"""The ground of one story: its hosts in their racks, probers with a line of their own, the shipped rules."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from remediator.simulate.world.story import Story
from remediator.wire.keys import write_private
from scripts.story.api import until
from scripts.story.ground import BIN, Ground, WriteSettings
from scripts.story.layout import Layout, Site, namespace_layout
from scripts.story.processes import Gone, start
from scripts.story.settings import SHIPPED

PATIENCE = 12.0
COLD_START = 6.0
# What differs from the shipped settings: what has to be waited for, and nothing that decides.
CLOCKS = (
    ("patience before an original is condemned", "120 s", f"{PATIENCE:.0f} s"),
    ("gate opens after the store was good for", "60 s", "2 s"),
    ("probation of a returned host", "30 s", "3 s"),
    ("start as a reason to ask (backlog)", "10 min", "2 s"),
    ("people are told of partitions and of lost agents after", "30 s, 1 min", "3 s"),
    ("agents without a remediator start what they ran after", "5 min", f"{COLD_START:.0f} s"),
)
FIRST_HOST, FIRST_PROBER = 11, 2
# An address appears in the prober's network once it was plugged in.
_WHEN_PLUGGED = 'until ip -4 -o addr show eth0 2>/dev/null | grep -q inet; do sleep 0.02; done; exec "$@"'


def layout_of(story: Story) -> Layout:
    """Bridge, addresses and ports; the remediator has an address that no prober has."""
    places = list(story.topology.places.values())
    sites = tuple(
        Site(place.name, place.region, place.rack, FIRST_HOST + number, _labels(place.labels))
        for number, place in enumerate(places)
    )
    return namespace_layout(sites, tuple(dict.fromkeys((place.rack, place.region) for place in places)))


def _labels(labels: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{key}={value}" for key, value in labels.items())


def writer(story: Story) -> WriteSettings:
    """Settings and rules as they are shipped, but for the clocks above and what the story itself says."""

    def write(folder: Path, layout: Layout, hosts: dict[str, Path], provider_token: str, store: str) -> None:
        shutil.copytree(SHIPPED, folder / "rules", dirs_exist_ok=True)
        _shorten(folder / "rules", story)
        write_private(folder / "provider.token", provider_token.encode())
        bmc = {name: place.bmc for name, place in story.topology.places.items()}
        inventory = [_host(site, layout, hosts, bmc=bmc[site.name]) for site in layout.sites]
        (folder / "fleetmend.yml").write_text(yaml.safe_dump(_settings(layout, store, story)))
        (folder / "hosts.yml").write_text(yaml.safe_dump(inventory))

    return write


def _settings(layout: Layout, store: str, story: Story) -> dict[str, object]:
    return {
        "store_url": store,
        "listen": f"127.0.0.1:{layout.public}",
        "fleet_listen": f"{layout.control}:{layout.fleet}",
        "orchestrator_exporter": f"127.0.0.1:{layout.orchestrator}",
        "patience": f"{PATIENCE:.0f}s",
        "probation": "3s",
        "evaluation_jitter": False,
        "gate": {"open_after": "2s", "open_after_max": "4s", "freshness": "8s"},
        "on_return": {"default": "keep_original", "apps": dict(story.on_return)},
        "provider": {"url": f"http://127.0.0.1:{layout.provider}", "token_file": "provider.token"},
    }


def _host(site: Site, layout: Layout, hosts: dict[str, Path], *, bmc: bool) -> dict[str, object]:
    known: dict[str, object] = {"name": site.name, "region": site.region, "rack": site.rack}
    if bmc:
        url = f"http://127.0.0.1:{layout.bmc[site.name]}"
        known["bmc"] = {"url": url, "token_file": str(hosts[site.name] / "bmc.token")}
    return known


def _shorten(rules: Path, story: Story) -> None:
    limits = rules / "limits.yml"
    limits.write_text(limits.read_text().replace("patience: 120s", f"patience: {PATIENCE:.0f}s"))
    # Agents that are turned away are gone for a while too; only where crashes are the story is that told as fast.
    crashes = any(fault.kind == "agent_crash" for fault in story.faults)
    for name in ("network", "rollout") if crashes else ("network",):
        alerts = rules / "alerts" / f"{name}.yml"
        text = alerts.read_text().replace("interval: 15s", "interval: 2s")
        alerts.write_text(re.sub("for: (30s|1m)$", "for: 3s", text, flags=re.MULTILINE))
    for file in (rules / "playbooks").glob("*.yml"):
        text = re.sub(r"(backlog: \{.*for: )\w+\}", r"\g<1>2s}", file.read_text())
        if mode := story.modes.get(file.stem):
            text = re.sub(r"(?m)^mode: \w+", f"mode: {mode}", text)
        file.write_text(text)


@dataclass(slots=True)
class Field(Ground):
    """A ground whose probers stand in networks of their own, each on the host that the story gives it."""

    homes: Mapping[str, str] = field(default_factory=dict)

    def prober_address(self, rack: str) -> str:
        racks = [name for name, _ in self.layout.racks]
        return self.layout.address(FIRST_PROBER + racks.index(rack))

    async def _start_prober(self, rack: str, region: str) -> None:
        name = f"p-{rack}"
        address, token = self.prober_address(rack), await self.join_token(name)
        command = ["unshare", "--net", "sh", "-c", _WHEN_PLUGGED, "sh", str(BIN / "fleetmend-exporter"), "probe"]
        command += ["--vantage", name, "--region", region, "--rack", rack, "--remediator", self.layout.agents]
        command += ["--join-token", token, "--token-file", str(self.folder / f"{name}.token")]
        command += ["--listen", f"{address}:9115"]
        self.parts[name] = await start(name, command, self._log(name))
        pid = self.parts[name].process.pid

        async def apart() -> bool:
            return _network_of(str(pid)) != _network_of("self")

        await until(apart, 5, f"{name} has a network of its own", every=0.02)
        _plug(f"v-{name}", address, pid)

    def vantages_on(self, host: str) -> list[str]:
        return [vantage for vantage, home in self.homes.items() if home == host]

    def line_of(self, vantage: str, *, up: bool) -> None:
        """A prober shares the fate of the host that it stands on."""
        run_ip(f"link set v-{vantage} {'up' if up else 'down'}")

    async def well(self, seconds: float = 40) -> None:
        await until(self._all_well, seconds, "every host ok and the gate open", every=0.2)


def _network_of(pid: str) -> Path:
    return Path(f"/proc/{pid}/ns/net").readlink()


def _plug(link: str, address: str, pid: int) -> None:
    run_ip(f"link add {link} type veth peer name eth0 netns {pid}\nlink set {link} master fm0 up")
    inside = f"link set lo up\naddress add {address}/24 dev eth0\nlink set eth0 up"
    run_ip(inside, "nsenter", "-t", str(pid), "-n")


def run_ip(lines: str, *prefix: str) -> None:
    """Raises ``Gone`` with what ``ip`` said."""
    done = subprocess.run([*prefix, "ip", "-batch", "-"], input=lines, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise Gone(f"ip: {done.stderr.strip()}")
