"""What people and machines get: text, JSON and one page that needs nothing else."""

import json
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from remediator.simulate.replay.compare import reproduced
from remediator.simulate.replay.html import as_html
from remediator.simulate.replay.json import as_json
from remediator.simulate.replay.results import Replayed
from remediator.simulate.replay.text import span, timeline, told, told_reproduction
from tests.remediator.simulate.site import STRETCH, host_dead, lost, past, replayed

NASTY = '<script>alert("x")</script>'


@pytest.fixture(scope="module")
def found() -> Replayed:
    done = replayed(past(*lost("h1", 60, 1800)), [host_dead("h1", 61, 1801), host_dead("h1", 2400, 2500)])
    done.notes.append(NASTY)
    return done


def test_text_tells_who_was_acted_on_held_and_what_flapped(found: Replayed) -> None:
    text = "\n".join(told(found))
    assert "Acted on: 1 targets, 4 acts" in text
    assert "EvidenceDisagrees" in text
    assert "HostDead {host=h1, region=arn}: fired 2 times" in text
    assert "host_dead            rate            region arn       at most 1 of" in text


def test_the_timeline_is_drawn_and_degrades_to_plain_letters(found: Replayed) -> None:
    drawn, plain = (list(timeline(found, 80, plain=flag)) for flag in (False, True))
    assert [len(line) for line in drawn[1:2]] == [len(line) for line in plain[1:2]]
    assert "█" in drawn[1]
    assert plain[1].isascii()
    assert "A" in plain[1]
    assert "D" in plain[1]
    assert list(timeline(Replayed(STRETCH, ""), 80, plain=True)) == [
        "Nothing fired, nobody was lost, nothing was decided."
    ]


def test_json_is_whole_and_stable(found: Replayed) -> None:
    document = json.loads(json.dumps(as_json(found, reproduced(found, found.decisions[:1]), None)))
    assert set(document) == {
        "version", "from", "to", "policy", "sources", "notes", "rules", "decisions", "holds", "alerts", "flaps",
        "budgets", "lives", "reproduction",
    }  # fmt: skip
    assert document["reproduction"]["share"] == 1.0
    assert document["decisions"][0]["action"] == "mark_host_dead"


def test_differences_name_what_the_other_side_has(found: Replayed) -> None:
    comparison = reproduced(Replayed(STRETCH, ""), found.decisions)
    text = "\n".join(told_reproduction(comparison))
    assert f"Reproduced: 0 of {len(found.decisions)}" in text
    assert "nothing asked for it" in text


def test_the_page_escapes_everything_and_names_no_other_place(found: Replayed) -> None:
    page = as_html(found, reproduced(found, []), (NASTY, reproduced(found, found.decisions)))
    assert NASTY not in page
    assert "&lt;script&gt;" in page
    assert "http://" not in page
    assert "https://" not in page


@pytest.mark.slow
def test_a_browser_without_a_network_draws_the_page(found: Replayed, tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("CHROMIUM IS MISSING: the page was not seen in a browser")
    (tmp_path / "page.html").write_text(as_html(found, None, None), encoding="utf-8")
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    command += ["--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={tmp_path / 'browser'}", "--dump-dom"]
    done = subprocess.run(
        [*command, f"file://{tmp_path / 'page.html'}"], capture_output=True, text=True, timeout=60, check=True
    )
    assert "<svg" in done.stdout
    assert "mark_host_dead on h1" in done.stdout


def test_lengths_are_told_in_two_units() -> None:
    assert [span(timedelta(seconds=each)) for each in (1.52, 61, 3600, 90_061)] == [
        "1.5 s",
        "1 m 1 s",
        "1 h",
        "1 d 1 h",
    ]
