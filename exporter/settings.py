"""What the command line says, checked, before anything is started."""

import argparse
import re
from dataclasses import dataclass, field

from exporter.choice import Choice
from exporter.errors import BadStart
from exporter.orchestrator.flags import OrchestratorSettings, build_orchestrator
from exporter.places import Exclusions, Places, check_places
from exporter.probe.flags import ProbeSettings, build_probe
from exporter.push.flags import PushSettings, build_push
from exporter.reader.flags import ReaderSettings, build_reader
from exporter.store.flags import StoreSettings, build_store
from exporter.web.flags import WebSettings, build_web

DEFAULT_PORTS = {"host": 9100, "disk": 9100, "orchestrator": 9101, "probe": 9115, "store": 9102}


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the command line says, checked."""

    modules: tuple[str, ...]
    web: WebSettings
    places: Places
    push: PushSettings | None = None
    orchestrator: OrchestratorSettings | None = None
    probe: ProbeSettings | None = None
    choice: Choice = field(default_factory=Choice)
    reader: ReaderSettings = field(default_factory=ReaderSettings)
    store: StoreSettings | None = None


def build_settings(flags: argparse.Namespace, choice: Choice) -> Settings:
    """Raises BadStart, naming the flag, on what cannot work."""
    modules = tuple(dict.fromkeys(flags.modules))
    web = build_web(flags, DEFAULT_PORTS[modules[0]])
    places = build_places(flags)
    if {"host", "disk"} & set(modules):
        check_places(places)
    push = build_push(flags, modules[0])
    probe = build_probe(flags) if "probe" in modules else None
    orchestrator, store = build_orchestrator(flags, modules), build_store(flags, modules)
    return Settings(modules, web, places, push, orchestrator, probe, choice, build_reader(flags), store)


def build_places(flags: argparse.Namespace) -> Places:
    if flags.mount_timeout <= 0:
        raise BadStart("--collector.filesystem.mount-timeout: more than 0 seconds are needed")
    exclude = Exclusions(
        check_pattern("filesystem.mount-points-exclude", flags.exclude_mounts),
        check_pattern("filesystem.fs-types-exclude", flags.exclude_filesystems),
        check_pattern("diskstats.device-exclude", flags.exclude_disks),
        check_pattern("netdev.device-exclude", flags.exclude_devices),
        check_pattern("netclass.ignored-devices", flags.ignore_links),
        check_pattern("systemd.unit-exclude", flags.exclude_units),
    )
    units, textfiles = check_pattern("systemd.unit-include", flags.include_units), tuple(flags.textfiles)
    paths = (flags.procfs, flags.sysfs, flags.rootfs, flags.udev)
    return Places(*paths, flags.mount_timeout, exclude, flags.kmsg, units, textfiles)


def check_pattern(name: str, pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise BadStart(f"--collector.{name}: {error}") from None
    return pattern
