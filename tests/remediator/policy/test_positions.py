"""YAML: places, traps, and files that are not what they should be."""

from pathlib import Path

import pytest

from remediator.model.errors import BadInput
from remediator.policy.files import MAX_BYTES
from remediator.policy.yaml.positions import Place, parse_document, read_document


def problems(text: str) -> list[str]:
    with pytest.raises(BadInput) as caught:
        parse_document(text, "f.yml")
    return [str(problem) for problem in caught.value.problems]


def test_every_value_and_key_has_its_place() -> None:
    document = parse_document("a:\n  - x: 1\n    y: two\n", "f.yml")
    assert document.value == {"a": [{"x": 1, "y": "two"}]}
    assert document.place(("a", 0, "y")) == Place(3, 8)
    assert document.key_place(("a", 0, "y")) == Place(3, 5)


def test_plain_values_are_read_as_people_mean_them() -> None:
    value = parse_document('{a: true, b: null, c: 1.5, d: 2024-01-01, e: "yes", f: 1_000, g: 10s}', "f").value
    assert value == {"a": True, "b": None, "c": 1.5, "d": "2024-01-01", "e": "yes", "f": 1000, "g": "10s"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: yes", "f.yml:1:4: YAML reads 'yes' as true or false"),
        ("on: 1", "f.yml:1:1: YAML reads 'on' as true or false"),
        ("for: 1:30", "f.yml:1:6: YAML reads '1:30' as a number in base 60"),
        ("rack: 012", "f.yml:1:7: YAML reads '012' as an octal number"),
        ("a: 1\nb: 2\na: 3", "f.yml:3:1: key 'a' was given before, on line 1"),
        ("a: !!python/object:os.system x", "tag 'python/object:os.system' is not read"),
        ("x: &x {a: 1}\ny: {<<: *x}", "f.yml:2:5: merge keys (<<) are not read"),
        ("1: a", "f.yml:1:1: keys must be text"),
        ("a: [1, 2", "f.yml:1:4: not valid YAML"),
        ("a: b: c", "f.yml:1:5: not valid YAML"),
        ("a: &a [*a]", "refers to itself"),
        ("[" * 100 + "]" * 100, "nested deeper than 40 levels"),
    ],
)
def test_traps_are_named_with_their_place(text: str, said: str) -> None:
    assert any(said in problem for problem in problems(text)), problems(text)


def test_all_traps_are_told_at_once() -> None:
    assert len(problems("a: yes\nb: 012\nc: 1:30\n")) == 3


def test_a_few_aliases_are_fine_and_a_bomb_of_them_is_refused() -> None:
    assert parse_document("a: &x [1]\nb: *x", "f").value == {"a": [1], "b": [1]}
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 10))
    assert "unfold into too many values" in problems(f"l0: &l0 [x]\n{levels}")[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a\0b", "binary file"),
        (b"\xff\xfea: 1", "UTF-16"),
        (b"\xffa: 1", "not UTF-8 text"),
        (b"#" * (MAX_BYTES + 1), "at most 8 MB"),
    ],
)
def test_files_that_are_no_yaml_are_refused_clearly(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "f.yml").write_bytes(content)
    with pytest.raises(BadInput, match=said):
        read_document(tmp_path / "f.yml")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"gone.yml: cannot be read: No such file"):
        read_document(tmp_path / "gone.yml")
    with pytest.raises(BadInput, match="is a folder, not a file"):
        read_document(tmp_path)
