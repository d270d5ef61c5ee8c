"""Machine configs from files: each mistake with its place, also where the API found it."""

from pathlib import Path

import pytest

from remediator.commands.client import CommandFailed
from remediator.commands.configs import placed, read_config


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a": 1,\n "b" 2}', "2:6: expected ',' or '}'"),
        ("[1]", "1:1: must be a machine config"),
        ("1: a", "1:1: must be a machine config"),
        ("a: 1\nenv: [1]", "2:6: env: must be a mapping"),
        ("mounts: [5]", "1:9: mounts: must be a list of mappings"),
        ("a: &x\n  b: *x", "1:1: cannot be said in JSON"),
        ("env: {A: .inf}", "1:1: cannot be said in JSON: Infinity is no finite number"),
        ("[" * 500, "1:1: cannot be said in JSON"),
        ("a: !!python/object:os.system x", "1:4: could not determine a constructor"),
        ("a\0", " unacceptable character"),
    ],
)
def test_what_is_no_config_is_told_in_one_line_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "machine.yml"
    file.write_text(text)
    with pytest.raises(CommandFailed) as caught:
        read_config(file)
    assert str(caught.value).startswith(f"{file}:{told}")
    assert "\n" not in str(caught.value)


def test_what_json_has_no_word_for_is_text(tmp_path: Path) -> None:
    file = tmp_path / "machine.yml"
    file.write_text("env: {SINCE: 2026-01-01}")
    assert read_config(file) == {"env": {"SINCE": "2026-01-01"}}


def test_what_the_api_does_not_take_is_found_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "machine.yml"
    file.write_text("init: {}\nservices:\n  - ports:\n      - port: x\n")
    refused = "the remediator answers 400: invalid request: config.services.0.ports.0.port: must be a number"
    assert placed(refused, file) == f"{file}:4:15: services.0.ports.0.port: must be a number"
    # As far down as the file goes; and what is none of its fields stays as it was said.
    assert placed("config.init.exec: missing", file) == f"{file}:1:7: init.exec: missing"
    for text in ("config.guest.cpus: too many", "409: machine is leased"):
        assert placed(text, file) == text
    assert placed(refused, None) == refused
