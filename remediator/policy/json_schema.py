"""JSON schemas of the files people edit, for editors that complete and check while one types.

Made of the same models that read the files. A schema lets through what only the whole set can tell; ``fleetmend
check`` has the last word.
"""

import re
from typing import Any

from pydantic import BaseModel

from remediator.actions.spec import ActionSpec
from remediator.policy.schema import AlertFile, LimitsFile, OutcomesFile, PlaybookFile
from remediator.policy.steps import Actions

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_FILES: dict[str, tuple[type[BaseModel], str]] = {
    "alerts": (AlertFile, "rules/alerts/*.yml: alerting and recording rules as Prometheus has them"),
    "limits": (LimitsFile, "rules/limits.yml: the ceilings that no playbook may loosen"),
    "outcomes": (OutcomesFile, "rules/outcomes.yml: what follows without data, or when the store cannot answer"),
    "playbook": (PlaybookFile, "rules/playbooks/*.yml: what may be done about an alert, and under which guards"),
}
# pydantic's way of writing a default of 90 s: PT1M30S.
_ISO_SPAN = re.compile(r"P(\d+D)?(T(\d+H)?(\d+M)?(\d+S)?)?")


def build_schemas(actions: Actions) -> dict[str, dict[str, Any]]:
    """Each file's schema, by the file's name under rules/schema/."""
    schemas = {f"{name}.schema.json": _schema(model, title) for name, (model, title) in _FILES.items()}
    _add_steps(schemas["playbook.schema.json"], actions)
    return schemas


def _schema(model: type[BaseModel], title: str) -> dict[str, Any]:
    made = model.model_json_schema(by_alias=True, mode="validation")
    made.pop("title", None)
    return {"$schema": DIALECT, "title": title, **_without_titles(made)}


def _without_titles(value: Any) -> Any:
    """pydantic names each field after itself, which tells an editor's user nothing; spans are written our way."""
    if isinstance(value, list):
        return [_without_titles(each) for each in value]
    if not isinstance(value, dict):
        return value
    plain = {key: _without_titles(each) for key, each in value.items() if key != "title" or not isinstance(each, str)}
    default = plain.get("default", "")
    if isinstance(default, str) and default and _ISO_SPAN.fullmatch(default):
        plain["default"] = default.strip("P").replace("T", "").lower()
    if default is None or (plain.get("type") == "string" and not isinstance(default, str)):
        del plain["default"]
    return plain


def _add_steps(schema: dict[str, Any], actions: Actions) -> None:
    """A step is an action's name, or one action with its parameters; another may run beside it."""
    for name, spec in sorted(actions.items()):
        schema["$defs"][f"action_{name}"] = _parameters(spec)
    named = {"enum": sorted(actions), "description": "an action without parameters"}
    alone = {
        name: {"anyOf": [{"$ref": f"#/$defs/action_{name}"}, {"type": "null"}], "description": _said(spec)}
        for name, spec in sorted(actions.items())
    }
    schema["$defs"]["one_step"] = {"anyOf": [named, _mapping(alone, 1)]}
    beside = {"meanwhile": {"$ref": "#/$defs/one_step", "description": "a step that runs beside this one"}}
    schema["$defs"]["step"] = {"anyOf": [named, _mapping(alone | beside, 2)]}
    schema["properties"]["steps"]["items"] = {"$ref": "#/$defs/step"}


def _mapping(properties: dict[str, Any], most: int) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": most,
    }


def _parameters(spec: ActionSpec) -> dict[str, Any]:
    made = spec.params.model_json_schema(by_alias=True, ref_template=f"#/$defs/action_{spec.name}/$defs/{{model}}")
    made.pop("title", None)
    made["description"] = _said(spec)
    cleaned: dict[str, Any] = _without_titles(made)
    return cleaned


def _said(spec: ActionSpec) -> str:
    """What the action is, from its own docstring, with its kind."""
    acts = f"acts on a {spec.needs_label}" if spec.needs_label else "acts on nothing of its own"
    own = (spec.params.__doc__ or "").strip().splitlines()
    return f"{spec.kind.value}; {acts}. {own[0] if own else ''}".strip()
