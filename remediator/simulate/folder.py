"""Which folder of rules is meant, and which playbook a dead host asks for there."""

from pathlib import Path

from remediator.policy.configuration import load_inventory, load_settings
from remediator.settings import InventoryHost

SETTINGS_FILE = "fleetmend.yml"
HOSTS_FILE = "hosts.yml"
LIVENESS = "host_dead"


def rules_in(folder: Path) -> tuple[Path, str]:
    """The rules of a folder with fleetmend.yml, of one that has a folder ``rules``, or the folder itself.

    Raises:
        BadInput: fleetmend.yml is wrong.
    """
    if (folder / SETTINGS_FILE).exists():
        settings = load_settings(folder / SETTINGS_FILE, {})
        return settings.rules, settings.liveness_playbook
    inside = folder / "rules"
    return (inside if (inside / "playbooks").is_dir() else folder), LIVENESS


def inventory_in(folder: Path) -> tuple[InventoryHost, ...]:
    """The hosts that the settings of a folder name, or its hosts.yml, or the one beside a rules folder.

    Raises:
        BadInput: a file is wrong, or there is none.
    """
    if (folder / SETTINGS_FILE).exists():
        return load_inventory(load_settings(folder / SETTINGS_FILE, {}).hosts)
    here = folder / HOSTS_FILE
    return load_inventory(here if here.exists() else folder.resolve().parent / HOSTS_FILE)
