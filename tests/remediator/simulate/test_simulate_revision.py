"""The rules of another revision, from a real repository."""

import shutil
import subprocess
from pathlib import Path

import pytest

from remediator.simulate.revision import RevisionUnusable, folder_at

if shutil.which("git") is None:
    pytest.skip("NO GIT HERE", allow_module_level=True)


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, timeout=30)


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A folder two levels inside a repository of two commits."""
    folder = tmp_path / "repository" / "deep" / "rules"
    folder.mkdir(parents=True)
    git(folder, "init", "--initial-branch=main", str(tmp_path / "repository"))
    for text in ("old", "new"):
        (folder / "limits.yml").write_text(text)
        git(folder, "add", ".")
        git(folder, "commit", "-m", text)
    return folder


def test_the_folder_as_it_was(rules: Path) -> None:
    with folder_at(rules, "HEAD~1") as older:
        assert [path.name for path in older.iterdir()] == ["limits.yml"]
        assert (older / "limits.yml").read_text() == "old"
    assert not older.exists()
    assert (rules / "limits.yml").read_text() == "new"


@pytest.mark.parametrize("revision", ["HEAD~7", "nothing", "--upload-pack=touch", ""])
def test_what_is_no_revision_is_said(rules: Path, revision: str) -> None:
    with pytest.raises(RevisionUnusable, match="revision"), folder_at(rules, revision):
        pytest.fail("there is none")


def test_a_folder_that_was_not_there_yet(rules: Path) -> None:
    later = rules.parent / "later"
    later.mkdir()
    with pytest.raises(RevisionUnusable, match="has no folder deep/later"), folder_at(later, "HEAD"):
        pytest.fail("there is none")


def test_no_repository_is_said(tmp_path: Path) -> None:
    with pytest.raises(RevisionUnusable, match=r"git: .*not a git repository"), folder_at(tmp_path, "HEAD"):
        pytest.fail("there is none")
