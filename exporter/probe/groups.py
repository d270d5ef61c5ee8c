"""Lists of targets as service discovery gives them, http_sd's and file_sd's alike, to checks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec
import yaml

from exporter.probe.finding import EXTRAS
from exporter.probe.modules import DEFAULT_MODULE, Module
from exporter.probe.target import LABEL, Check, parse_place

# Labels that the page gives a meaning of its own.
TAKEN = frozenset({"outcome"} | {extra.label for extra in EXTRAS.values() if extra.label})
MODULE_LABELS = ("__param_module", "module")


class Group(msgspec.Struct, frozen=True):
    """Targets with the same labels."""

    targets: list[str]
    labels: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Checks:
    """What can be asked, and words for each target or group that cannot."""

    checks: tuple[Check, ...] = ()
    problems: tuple[str, ...] = ()


def parse_json(body: bytes) -> list[Group]:
    """Raises ValueError, with the place, for what is no list of groups."""
    try:
        return msgspec.json.decode(body, type=list[Group])
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None


def parse_yaml(body: bytes) -> list[Group]:
    """As ``parse_json``; an empty file lists nothing."""
    try:
        return msgspec.convert(yaml.load(body, Loader=yaml.CSafeLoader) or [], list[Group])
    except (yaml.YAMLError, msgspec.ValidationError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split())) from None


def build_checks(groups: Iterable[Group], modules: Mapping[str, Module]) -> Checks:
    """One check for each target; a target that cannot be asked takes none of the others along."""
    checks: dict[tuple[tuple[str, str], ...], Check] = {}
    problems: list[str] = []
    for group in groups:
        try:
            module = find_module(group.labels, modules)
            labels = check_labels(group.labels)
        except ValueError as error:
            problems.append(str(error))
            continue
        for target in group.targets:
            try:
                one = build_check(target, module, labels)
            except ValueError as error:
                problems.append(str(error))
                continue
            checks[one.labels] = one
    return Checks(tuple(checks.values()), tuple(problems))


def build_check(target: str, module: Module, labels: Mapping[str, str]) -> Check:
    """Raises ValueError for what the module cannot ask."""
    shown = {"instance": target} | dict(labels) | {"module": module.name}
    return Check(target, parse_place(target, module), module, tuple(sorted(shown.items())))


def find_module(labels: Mapping[str, str], modules: Mapping[str, Module]) -> Module:
    name = next((labels[label] for label in MODULE_LABELS if labels.get(label)), DEFAULT_MODULE)
    if name not in modules:
        raise ValueError(f"unknown module {name!r}; there are {', '.join(sorted(modules))}")
    return modules[name]


def check_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Those that are shown: names that begin with two underscores are for whoever discovers."""
    shown = {name: value for name, value in labels.items() if not name.startswith("__") and value}
    for name in shown:
        if name in TAKEN or not LABEL.match(name):
            raise ValueError(f"label {name!r} cannot be used here")
    return shown


def merge_checks(lists: Iterable[Checks]) -> tuple[Check, ...]:
    """Every list's; two with the same labels would be one series: the first one's word counts."""
    merged: dict[tuple[tuple[str, str], ...], Check] = {}
    for one in lists:
        for check in one.checks:
            merged.setdefault(check.labels, check)
    return tuple(merged.values())
