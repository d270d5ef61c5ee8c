"""What images stand for: a host's own programs, by the image's name alone."""

from pathlib import Path
from typing import Any

import pytest

from remediator.agent.sandbox import Sandbox, image_name
from remediator.model.errors import PermanentError

IMAGE = {"image": "registry.example:5000/team/web:2@sha256:ab"}


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    (tmp_path / "web").write_text("#!/bin/sh\n")
    return Sandbox(tmp_path / "disk", "127.0.0.1", programs=tmp_path)


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("web", "web"),
        ("registry.example:5000/team/web:2@sha256:ab", "web"),
        ("team/..", ""),
        ("../../etc/passwd:1", "passwd"),
        ("team/", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_the_name_of_an_image_is_a_file_name_or_none(image: Any, name: str) -> None:
    assert image_name({"image": image}) == name


def test_a_configs_own_command_comes_before_its_image(sandbox: Sandbox, tmp_path: Path) -> None:
    assert sandbox._command(IMAGE) == [str(tmp_path / "web")]
    assert sandbox._command({**IMAGE, "init": {"cmd": ["true"]}}) == ["true"]


def test_an_image_that_stands_for_nothing_here_cannot_be_started(sandbox: Sandbox, tmp_path: Path) -> None:
    for config in ({"image": "other"}, {}, {"image": "."}):
        with pytest.raises(PermanentError, match="no command"):
            sandbox._command(config)
    with pytest.raises(PermanentError, match="no command"):
        Sandbox(tmp_path, "127.0.0.1")._command(IMAGE)
