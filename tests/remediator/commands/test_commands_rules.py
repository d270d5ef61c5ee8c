"""`fleetmend test`, `whatif` and `explain`, as their processes run them."""

import argparse
import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from remediator.actions import ACTIONS
from remediator.api.fakes.control import FakeControl
from remediator.api.fakes.fleet import troubled_control
from remediator.api.public import build_public_app
from remediator.api.requests import RequestCounter
from remediator.api.settings import PublicSettings
from remediator.commands import explain, test, whatif
from remediator.engine.evidence.lives import LifeTimes
from remediator.engine.whatif import Assumptions, Fate, Outlook
from remediator.policy.load import load_policy

NOW = datetime(2026, 8, 10, 3, 12, 5, tzinfo=UTC)
RULES = Path(__file__).parents[3] / "rules"
HOSTS = "".join(f"- {{name: h{number}, region: arn, rack: r{number % 3}}}\n" for number in range(6))


@pytest.fixture
def control() -> FakeControl:
    control = troubled_control(NOW)
    control.assumptions = Assumptions(load_policy(RULES, ACTIONS), ACTIONS, "host_dead", LifeTimes())
    fates = (
        Fate("h1", "arn", "r1", 3.0, "recreate", text="mark_host_dead, recreate"),
        Fate("h3", "arn", "r3", 3.0, "recreate", "GateClosed", "the store is slow"),
        Fate("h4", "arn", "r1", blocker="QuorumTooSmall", text="only 1 vantages outside its rack"),
    )
    control.looked = Outlook(NOW, "digest", 0.25, fates)
    return control


@pytest.fixture
async def url(control: FakeControl) -> AsyncIterator[str]:
    requests = RequestCounter(lambda: 0.0)
    app = build_public_app(control, PublicSettings(), operator_token="", requests=requests, metrics_text=bytes)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The shipped rules in a repository of their own, with hosts.yml beside them."""
    shutil.copytree(RULES, tmp_path / "rules")
    (tmp_path / "hosts.yml").write_text(HOSTS)
    return tmp_path


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers(required=True)
    for module in (test, whatif, explain):
        module.add_parser(subparsers)
    args = parser.parse_args(words)
    code = args.run(args)
    assert isinstance(code, int)
    return code


async def run_beside(*words: str) -> int:
    """In a thread: the command blocks, and the listener is in this loop."""
    return await asyncio.to_thread(run, *words)


def committed(folder: Path) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    for words in (["init"], ["add", "."], [*identity, "commit", "-m", "all"]):
        subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, timeout=30)


def edited(folder: Path, old: str, new: str) -> None:
    path = folder / "rules" / "playbooks" / "host_dead.yml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_test_counts_what_passed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("test", str(RULES), "--no-promtool", "--filter", "host_wedged") == 0
    told = capsys.readouterr().out
    assert "FAILED" not in told
    assert told.splitlines()[-1].endswith(" passed")


def test_test_shows_what_failed_in_every_format(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edited(copied, "mode: auto", "mode: shadow")
    words = ("test", str(copied), "--no-promtool", "--filter", "no room anywhere")
    assert run(*words) == 1
    human = capsys.readouterr().out
    assert "nearest: 8s shadow recreate on h1 by host_dead" in human
    assert "differs: outcome, reason" in human
    assert run(*words, "--format", "json") == 1
    assert json.loads(capsys.readouterr().out)["counts"] == {"failed": 1}
    assert run(*words, "--format", "junit") == 1
    assert '<testsuites name="fleetmend test" tests="1" failures="1"' in capsys.readouterr().out


def test_a_filter_that_finds_nothing_is_no_success(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("test", str(RULES), "--filter", "no such test at all") == 1
    assert capsys.readouterr().out == "no tests\n"


def test_wrong_files_are_all_told(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        (copied / "rules" / "tests" / "playbooks" / f"{name}.yml").write_text("playbook: host_ded\nscenarios: []\n")
    assert run("test", str(copied), "--no-promtool") == 2
    told = capsys.readouterr().err
    assert "a.yml:2:12: scenarios: " in told
    assert "b.yml:2:12: scenarios: " in told


def test_whatif_offline_says_who_could_be_acted_on(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("whatif", str(copied), "--offline") == 0
    assert capsys.readouterr().out.endswith("6 of 6 would be acted on\n")


@pytest.mark.skipif(shutil.which("git") is None, reason="NO GIT HERE")
def test_whatif_against_a_revision_fails_on_change_only_if_asked(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    committed(copied)
    words = ("whatif", str(copied), "--offline", "--against", "HEAD", "--fail-on-change")
    assert run(*words) == 0
    assert "no outcome changes" in capsys.readouterr().out
    edited(copied, "mode: auto", "mode: shadow")
    assert run(*words[:-1]) == 0
    assert capsys.readouterr().out.endswith("the outcome changes for 6 of 6 hosts\n")
    assert run(*words, "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert {each["after"]["blocker"] for each in told["changed"]} == {"ModeShadow"}
    assert run(*words[:3], "--against", "nothing") == 2
    assert "no revision 'nothing'" in capsys.readouterr().err


async def test_whatif_asks_the_remediator(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run_beside("whatif", "--url", url) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:4] for line in lines[1:4]] == [
        ["h1", "arn", "r1", "act"], ["h3", "arn", "r3", "hold"], ["h4", "arn", "r1", "never"],
    ]  # fmt: skip
    assert (
        lines[-1]
        == "1 of 3 would be acted on; 1 held by GateClosed, 1 held by QuorumTooSmall (looked at 2026-08-10 03:12:05Z)"
    )
    assert await run_beside("whatif", "--url", url, "--held", "--json") == 0
    assert [host["host"] for host in json.loads(capsys.readouterr().out)["hosts"]] == ["h3", "h4"]


async def test_whatif_against_a_revision_on_a_running_fleet(
    url: str, copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if shutil.which("git") is None:
        pytest.skip("NO GIT HERE")
    committed(copied)
    edited(copied, "mode: auto", "mode: disabled")
    code = await run_beside("whatif", str(copied), "--against", "HEAD", "--url", url, "--fail-on-change")
    assert code == 1
    assert "playbook host_dead is disabled" in capsys.readouterr().out


async def test_explain_tells_every_guard_and_the_nearest_blocker(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run_beside("explain", "h1", "--url", url) == 0
    told = capsys.readouterr().out
    assert "If it died now:\n  - acted on after 3 s, first by recreate" in told
    assert "    + frozen                passed      nothing is frozen" in told
    assert "  nearest blocker: EvidenceDisagrees" in told
