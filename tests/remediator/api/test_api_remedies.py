"""Each reason for which something is held has a sentence that says what would change it, and a place in the docs."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

from remediator.api.explaining.remedies import what_would_help
from remediator.engine.guards.shares import IN_FLIGHT, NEWLY_UNHEALTHY, RATE

ROOT = Path(__file__).parents[3]
PURE = [file for part in ("engine", "actions") for file in sorted((ROOT / "remediator" / part).rglob("*.py"))]
DOCS = "\n".join(page.read_text() for page in sorted((ROOT / "docs").rglob("*.md")) if "figures" not in page.parts)
# Written as an f-string: what it comes to.
COMPOSED = {"Budget{budget['name']}": {f"Budget{name}" for name in (IN_FLIGHT, RATE, NEWLY_UNHEALTHY)}}
# A hold told again under the reason that another had.
COPIED = {"reason", "*facts['said']", "never[0]"}
# Not held: what is done, and what is told of it.
DONE = {"Acting", "Undo"}


def reasons_of(file: Path) -> Iterator[str]:
    """Every reason that the code of that file can give, however it is written."""
    module = importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
    for node in ast.walk(ast.parse(file.read_text())):
        for told in _told(node):
            yield from _values(told, vars(module))


def _told(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions of reasons: of holds, of those told otherwise, and of what whatif and explain say."""
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        yield from node.args[:1] if name == "Hold" else ()
        again = name == "replace" and ast.unparse(node.args[0]) == "hold"
        named = {"reason"} if again else {"blocker"} if name == "Fate" else {}
        yield from (each.value for each in node.keywords if each.arg in named)
    given = node.value if isinstance(node, ast.Return) else None
    for pair in (given.body, given.orelse) if isinstance(given, ast.IfExp) else (given,):
        if isinstance(pair, ast.Tuple) and len(pair.elts) == 2 and _is_word(pair.elts[0]):
            yield pair.elts[0]


def _is_word(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value[:1].isupper()


def _values(told: ast.expr, known: dict[str, object]) -> Iterator[str]:
    text = ast.unparse(told)
    match told:
        case ast.Constant(value=str() as word):
            yield word
        case ast.IfExp():
            yield from _values(told.body, known)
            yield from _values(told.orelse, known)
        case ast.Name(id=name) if isinstance(known.get(name), str):
            yield str(known[name])
        case ast.JoinedStr():
            yield from COMPOSED[text[2:-1]]
        case _:
            assert text in COPIED, f"{text}: a reason that nobody can enumerate"


def every() -> set[str]:
    found = {reason for file in PURE for reason in reasons_of(file)}
    return {reason for reason in found if reason[:1].isupper()} - DONE


def test_every_reason_of_the_engine_is_found() -> None:
    found = every()
    written_otherwise = {"NoCapacity", "BudgetRate", "DataLoss", "DemandTooLarge", "CanBeLost", "NoRoom", "NextRung"}
    foreseen = {"NotJoined", "Lost", "Retired", "Disabled", "TooFewVantages", "EvidenceDisagrees"}
    assert written_otherwise | foreseen <= found
    assert len(found) > 45


def test_every_reason_has_a_sentence_of_what_would_change_it() -> None:
    assert {reason for reason in every() if what_would_help(reason, "x") == "that this is no longer so: x"} == set()


def test_every_reason_is_explained_in_the_docs() -> None:
    assert {reason for reason in every() if f"`{reason}`" not in DOCS} == set()


def test_commands_that_help_are_named() -> None:
    assert "fleetmend unhold" in what_would_help("OperatorHold", "")
    assert "fleetmend approve" in what_would_help("NeedsApproval", "")
    assert "fleetmend release" in what_would_help("Correlated", "")
