"""The schemas under rules/schema: as the models make them, true of what is shipped, and of use to an editor."""

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from remediator.actions import ACTIONS
from remediator.policy.json_schema import build_schemas
from remediator.policy.yaml.positions import read_document
from scripts.json_schemas import as_text

RULES = Path(__file__).parents[3] / "rules"
SCHEMAS = build_schemas(ACTIONS)
SHIPPED = [
    *(("alerts", path) for path in sorted((RULES / "alerts").glob("*.yml"))),
    *(("playbook", path) for path in sorted((RULES / "playbooks").glob("*.yml"))),
    ("limits", RULES / "limits.yml"),
    *(("outcomes", path) for path in [RULES / "outcomes.yml"] if path.exists()),
]


def complaints(name: str, value: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(SCHEMAS[f"{name}.schema.json"]).iter_errors(value)]


def playbook(**fields: Any) -> dict[str, Any]:
    return {"playbook": "host_dead", "target": "host", "steps": ["cordon"]} | fields


def test_what_is_committed_is_what_the_models_make() -> None:
    committed = {path.name: path.read_text("utf-8") for path in (RULES / "schema").glob("*.json")}
    assert committed == {name: as_text(schema) for name, schema in SCHEMAS.items()}, "run scripts/json-schemas"


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_each_is_a_schema(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize(("name", "path"), SHIPPED, ids=lambda value: getattr(value, "stem", ""))
def test_what_is_shipped_is_valid(name: str, path: Path) -> None:
    assert complaints(name, read_document(path).value) == []


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_each_action_is_offered_alone_and_with_its_parameters(name: str) -> None:
    assert complaints("playbook", playbook(steps=[name])) == []
    assert complaints("playbook", playbook(steps=[{name: None}])) == []
    assert complaints("playbook", playbook(steps=[{name: {"no_such_parameter": 1}}]))
    parameters = SCHEMAS["playbook.schema.json"]["$defs"][f"action_{name}"]["properties"]
    assert set(parameters) == set(ACTIONS[name].params.model_fields)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "automatic"},
        {"cooldown": "10"},
        {"cooldown": 5},
        {"budget": [{"scope": "region", "max_in_flight": {"share": "1 per cent"}}]},
        {"steps": []},
        {"steps": ["condem"]},
        {"steps": [{"cordon": {}, "fence": {}, "meanwhile": "notify"}]},
        {"unknown": 1},
        {"playbook": "Host-Dead"},
    ],
)
def test_what_the_reader_refuses_the_editor_marks(wrong: dict[str, Any]) -> None:
    assert complaints("playbook", playbook(**wrong))


def test_fields_and_actions_say_what_they_are() -> None:
    schema = SCHEMAS["playbook.schema.json"]
    assert all(field.get("description") or "$ref" in field for field in schema["properties"].values()), schema
    assert schema["$defs"]["action_condemn"]["description"].startswith("destructive; acts on a host")


def test_the_line_for_editors_names_a_schema_that_is_there() -> None:
    for path in RULES.rglob("*.yml"):
        first = path.read_text("utf-8").partition("\n")[0]
        if "yaml-language-server" in first:
            assert (path.parent / first.partition("$schema=")[2].strip()).resolve().is_file(), path
