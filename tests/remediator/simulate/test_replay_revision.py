"""The rules of another revision, from a real git repository."""

import subprocess
from pathlib import Path

import pytest

from remediator.model.errors import BadInput
from remediator.simulate.replay.revision import rules_at


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    rules = tmp_path / "deep" / "rules"
    rules.mkdir(parents=True)
    (tmp_path / "other").mkdir()
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    for text in ("first", "second"):
        (rules / "limits.yml").write_text(text)
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-qm", text], check=True)
    return rules


def test_a_revision_is_taken_out_beside_the_work_tree(repository: Path) -> None:
    (repository / "limits.yml").write_text("not committed")
    with rules_at("HEAD~1", repository) as folder:
        assert (folder / "limits.yml").read_text() == "first"
    assert not folder.exists()
    assert (repository / "limits.yml").read_text() == "not committed"


@pytest.mark.parametrize("revision", ["nonsense", "--output=/tmp/x", "HEAD~9"])
def test_an_unknown_revision_is_refused(repository: Path, revision: str) -> None:
    with pytest.raises(BadInput, match="there is no revision"), rules_at(revision, repository):
        pass


def test_a_folder_that_was_not_there_is_refused(repository: Path) -> None:
    fresh = repository.parents[1] / "other"
    with pytest.raises(BadInput, match="has no other"), rules_at("HEAD", fresh):
        pass


def test_a_folder_in_no_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is in no git repository"), rules_at("HEAD", tmp_path):
        pass
