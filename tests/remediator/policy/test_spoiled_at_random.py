"""Whatever stands in a rules file, the answer is a policy or a list of problems: never a crash."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remediator.actions import ACTIONS
from remediator.model.errors import BadInput
from remediator.policy.configuration import load_inventory, load_settings
from remediator.policy.load import load_policy

ROOT = Path(__file__).parents[3]
FILES = [
    "limits.yml",
    "alerts/host_liveness.yml",
    "alerts/disk.yml",
    "playbooks/host_dead.yml",
    "playbooks/host_wedged.yml",
]
ODD: list[Any] = [None, 0, -1, 1e308, 10**30, True, "", "x", "1%", "5m", "{{", [], {}, [None], {"a": None}, [[{}]]]


def places(value: Any, where: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield where
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*where, key))


def spoil(value: Any, where: tuple[Any, ...], odd: Any) -> Any:
    if not where:
        return odd
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[where[0]] = spoil(value[where[0]], where[1:], odd)
    return copy


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("rules")
    for name in FILES:
        (target / name).parent.mkdir(exist_ok=True)
        (target / name).write_bytes((ROOT / "rules" / name).read_bytes())
    return target


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_value_replaced(folder: Path, name: str, data: st.DataObject) -> None:
    original = (ROOT / "rules" / name).read_text()
    value = yaml.safe_load(original)
    spoiled = spoil(value, data.draw(st.sampled_from(list(places(value)))), data.draw(st.sampled_from(ODD)))
    (folder / name).write_text(json.dumps(spoiled))
    try:
        with suppress(BadInput):
            load_policy(folder, ACTIONS)
    finally:
        (folder / name).write_text(original)


@given(text=st.text(max_size=80))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_as_settings_or_inventory(tmp_path: Path, text: str) -> None:
    (tmp_path / "f.yml").write_bytes(text.encode("utf-8", "surrogatepass"))
    with suppress(BadInput):
        load_settings(tmp_path / "f.yml", {"FLEETMEND_PATIENCE": text})
    with suppress(BadInput):
        load_inventory(tmp_path / "f.yml")
