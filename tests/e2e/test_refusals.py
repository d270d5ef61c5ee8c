"""Wrong input and unlucky starts: one clear line, exit code 2, nothing lost."""

import os
import shutil
import socket
import sqlite3
import subprocess
from pathlib import Path

import pytest
import requests

from tests.e2e.one_process import BIN, fresh_folder, run, running

pytestmark = pytest.mark.store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fresh_folder(tmp_path)


def one_line(code_and_text: tuple[int, str], *words: str) -> None:
    code, text = code_and_text
    assert code == 2, text
    assert "Traceback" not in text
    assert len(text.splitlines()) == 1, text
    for word in words:
        assert word in text


def test_missing_rules(folder: Path) -> None:
    shutil.rmtree(folder / "rules")
    one_line(run("run", folder=folder), "rules", "missing")


def test_missing_settings(tmp_path: Path) -> None:
    one_line(run("run", folder=tmp_path), "fleetmend.yml")


def test_every_error_of_the_rules_at_once(folder: Path) -> None:
    deaths = folder / "rules" / "alerts" / "host_liveness.yml"
    deaths.write_text(deaths.read_text().replace("playbook: host_dead", "playbook: host_ded"))
    full = folder / "rules" / "alerts" / "disk.yml"
    full.write_text(full.read_text().replace("for: 5s", "for: 5 s"))
    code, text = run("run", folder=folder)
    assert code == 2
    assert "did you mean 'host_dead'" in text
    assert "'5 s' is no duration" in text
    assert (folder / "data").exists() is False


def test_a_port_in_use(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = folder / "fleetmend.yml"
        text = "\n".join(line for line in settings.read_text().splitlines() if not line.startswith("listen:"))
        settings.write_text(f"{text}\nlisten: 127.0.0.1:{taken.getsockname()[1]}\n")
        one_line(run("run", folder=folder), "listen", "in use")


def test_a_second_copy_and_a_store_that_refuses(folder: Path) -> None:
    with running(folder) as ours:
        one_line(run("run", folder=folder), "another remediator is running")
        ready = requests.get(f"{ours.url}/readyz", timeout=5)
        assert ready.status_code == 200
        assert "gate closed" in ready.json()["degraded"][0]
        assert "fleetmend_gate_open 0.0" in requests.get(f"{ours.url}/metrics", timeout=5).text


def test_a_journal_of_a_newer_version(folder: Path) -> None:
    with running(folder):
        pass
    with sqlite3.connect(folder / "data" / "journal.db") as db:
        db.execute("PRAGMA user_version = 99")
    one_line(run("run", folder=folder), "newer version")


def test_keys_that_others_may_read(folder: Path) -> None:
    with running(folder):
        pass
    for key in (folder / "data").glob("*.key"):
        assert key.stat().st_mode & 0o777 == 0o600
    (folder / "data" / "box.key").chmod(0o644)
    one_line(run("run", folder=folder), "box.key", "0600")


def test_an_agent_with_a_wrong_token(folder: Path) -> None:
    settings = (folder / "fleetmend.yml").read_text().splitlines()
    port = next(line.rpartition(":")[2] for line in settings if line.startswith("fleet_listen:"))
    with running(folder):
        command = [str(BIN / "fleetmend-agent"), "--name", "h1", "--region", "arn", "--rack", "r1"]
        command += ["--data", str(folder / "h1"), "--remediator", f"http://127.0.0.1:{port}"]
        command += ["--snapshots", str(folder / "snapshots"), "--join-token", "0" * 40 + ".0123456789abcdef"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        one_line((done.returncode, done.stderr.strip().splitlines()[-1]), "token")


def test_writes_need_the_operator_s_token(folder: Path) -> None:
    with running(folder) as ours:
        asked = requests.post(f"{ours.url}/v1/apps/web/machines", json={"config": {}}, timeout=5)
        assert asked.status_code == 401


@pytest.mark.skipif(os.geteuid() != 0, reason="!! not root: no small file system for a full disk")
def test_a_full_disk(folder: Path) -> None:
    script = (
        f"mount -t tmpfs -o size=1m tmpfs {folder}/data && head -c 1030k /dev/zero > {folder}/data/x 2>/dev/null;"
        f" cd {folder} && exec {BIN}/fleetmend run"
    )
    (folder / "data").mkdir()
    command = ["unshare", "--mount", "sh", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    one_line((done.returncode, done.stderr.strip()), "data")
