"""A thousand broken files: each is answered with places or a clear refusal, and none hangs, crashes or is taken."""

import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.remediator.policy.broken_folder import GOOD, Folder, errors
from tests.remediator.policy.conftest import ALERTS

ODD = [
    "\t", "\0", "\ufeff", "\r\n", ": ", "- ", "? ", "*a ", "&a ", "<<: ", "!!python/object:os.system ", "---\n",
    "{", "}", "[", "]", "|\n", ">\n", "'", '"', "#", "%", "@", "`", "yes", "off", "1:30", "012", "2024-01-01",
    "...\n", "1e999",
    "9" * 50, "~", ".nan", "\x1b[31m", "\u2028", "\U0001f600", "null", "0x1F", "=", "\\", "{{", "é",
]  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return Folder(tmp_path_factory.mktemp("broken") / "rules")


@pytest.fixture
def folder(whole: Folder) -> Iterator[Folder]:
    yield whole
    whole.mend()


def test_the_folder_is_good_before_it_is_broken(folder: Folder) -> None:
    assert errors(folder.good) == []
    assert [group.name for group in folder.good.policy.groups] == ["liveness"]


@st.composite
def mutations(draw: st.DrawFn) -> tuple[str, bytes]:
    """A file with something taken out, put in, moved or repeated, once or more often."""
    name = draw(st.sampled_from(sorted(GOOD)))
    text = GOOD[name]
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 30)))
        match draw(st.sampled_from(["cut", "put", "twice", "lines", "indent", "replace"])):
            case "cut":
                text = text[:start] + text[end:]
            case "put":
                text = text[:start] + draw(st.sampled_from(ODD)) + text[start:]
            case "twice":
                text = text[:end] + text[start:]
            case "lines":
                lines = text.splitlines(keepends=True)
                text = "".join(draw(st.permutations(lines)))
            case "indent":
                text = text[:start] + text[start:].replace("\n", "\n ", 1)
            case _:
                text = text[:start] + draw(st.sampled_from(ODD)) + text[end:]
    raw = text.encode("utf-8", "surrogatepass")
    return name, raw[: draw(st.integers(0, len(raw)))] if draw(st.booleans()) else raw


UNHURRIED = settings(
    deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
)


@settings(UNHURRIED, max_examples=1000)
@given(mutation=mutations())
def test_a_thousand_mutations_end_in_a_policy_or_in_errors_with_places(
    folder: Folder, mutation: tuple[str, bytes]
) -> None:
    name, content = mutation
    reading = folder.spoil(name, content)
    if not errors(reading):
        assert reading.policy.playbooks["host_dead"].steps
        assert reading.policy.limits.outside_rack >= 0
    folder.mend()


# Content, the file it stands in, and what is said of it.
TRAPS: dict[str, tuple[str | bytes, str]] = {
    "billion laughs": (
        "l0: &l0 [x]\n" + "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 10)),
        "aliases (*name) unfold into too many values",
    ),
    "alias of itself": ("groups: &a [*a]", "refers to itself"),
    "alias of nothing": ("groups: *nothing", "no anchor &nothing"),
    "merge key": ("x: &x {a: 1}\ngroups: [{<<: *x}]", "merge keys (<<) are not read"),
    "merge of a bomb": ("a: &a {b: 1}\n<<: [*a, *a]", "merge keys (<<) are not read"),
    "tab": ("groups:\n\t- name: g", "a tab stands where YAML wants spaces"),
    "huge number": ("groups: " + "9" * 5000, "is too large"),
    "huge float": ("groups: 1.5e+9999", "is too large"),
    "deep flow": ("groups: " + "[" * 100_000, "nested deeper than 40 levels"),
    "deep blocks": ("- " * 100_000, "nested deeper than 40 levels"),
    "deep keys": ("? " * 100_000, "nested deeper than 40 levels"),
    "binary": (bytes(range(256)) * 20, "binary file"),
    "nul": (b"groups:\0 []", "binary file"),
    "utf-16": ("groups: []".encode("utf-16"), "UTF-16"),
    "latin-1": ("# groß\ngroups: [".encode("latin-1"), "not UTF-8"),
    "control character": ("groups: \x1b[31m", "U+001B is not allowed"),
    "duplicate key": ("groups: []\ngroups: []", "key 'groups' was given before, on line 1"),
    "yes": ("groups: yes", "YAML reads 'yes' as true or false"),
    "off as a key": ("off: []", "YAML reads 'off' as true or false"),
    "sexagesimal": ("groups: [{name: g, interval: 1:30}]", "YAML reads '1:30' as a number in base 60"),
    "octal": ("groups: [{name: 012}]", "YAML reads '012' as an octal number"),
    "python tag": ("groups: !!python/object/apply:os.system [x]", "is not read"),
    "local tag": ("groups: !x []", "tag '!x' is not read"),
    "two documents": ("groups: []\n---\ngroups: []", "a second document (---) is not read"),
    "empty": ("", "groups: is missing"),
    "only comments": ("# nothing\n", "groups: is missing"),
    "a list": ("- groups", "must be a mapping of fields"),
    "a word": ("groups", "must be a mapping of fields"),
    "complex key": ("? [a]\n: b", "keys must be text"),
    "number as key": ("1: a", "keys must be text"),
    "unclosed": ("groups: [\n  a,\n", "[ or { is never closed"),
    "colon in text": ("groups: a: b", "quote the text"),
    "brackets": (ALERTS.replace("sum by (host) (silent) > 2", "(" * 500 + "1" + ")" * 500), "nested deeper than 60"),
    "operators": (ALERTS.replace("> 2", "+ silent" * 500), "more than 200 operators"),
    "long expression": (ALERTS.replace("silent", "s" * 20_000), "at most 10000 are read"),
    "long duration": (ALERTS.replace("3s", "1m" * 1_000_000), "a duration has at most 40 characters"),
}


@pytest.mark.parametrize("trap", sorted(TRAPS))
def test_each_trap_of_yaml_is_named_in_words_that_say_what_to_do(folder: Folder, trap: str) -> None:
    content, said = TRAPS[trap]
    raw = content if isinstance(content, bytes) else content.encode()
    found = errors(folder.spoil("alerts/liveness.yml", raw))
    assert any(said in problem.message for problem in found), found
    assert not any(len(problem.message) > 1000 for problem in found)


def test_marks_and_line_ends_of_other_systems_are_read(folder: Folder) -> None:
    for raw in (b"\xef\xbb\xbf" + ALERTS.encode(), ALERTS.replace("\n", "\r\n").encode(), b"---\n" + ALERTS.encode()):
        assert errors(folder.spoil("alerts/liveness.yml", raw)) == []


def test_a_date_is_text(folder: Folder) -> None:
    dated = ALERTS.replace("severity: critical", "severity: critical, since: 2024-01-01")
    reading = folder.spoil("alerts/liveness.yml", dated.encode())
    assert errors(reading) == []
    assert reading.policy.groups[0].rules[0].labels["since"] == "2024-01-01"


def test_a_file_that_grows_and_shrinks_while_it_is_read_never_crashes_the_reader(folder: Folder) -> None:
    path, done = folder.root / "alerts/liveness.yml", threading.Event()

    def rewrite() -> None:
        number = 0
        while not done.is_set():
            number += 1
            path.write_text(ALERTS[: number * 37 % len(ALERTS)] if number % 2 else ALERTS)

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        ends = time.perf_counter() + 0.5
        while time.perf_counter() < ends:
            folder.read()
    finally:
        done.set()
        writer.join(timeout=5)
    folder.mend()
    assert errors(folder.read()) == []
