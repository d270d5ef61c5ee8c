"""docs/metrics.md is what the code says, and no name in the exporters' code is missing from it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from scripts.metric_names import page

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "metrics.md"
NAME = re.compile(r"(node|fleetmend|probe|process|ipmi|redfish|lvm|smartctl|host)_[a-z0-9_]*[a-z0-9]")
LISTED = re.compile(r"^\| `([a-zA-Z0-9_:]+)` \|", re.MULTILINE)
# Strings of the same form that name something else: sources of the privileged reader, beginnings of names.
OTHERS = {
    *("ipmi_bmc", "ipmi_chassis", "ipmi_dcmi", "ipmi_sel", "ipmi_sensor"),
    *("fleetmend_region_capacity", "fleetmend_region_free", "fleetmend_region_largest_free"),
}


def listed() -> set[str]:
    names = set(LISTED.findall(DOCUMENT.read_text()))
    return names | {name.removesuffix("_total") for name in names}


def names_in_code() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "exporter").rglob("*.py")):
        nodes = list(ast.walk(ast.parse(path.read_text())))
        # Of a name that is put together only the fixture tree's page can tell.
        parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in nodes:
            if isinstance(node, ast.Constant) and id(node) not in parts and NAME.fullmatch(str(node.value)):
                yield str(node.value), f"{path.relative_to(ROOT)}:{node.lineno}"


def test_the_document_is_what_the_code_says() -> None:
    assert DOCUMENT.read_text() == page() + "\n", "run scripts/metric-names >docs/metrics.md"


def test_every_name_in_the_code_is_listed() -> None:
    known = listed()
    missing = [f"{place} {name}" for name, place in names_in_code() if name not in known | OTHERS]
    assert not missing
    assert len(known) > 300
