"""Where the public specification is not what real clients and the real API speak: each with its reason.

All of them are the ones that the reference of the wire names; nothing else is changed before our answers are judged.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

Doc = dict[str, Any]


def _anything(document: Doc, definition: str) -> None:
    document["definitions"][definition] = {}


def lease_in_an_envelope(document: Doc) -> None:
    """Clients decode ``{"status", "data": {"nonce", …}}``; the specification has the data alone."""
    document["definitions"]["Lease"] = {
        "type": "object",
        "required": ["status", "data"],
        "properties": {"status": {"type": "string"}, "data": document["definitions"]["Lease"]},
    }


def lease_body_is_optional(document: Doc) -> None:
    """Clients send none, and the time to live in the query."""
    told = document["paths"]["/apps/{app_name}/machines/{machine_id}/lease"]["post"]
    told["parameters"] = [
        {**each, "required": False} if each["in"] == "body" else each for each in told["parameters"]
    ] + [{"in": "query", "name": "ttl", "type": "integer"}]


def kill_as_force(document: Doc) -> None:
    """Clients send ``kill=true`` where the specification has ``force``."""
    told = document["paths"]["/apps/{app_name}/machines/{machine_id}"]["delete"]
    told["parameters"].append({"in": "query", "name": "kill", "type": "boolean"})


def numbers_for_signals(document: Doc) -> None:
    """Clients send ``{"signal": 9}``."""
    document["definitions"]["SignalRequest"]["properties"]["signal"] = {}


def spans_are_strings_or_numbers(document: Doc) -> None:
    """``"15s"`` or nanoseconds; the specification makes an object of Go's type."""
    _anything(document, "fly.Duration")


def autostop_may_be_a_boolean(document: Doc) -> None:
    """Answers have false and true for "off" and "stop"."""
    document["definitions"]["fly.MachineService"]["properties"]["autostop"] = {}


def apps_are_answered_when_created(document: Doc) -> None:
    """Clients decode the app; the specification says there is no content."""
    document["paths"]["/apps"]["post"]["responses"]["201"]["schema"] = {"$ref": "#/definitions/App"}


def tokens_current_has_one_version(document: Doc) -> None:
    """Its path has the version that the base path has already."""
    document["paths"]["/tokens/current"] = document["paths"].pop("/v1/tokens/current")


def codes_beyond_the_enumeration(document: Doc) -> None:
    """``name_taken`` and ``volume_placement_capacity`` are real and not in it: it is no closed list."""
    document["definitions"]["main.statusCode"] = {"type": "string"}


def null_for_what_is_not_there(document: Doc) -> None:
    """The real API sends null for what is free or unknown; the specification knows no null."""
    for definition in document["definitions"].values():
        for name, told in definition.get("properties", {}).items():
            definition["properties"][name] = _nullable(told)


def _nullable(told: Doc) -> Doc:
    # Beside a reference nothing else counts.
    return {"allOf": [told], "x-nullable": True} if "$ref" in told else {**told, "x-nullable": True}


def errors_everywhere(document: Doc) -> None:
    """404, 408, 409, 412, 422, 429 are answered by nearly every operation; the specification has 200 and 400."""
    for methods in document["paths"].values():
        for told in methods.values():
            told["responses"].setdefault("default", {"description": "", "schema": {"$ref": _ERROR}})


_ERROR = "#/definitions/ErrorResponse"
# Extra fields (version, cordoned, containers, …) and ``command`` beside ``cmd`` need no exception: none is forbidden.
MISMATCHES: Mapping[str, Callable[[Doc], None]] = {
    "a": lease_in_an_envelope,
    "b": lease_body_is_optional,
    "c": kill_as_force,
    "d": numbers_for_signals,
    "e": spans_are_strings_or_numbers,
    "f": autostop_may_be_a_boolean,
    "h": apps_are_answered_when_created,
    "i": tokens_current_has_one_version,
    "codes": codes_beyond_the_enumeration,
    "j": errors_everywhere,
    "k": null_for_what_is_not_there,
}


def as_spoken(specification: Doc) -> Doc:
    """The specification as the wire is; it speaks JSON, which it nowhere says."""
    document = deepcopy(specification)
    for change in MISMATCHES.values():
        change(document)
    return document | {"consumes": ["application/json"], "produces": ["application/json"]}
