"""`GET /openapi.json`: OpenAPI 3.1, made of the very endpoints that are served, their bodies and their answers."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import msgspec
from aiohttp import web
from pydantic import BaseModel

from remediator.api.answers import answer
from remediator.api.requests import Endpoint
from remediator.api.tenants.scopes import Scope

Doc = dict[str, Any]
PATH = "/openapi.json"
_PART = re.compile(r"\{(\w+)(?::[^}]*)?\}")
_COMPONENTS = "#/components/schemas/{name}"
_ERROR = {"$ref": "#/components/schemas/Error"}
# What any operation may answer, besides what it is for.
ERRORS: Mapping[str, str] = {
    "400": "What was sent cannot be read, or makes no sense.",
    "401": "A token is needed.",
    "403": "The token is good, and this is not for it.",
    "404": "There is no such thing, or not for this token.",
    "405": "This path does not take this method.",
    "408": "It did not come about in time.",
    "409": "Somebody else holds it, or there is no room.",
    "412": "Not in this state; Retry-After says when it may be.",
    "413": "The body is too large.",
    "415": "The body is of a kind that nobody reads here.",
    "422": "Understood, and refused for good.",
    "429": "Too many requests; Retry-After says when to come again.",
    "500": "A defect of ours; nothing is told of it here.",
    "501": "Another system's.",
    "503": "Nothing was done; try again.",
}
_ERROR_SCHEMA: Doc = {
    "type": "object",
    "required": ["error", "status"],
    "properties": {
        "error": {"type": "string"},
        "status": {"type": "string"},
        "problems": {"type": "array", "items": {"type": "string"}},
    },
}


def openapi_endpoint(endpoints: Iterable[Endpoint], version: str) -> Endpoint:
    """The endpoint that tells of those endpoints, and of itself."""
    told: list[Endpoint] = []

    @cache
    def doc() -> Doc:
        return openapi_doc(told, version)

    async def serve(_: web.Request) -> web.Response:
        return answer(doc())

    mine = Endpoint("GET", PATH, serve, scope=Scope.ANYONE)
    told += [*endpoints, mine]
    return mine


def openapi_doc(endpoints: Iterable[Endpoint], version: str) -> Doc:
    """The whole document."""
    schemas: Doc = {"Error": _ERROR_SCHEMA}
    paths: dict[str, Doc] = {}
    for each in endpoints:
        path = _PART.sub(r"{\1}", each.path)
        paths.setdefault(path, {})[each.method.lower()] = _operation(each, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "fleetmend", "version": version, "description": _INTRODUCTION},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {code: _error(told) for code, told in ERRORS.items()},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


_INTRODUCTION = (
    "The Machines API of a fleet whose hosts die, and what people and machines of its operator use. "
    "docs/machines-api.md says how it stands to the public specification."
)


def _operation(endpoint: Endpoint, schemas: Doc) -> Doc:
    doc: Doc = {
        "operationId": _identifier(endpoint),
        "tags": [_tag(endpoint.path)],
        "parameters": _parameters(endpoint),
        "responses": _responses(endpoint, schemas),
    }
    if endpoint.body is not None:
        schema = _body_schema(endpoint.body, schemas)
        doc["requestBody"] = {"required": False, "content": {"application/json": {"schema": schema}}}
    if not endpoint.guarded:
        # Also for whoever shows none, where settings say so.
        doc["security"] = [{}, {"token": []}]
    return doc


def _tag(path: str) -> str:
    """The noun that a path is about: its first word after the version."""
    words = [word for word in path.split("/") if word and word != "v1"]
    inner = [word for word in words[1:] if not word.startswith("{")]
    return inner[0] if words[:1] == ["apps"] and inner else (words or ["status page"])[0]


def _identifier(endpoint: Endpoint) -> str:
    words = re.sub(r"\W+", "_", endpoint.path).strip("_") or "root"
    return f"{endpoint.method.lower()}_{words}"


def _parameters(endpoint: Endpoint) -> list[Doc]:
    inside = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in _PART.findall(endpoint.path)
    ]
    asked = [
        {"name": query.name, "in": "query", "schema": {"type": query.kind}, "description": query.told}
        for query in endpoint.query
    ]
    return [*inside, *asked]


def _responses(endpoint: Endpoint, schemas: Doc) -> Doc:
    good: Doc = {"description": "Done, or what was asked for."}
    if endpoint.answers is not None:
        schema = _answer_schema(endpoint.answers, schemas)
        good["content"] = {"application/json": {"schema": schema}}
    return {"2XX": good} | {code: {"$ref": f"#/components/responses/{code}"} for code in ERRORS}


def _error(told: str) -> Doc:
    return {"description": told, "content": {"application/json": {"schema": _ERROR}}}


def _body_schema(model: type[BaseModel], schemas: Doc) -> Doc:
    made = model.model_json_schema(ref_template=_COMPONENTS.format(name="{model}"))
    schemas.update(made.pop("$defs", {}))
    return made


def _answer_schema(kind: Any, schemas: Doc) -> Doc:
    """As the encoder of answers sees the type; what it is made of goes to the components."""
    (made,), parts = msgspec.json.schema_components([kind], ref_template=_COMPONENTS)
    schemas.update(parts)
    return made
