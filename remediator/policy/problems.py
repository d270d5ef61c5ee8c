"""From pydantic's findings to problems with a place and, where one is near, the name that was meant."""

from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from remediator.model.errors import Problem
from remediator.policy.yaml.positions import Document, Where

M = TypeVar("M", bound=BaseModel)

# So many mistakes of one file are told one by one, and so many are looked at at all: each costs time and memory.
MOST_TOLD = 100
MOST_READ = 20_000
_WORDS = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping of fields",
    "missing": "is missing",
}
_CHECKS = {
    "extra_forbidden": "schema/unknown_field",
    "missing": "schema/missing_field",
    "literal_error": "schema/choice",
    **{kind: "schema/type" for kind in _WORDS if kind.endswith("_type")},
}


def did_you_mean(word: object, known: Iterable[str], cutoff: float = 0.6) -> str:
    """`` (did you mean 'x'?)``, or nothing when no known name is near."""
    return _near(str(word)[:80], tuple(sorted(known)), cutoff)


def validate(
    model: type[M], document: Document, where: Where = (), value: Any = None
) -> tuple[M | None, list[Problem]]:
    """Check a document, or the part of it at ``where``, against a model; every finding is reported."""
    part = document.value if not where and value is None else value
    if part is None:
        part = {}
    try:
        return model.model_validate(part), []
    except ValidationError as error:
        return None, _told(error, model, document, where)


def _told(error: ValidationError, model: type[BaseModel], document: Document, where: Where) -> list[Problem]:
    count = error.error_count()
    if count > MOST_READ:
        message = f"{count} mistakes: this is no file of the kind that is read here"
        return [document.problem(where, message, check="schema/type")]
    found = error.errors(include_url=False)
    problems = [_problem(model, document, where, one) for one in found[:MOST_TOLD]]
    if count > MOST_TOLD:
        message = f"{count - MOST_TOLD} more mistakes in this file are not told"
        problems.append(document.problem((*where, *found[MOST_TOLD]["loc"]), message, check="schema/type"))
    return problems


def _problem(model: type[BaseModel], document: Document, base: Where, found: ErrorDetails) -> Problem:
    where = (*base, *found["loc"])
    kind = found["type"]
    check = _CHECKS.get(kind, "schema/value")
    if kind == "extra_forbidden":
        fields = _fields_at(model, found["loc"][:-1])
        message = f"unknown field{did_you_mean(found['loc'][-1], fields)}"
        return document.problem(where, message, at_key=True, check=check)
    return document.problem(where, _message(kind, found), check=check)


def _message(kind: str, found: ErrorDetails) -> str:
    if kind == "literal_error":
        expected = str(found.get("ctx", {}).get("expected", ""))
        choices = [part.strip(" '") for part in expected.replace(" or ", ",").split(",")]
        near = did_you_mean(found["input"], choices)
        return f"unknown value {_short(found['input'])}{near or f'; one of {expected}'}"
    if kind == "value_error":
        return str(found.get("ctx", {}).get("error", found["msg"]))
    return _WORDS.get(kind, found["msg"][:1].lower() + found["msg"][1:])


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


@lru_cache(maxsize=2048)
def _near(word: str, known: tuple[str, ...], cutoff: float) -> str:
    near = get_close_matches(word, known, n=1, cutoff=cutoff)
    return f" (did you mean '{near[0]}'?)" if near else ""


def _fields_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> set[str]:
    """The field names of the model that stands at that path inside another one."""
    current: type[BaseModel] | None = model
    for part in loc:
        if isinstance(part, str) and current is not None:
            known = {(info.alias or name): info for name, info in current.model_fields.items()}
            current = _model_in(known[part].annotation) if part in known else None
    if current is None:
        return set()
    return {info.alias or name for name, info in current.model_fields.items()}


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (_model_in(part) for part in get_args(annotation))
    return next((model for model in inner if model), None)
