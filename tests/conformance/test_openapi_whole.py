"""The OpenAPI document: of every endpoint that is served, and of none that is not."""

import re
from typing import Any

import jsonschema
import pytest
import requests

from remediator.api.openapi import ERRORS
from tests.conformance.served import paths_of, public_app, serving

BODIES = {"post", "put", "patch"}


@pytest.fixture(scope="module")
def served() -> Any:

    with serving() as listener:
        answer = requests.get(f"{listener.url}/openapi.json", timeout=10)
        assert answer.status_code == 200
        yield answer.json()


def test_every_endpoint_is_told_and_nothing_else(served: dict[str, Any]) -> None:
    told = {(method.upper(), path) for path, methods in served["paths"].items() for method in methods}
    named = {(method, re.sub(r"\{(\w+):[^}]*\}", r"{\1}", path)) for method, path in paths_of(public_app())}
    assert told == named


def test_identifiers_are_one_operations_each(served: dict[str, Any]) -> None:
    named = [told["operationId"] for methods in served["paths"].values() for told in methods.values()]
    assert len(named) == len(set(named))


def test_whatever_may_go_wrong_is_told_of_every_operation(served: dict[str, Any]) -> None:
    for methods in served["paths"].values():
        for told in methods.values():
            assert set(told["responses"]) == {"2XX", *ERRORS}


def test_all_references_lead_somewhere_and_schemas_are_schemas(served: dict[str, Any]) -> None:
    components = served["components"]
    for reference in set(re.findall(r"#/components/(\w+)/([\w.]+)", str(served))):
        assert reference[1] in components[reference[0]], reference
    for schema in components["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_writes_of_the_machines_api_tell_their_bodies(served: dict[str, Any]) -> None:
    """Those without one take an empty body, or none."""
    silent = {
        f"{method} {path}"
        for path, methods in served["paths"].items()
        for method, told in methods.items()
        if method in BODIES and "requestBody" not in told and path.startswith("/v1/apps")
    }
    bare = ("start", "restart", "suspend", "cordon", "uncordon", "snapshots", "undestroy")
    ours = {each for each in silent if not each.endswith(bare)}
    assert all(re.search(r"secret|certificates|ip_assign|deploy_token|memory", each) for each in ours), ours
