"""Volume groups, physical and logical volumes, from the privileged reader's ``lvm fullreport``."""

import json
from collections.abc import Iterator, Mapping, Sequence

from prometheus_client.metrics_core import Metric

from exporter.collectors.lvm_fields import GROUPS, Field, Group
from exporter.errors import NoData
from exporter.families import Row, gauges
from exporter.kit import Ask

# A line of the report: field to value, all of them texts.
Line = Mapping[str, str]
UP = "Whether scrape was successful"


def parse_report(text: str) -> dict[str, list[Line]]:
    """Lines by group; each also says in which volume group it is. ValueError for what is no report.

    Lines without a key are of no group: physical volumes that nobody uses have an empty volume group.
    """
    lines: dict[str, list[Line]] = {name: [] for name in GROUPS}
    try:
        for part in json.loads(text)["report"]:
            owner = (part.get("vg") or [{}])[0].get("vg_name", "")
            for name, group in GROUPS.items():
                lines[name] += [{"vg_name": owner, **line} for line in part.get(name, ()) if line.get(group.key)]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"lvm: no report: {type(error).__name__}: {error}") from None
    return lines


def parse_number(text: str) -> float | None:
    """None for what has none just now: volumes that are not active say nothing of their data."""
    try:
        return float(text)
    except ValueError:
        return None


def build_group_families(group: Group, lines: Sequence[Line]) -> list[Metric]:
    info = f"lvm_{group.key.partition('_')[0]}_info"
    return [
        gauges(info, "Names of what has this UUID; the value is always 1.", (*group.info, group.key),
               [((*(line.get(name, "") for name in group.info), line[group.key]), 1.0) for line in lines]),
        *(build_number_family(group.key, field, lines) for field in group.numbers),
        *(build_text_family(group.key, field, lines) for field in group.texts),
    ]  # fmt: skip


def build_number_family(key: str, field: Field, lines: Sequence[Line]) -> Metric:
    read = ((line[key], parse_number(line.get(field.name, ""))) for line in lines)
    rows: list[Row] = [((uuid,), number) for uuid, number in read if number is not None]
    return gauges(f"lvm_{field.metric}", field.text, [key], rows)


def build_text_family(key: str, field: Field, lines: Sequence[Line]) -> Metric:
    rows: list[Row] = [((line[key], line[field.name]), 1.0) for line in lines if field.name in line]
    return gauges(f"lvm_{field.metric}", field.text, [key, field.metric], rows)


def build_textfile_families(lines: Mapping[str, Sequence[Line]]) -> list[Metric]:
    """What the textfile script lvm-prom-collector says, under its names."""
    volumes, groups = lines["lv"], lines["vg"]
    pools = [line for line in volumes if line.get("lv_attr", "")[:1] == "t"]
    snapshots = [line for line in volumes if line.get("lv_attr", "")[:1].lower() == "s"]
    return [
        _percent("node_lvm_thin_pools_allocated", "percentage of allocated thin pool data", pools, "data_percent"),
        _percent("node_lvm_thin_pools_metadata", "percentage of thin pool metadata", pools, "metadata_percent"),
        _percent("node_lvm_snapshots_allocated", "percentage of allocated data to a snapshot", snapshots,
                 "snap_percent"),
        _size("node_volume_group_size", "Volume group size in bytes.", groups, "vg_size"),
        _size("node_volume_group_free", "Volume group free space in bytes.", groups, "vg_free"),
    ]  # fmt: skip


def _percent(name: str, text: str, lines: Sequence[Line], field: str) -> Metric:
    read = ((line, parse_number(line.get(field, ""))) for line in lines)
    rows: list[Row] = [((line["lv_uuid"], line["vg_name"]), number) for line, number in read if number is not None]
    return gauges(name, text, ["uuid", "vgroup"], rows)


def _size(name: str, text: str, lines: Sequence[Line], field: str) -> Metric:
    read = ((line["vg_name"], parse_number(line.get(field, ""))) for line in lines)
    return gauges(name, text, ["name"], [((group,), number) for group, number in read if number is not None])


def build_up_family(value: float, status: str) -> Metric:
    return gauges("lvm_up", UP, ["status"], [((status,), value)])


def read_lvm(ask: Ask) -> Iterator[Metric]:
    """Raises NoData without a reader, LVM or anything of it, OSError or ValueError if it failed."""
    try:
        lines = parse_report(ask("lvm").output)
    except (OSError, ValueError) as error:
        yield build_up_family(0.0, type(error).__name__)
        raise
    if not any(lines.values()):
        raise NoData("no volume group and no physical volume")
    yield build_up_family(1.0, "")
    for name, group in GROUPS.items():
        yield from build_group_families(group, lines[name])
    yield from build_textfile_families(lines)
