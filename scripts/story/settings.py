"""The demo's own settings and rules: a fleet of five needs wider budgets and shorter clocks than the shipped ones."""

import shutil
from pathlib import Path

import yaml

from remediator.wire.keys import write_private
from scripts.story.layout import Layout

HERE = Path(__file__).parent
SHIPPED = HERE.parents[1] / "rules"
PATIENCE = 12
CLOCKS = (
    ("patience before an original is condemned", "120 s", f"{PATIENCE} s"),
    ("gate opens after the store was good for", "60 s", "5 s"),
    ("probation of a returned host", "30 s", "3 s"),
    ("hosts that may newly fail in an hour", "10 %, at least 1", "100 %, at least 20"),
    ("hosts in flight in a region", "1 %, at least 2", "at least 3"),
    ("hosts of one rack that make an incident", "3 within 30 s", "4 within 30 s"),
    ("shape of a burst host", "4 cpus, 4 GiB", "32 cpus, 16 GiB"),
)


def write_settings(folder: Path, layout: Layout, hosts: dict[str, Path], provider_token: str, store: str) -> None:
    """fleetmend.yml, hosts.yml and rules/ as the demo needs them."""
    shutil.copytree(SHIPPED, folder / "rules", dirs_exist_ok=True)
    shutil.copytree(HERE / "rules", folder / "rules", dirs_exist_ok=True)
    write_private(folder / "provider.token", provider_token.encode())
    settings = {
        "store_url": store,
        "listen": f"127.0.0.1:{layout.public}",
        "fleet_listen": f"{layout.control}:{layout.fleet}",
        "orchestrator_exporter": f"127.0.0.1:{layout.orchestrator}",
        "patience": f"{PATIENCE}s",
        "probation": "3s",
        "evaluation_jitter": False,
        "gate": {"open_after": "5s", "open_after_max": "10s", "freshness": "8s"},
        "provider": {"url": f"http://127.0.0.1:{layout.provider}", "token_file": "provider.token"},
    }
    inventory = [
        {
            "name": site.name,
            "region": site.region,
            "rack": site.rack,
            "provider": "demo",
            "bmc": {
                "url": f"http://127.0.0.1:{layout.bmc[site.name]}",
                "token_file": str(hosts[site.name] / "bmc.token"),
            },
        }
        for site in layout.sites
    ]
    (folder / "fleetmend.yml").write_text(yaml.safe_dump(settings, sort_keys=False))
    (folder / "hosts.yml").write_text(yaml.safe_dump(inventory, sort_keys=False))
