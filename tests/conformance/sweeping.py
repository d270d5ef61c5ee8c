"""Generated requests over the operations of a document, each answer checked against what the document says."""

import os
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from itertools import count
from typing import Any, Protocol

import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode, openapi
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from tests.conformance.served import SECRET

# More by hand and at night; as many as CI has time for where nothing is said.
EXAMPLES = int(os.environ.get("FLEETMEND_CONFORMANCE_EXAMPLES", "14"))
CHECKS = [content_type_conformance, response_schema_conformance]
DEFECTS = frozenset({500, 502, 504})
# Turns a generated request into one that reaches something; the number says how.
Aim = Callable[[Any, int], None]


class Server(Protocol):
    """Where requests go: ``said`` is all that it logged, ``renew`` makes good what other requests have done."""

    @property
    def url(self) -> str: ...

    @property
    def token(self) -> str: ...

    def said(self) -> str: ...

    def renew(self) -> None: ...


Modes = tuple[GenerationMode, ...]
RIGHT: Modes = (GenerationMode.POSITIVE,)
RIGHT_AND_WRONG: Modes = (*RIGHT * 3, GenerationMode.NEGATIVE)


def swept(
    document: dict[str, Any],
    served: Server,
    aim: Aim,
    skip: Iterable[str] = (),
    modes: Modes = RIGHT_AND_WRONG,
    examples: int = EXAMPLES,
) -> dict[str, Counter[int]]:
    """What every operation answered, by "METHOD /path"; fails on what no answer may be."""
    found: dict[str, Counter[int]] = {}
    left_out = frozenset(skip)
    with requests.Session() as session:
        every: list[Any] = [each.ok() for each in openapi.from_dict(document).get_all_operations()]  # type: ignore[union-attr]
        for operation in every:
            if operation.label not in left_out:
                served.renew()
                cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in modes))
                found[operation.label] = _swept(cases, partial(_answered, served, session), aim, examples)
    return found


def _swept(
    cases: st.SearchStrategy[Any], ask: Callable[[Any], requests.Response], aim: Aim, examples: int
) -> Counter[int]:
    told: Counter[int] = Counter()
    numbers = count()

    # What is generated is the same each time: a night's run asks for more of it.
    @settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(cases)
    def one(case: Any) -> None:
        aim(case, next(numbers))
        told[ask(case).status_code] += 1

    one()
    return told


def _answered(served: Server, session: requests.Session, case: Any) -> requests.Response:
    """What was answered, and may be."""
    base = served.url + case.operation.schema.raw_schema.get("basePath", "")
    headers = {"Authorization": f"Bearer {served.token}"}
    answer: requests.Response = case.call(base_url=base, session=session, headers=headers, timeout=40)
    text = answer.content.decode(errors="replace")
    assert answer.status_code not in DEFECTS, f"{case.operation.label}: {answer.status_code} {served.said()[-400:]}"
    assert "Traceback" not in text
    assert answer.status_code < 400 or SECRET not in text
    # What is empty is of no kind.
    case.validate_response(answer, checks=CHECKS if answer.content else CHECKS[1:])
    return answer
