"""The privileged reader as a process: who may ask, what tools may do to it, and how it ends."""

import os
import re
import signal
import socket
import stat
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.clock import FakeClock
from exporter.collectors.reader import read_reader
from exporter.errors import NoData
from exporter.kit import Answer
from exporter.reader.client import build_ask
from exporter.reader.fake import FakeReader
from tests.exporter.reader_site import ROOT, SECONDS, ReaderSite, is_running, run_as_root, wait_until

pytestmark = pytest.mark.slow

LISTENING = "dmsetup_status"
MEMORY_LIMIT = 16 << 20


@pytest.fixture
def site(tmp_path: Path) -> ReaderSite:
    site = ReaderSite(tmp_path)
    site.tool("smartctl", """echo '{"devices": []}'""")
    return site


def test_an_answer_says_what_the_tool_said_and_with_which_words_it_was_called(site: ReaderSite) -> None:
    site.tool("dmsetup", 'echo "$@"; env | sort')
    before = time.time()  # noqa: TID251
    with site.running():
        answer = site.ask(LISTENING)
    assert answer["state"] == "ok"
    words, *environment = answer["output"].splitlines()
    assert words == "status --noflush"
    # Nothing of ours but what was chosen; the shell adds its own.
    assert {line.partition("=")[0] for line in environment} <= {
        "LC_ALL", "PATH", "LVM_SUPPRESS_SYSLOG", "PWD", "SHLVL", "_", "OLDPWD",
    }  # fmt: skip
    assert {"LC_ALL=C", "PWD=/"} <= set(environment)
    assert before <= answer["at"] <= before + SECONDS


@pytest.mark.parametrize(
    "question", ["dmsetup_status; id", "../dmsetup_status", "dmsetup_status --version", "", "é" * 9]
)
def test_no_word_of_a_client_becomes_a_command(site: ReaderSite, question: str) -> None:
    site.tool("dmsetup", 'echo "$@" >>"$0.log"')
    with site.running():
        assert site.ask(question) == {
            "state": "missing", "output": "", "at": 0.0, "seconds": 0.0, "waited": 0.0, "error": "no such source",
        }  # fmt: skip
    assert site.runs("dmsetup") == 0


def test_clients_at_once_share_one_run_and_the_next_within_its_interval_too(site: ReaderSite) -> None:
    site.tool("lvm", 'echo run >>"$0.log"; sleep 0.3; echo said')
    answers: list[dict[str, object]] = []
    with site.running():
        threads = [threading.Thread(target=lambda: answers.append(site.ask("lvm"))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS)
        answers.append(site.ask("lvm"))
    assert [one["output"] for one in answers] == ["said\n"] * 9
    assert site.runs("lvm") == 1


def test_a_tool_that_fails_is_an_error_with_its_last_line(site: ReaderSite) -> None:
    site.tool("dmsetup", "echo half; echo first >&2; echo 'no driver  ' >&2; exit 3")
    with site.running():
        answer = site.ask(LISTENING)
        assert (answer["state"], answer["output"]) == ("error", "")
        assert answer["error"] == "exit code 3: no driver"
        with pytest.raises(OSError, match="dmsetup_status: error: exit code 3: no driver"):
            site.answer(LISTENING)


def test_a_tool_or_driver_that_is_missing_is_no_failure(site: ReaderSite) -> None:
    with site.running():
        assert site.ask("lvm")["error"] == "lvm is not installed"
        assert site.ask("ipmi_chassis")["error"].startswith("no class/ipmi/ipmi0 in ")
        with pytest.raises(NoData, match="not installed"):
            site.answer("lvm")


def test_a_part_of_the_volume_groups_is_better_than_none(site: ReaderSite) -> None:
    site.tool("lvm", "echo some; exit 5")
    with site.running():
        assert (site.ask("lvm")["state"], site.ask("lvm")["output"]) == ("ok", "some\n")


def test_garbage_comes_through_as_text(site: ReaderSite) -> None:
    site.tool("dmsetup", r"printf '\377\376\000\n'")
    with site.running():
        assert site.answer(LISTENING).output == "\ufffd\ufffd\x00\n"


def test_a_tool_that_talks_without_end_is_killed_and_its_words_thrown_away(site: ReaderSite) -> None:
    site.tool("dmsetup", 'echo $$ >"$0.pid"; exec yes a very long line of nothing in particular')
    with site.running() as reader:
        answer = site.ask(LISTENING)
        assert answer["state"] == "error"
        assert answer["error"] == f"killed, for it said more than {16 << 20} bytes"
        assert not is_running(int((site.tools / "dmsetup.pid").read_text()))
        wait_until(lambda: read_memory(reader.pid) < MEMORY_LIMIT)


def test_a_child_that_leaves_children_with_its_output_does_not_hold_us(site: ReaderSite) -> None:
    site.tool("dmsetup", 'sleep 60 & echo $! >"$0.pid"; echo said')
    with site.running():
        began = time.perf_counter()
        assert site.ask(LISTENING)["output"] == "said\n"
        # The child's child goes on for a minute.
        assert time.perf_counter() - began < 20
        # Whoever was left of its session is gone as well.
        wait_until(lambda: not is_running(int((site.tools / "dmsetup.pid").read_text())))


def test_a_slow_source_holds_up_no_other(site: ReaderSite) -> None:
    site.tool("lvm", 'echo $$ >"$0.pid"; trap "" TERM INT HUP; while :; do sleep 1; done')
    site.tool("dmsetup", "echo quick")
    with site.running("--patience", "0.3"):
        slow = threading.Thread(target=site.ask, args=("lvm",))
        slow.start()
        wait_until((site.tools / "lvm.pid").exists)
        # The slow one never ends: behind it there would be no answer.
        assert site.ask(LISTENING)["output"] == "quick\n"
        slow.join(SECONDS)
        answer = site.ask("lvm")
        assert (answer["state"], answer["at"]) == ("pending", 0.0)
        assert answer["waited"] > 0.5
        with pytest.raises(NoData, match="nothing yet"):
            site.answer("lvm")
        pid = int((site.tools / "lvm.pid").read_text())
        assert is_running(pid)
    # It ignores SIGTERM, and is gone with the reader all the same.
    wait_until(lambda: not is_running(pid))


def test_silent_and_slow_clients_are_dropped_and_hold_up_nobody(site: ReaderSite) -> None:
    site.tool("dmsetup", "echo quick")
    with site.running("--patience", "0.5"):
        silent = [site.connect() for _ in range(8)]
        dripping = site.connect()
        began = time.perf_counter()
        assert site.ask(LISTENING)["output"] == "quick\n"
        # One after the other they would hold it up for nine times its patience.
        assert time.perf_counter() - began < 3.0
        with pytest.raises(OSError, match=r"pipe|reset"):
            drip(dripping)
        assert [client.recv(1) for client in silent] == [b""] * 8
        for client in (*silent, dripping):
            client.close()


def drip(client: socket.socket) -> None:
    """A byte now and then: each comes in time, all of them do not."""
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        client.sendall(b"x")
        time.sleep(0.05)


def test_more_clients_than_there_is_room_for_are_sent_away(site: ReaderSite) -> None:
    with site.running():
        clients = [site.connect() for _ in range(16)]
        with pytest.raises(OSError, match=r"busy|reset|pipe"):
            site.answer(LISTENING)
        for client in clients:
            client.close()
        wait_until(lambda: has_room(site))


def has_room(site: ReaderSite) -> bool:
    try:
        return bool(site.ask("status"))
    except OSError:
        return False


def test_status_tells_of_every_source_that_ran(site: ReaderSite) -> None:
    site.tool("dmsetup", "echo said")
    with site.running():
        site.ask(LISTENING)
        site.ask("lvm")
        wait_until(lambda: "smart" in site.answer("status").output)
        status = site.ask("status")
    assert status["state"] == "ok"
    for state in ('"dmsetup_status": {"state": "ok", "output": ""', '"lvm": {"state": "missing"'):
        assert state in status["output"]


def test_only_users_that_were_named_may_ask(site: ReaderSite) -> None:
    if not run_as_root():
        pytest.skip("NEEDS ROOT: to be another user")
    site.tool("dmsetup", "echo said")
    with site.running("--allow-uid", "65534", "--group", "65534"):
        site.open_to_all()  # it is the kernel's word on who asks that counts here
        assert site.ask_as(65534, LISTENING)["output"] == "said\n"
        assert site.ask_as(65533, LISTENING)["error"] == "user 65533 may not ask"
        assert site.ask(LISTENING)["error"] == "user 0 may not ask"


def test_the_socket_is_for_its_owner_and_group(site: ReaderSite) -> None:
    group = 65534 if run_as_root() else os.getegid()
    with site.running("--group", str(group)):
        found = site.socket.stat()
        assert (stat.S_IMODE(found.st_mode), found.st_gid) == (0o660, group)


def test_a_second_copy_is_refused_in_one_line(site: ReaderSite) -> None:
    with site.running():
        assert refused(site) == f"fleetmend-reader: --socket: another reader listens at {site.socket}\n"
        assert site.ask("status")["state"] == "ok"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--group", "nobody-has-this"), "--group: there is no group 'nobody-has-this'"),
        (("--allow-uid", "nobody-is-this"), "--allow-uid: there is no user 'nobody-is-this'"),
        (("--disable", "dmsetup"), "--disable: there is no source 'dmsetup'; there are lvm, dmsetup_status, .*"),
        (("--interval", "nvme=5"), "--interval: there is no source 'nvme'; there are .*"),
        (("--interval", "smart=0"), "--interval: '0' is no number of seconds above 0"),
        (("--timeout", "lvm"), "--timeout: '' is no number of seconds above 0"),
        (("--patience", "nan"), "--patience: 'nan' is no number of seconds above 0"),
        (("--smart", "1"), "unrecognized arguments: --smart 1"),
        (("--socket", "/proc/none/reader.sock"), "--socket: /proc/none/reader.sock: No such file or directory"),
        (("--socket", "/etc/passwd"), "--socket: /etc/passwd is there, and is no socket"),
        (("--socket", f"/tmp/{'x' * 120}"), "--socket: .*: AF_UNIX path too long"),  # noqa: S108
    ],
)
def test_what_cannot_work_is_said_in_one_line(site: ReaderSite, flags: tuple[str, ...], words: str) -> None:
    assert re.fullmatch(f"fleetmend-reader: {words}\n", refused(site, *flags))


def refused(site: ReaderSite, *flags: str) -> str:
    done = subprocess.run(
        site.command(*flags), cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    return done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_well_and_leaves_no_socket(site: ReaderSite, number: signal.Signals) -> None:
    with site.running() as reader:
        reader.send_signal(number)
        assert reader.communicate(timeout=SECONDS)[1] == ""
        assert reader.returncode == 0
        assert not site.socket.exists()


def test_the_socket_of_a_dead_one_is_replaced(site: ReaderSite) -> None:
    with site.running() as reader:
        reader.kill()
        reader.communicate(timeout=SECONDS)
    assert site.socket.exists()
    with pytest.raises(NoData, match="no reader"):
        site.answer(LISTENING)
    with site.running():
        assert site.ask("status")["state"] == "ok"


def test_it_stays_small(site: ReaderSite) -> None:
    site.tool("dmsetup", "echo said")
    site.tool("lvm", "echo said")
    with site.running() as reader:
        for source in ("lvm", LISTENING, "smart", "wchan", "status"):
            for _ in range(5):
                site.ask(source)
        assert read_memory(reader.pid) < MEMORY_LIMIT


def read_memory(pid: int) -> int:
    """Resident bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_without_a_reader_there_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(NoData, match="no reader at"):
        build_ask(tmp_path / "none.sock", FakeClock())("lvm")


def test_the_client_takes_an_answer(site: ReaderSite) -> None:
    site.tool("dmsetup", "echo said")
    with site.running():
        match build_ask(site.socket, FakeClock())(LISTENING):
            case Answer(output="said\n", seconds=seconds):
                assert 0 < seconds < SECONDS
            case other:
                pytest.fail(repr(other))


def test_the_page_of_an_exporter_that_asks(site: ReaderSite, start_exporter: Callable[..., str]) -> None:
    fixture = Path(__file__).parent / "fixtures" / "reader" / "dmsetup_status.txt"
    site.tool("dmsetup", f"cat {fixture}")
    url = start_exporter("disk", "--reader.socket", str(site.socket))
    assert "fleetmend_thin_pool" not in read_page(url)
    with site.running("--interval", "lvm=0.01"):
        page = read_page(url)
        assert 'fleetmend_thin_pool_mode{mode="out_of_data_space",pool="vg0-full-tpool"} 1' in page
        assert 'fleetmend_scrape_collector_state{collector="dmsetup",state="ok"} 1' in page
        assert 'fleetmend_scrape_collector_state{collector="lvm",state="nodata"} 1' in page
        page = read_page(url)
        assert 'fleetmend_reader_source_state{source="dmsetup_status",state="ok"} 1' in page
        assert 'fleetmend_reader_age_seconds{source="dmsetup_status"} ' in page
        # One that fails is an error of its collector, and says so on the page; the newest good answer goes before.
        site.tool("lvm", "exit 1")
        wait_until(lambda: 'lvm_up{status="OSError"} 0' in read_page(url))
        page = read_page(url)
    assert 'fleetmend_scrape_collector_state{collector="lvm",state="error"} 1' in page


def read_page(url: str) -> str:
    with urllib.request.urlopen(f"{url}/metrics", timeout=SECONDS) as answer:
        return str(answer.read(), "utf-8")


def test_the_state_of_sources_is_on_the_page() -> None:
    reader = FakeReader(Path(__file__).parent / "fixtures" / "reader")
    page = {
        (sample.name, *sample.labels.values()): sample.value
        for family in read_reader(reader.ask, FakeClock())
        for sample in family.samples
    }
    assert page["fleetmend_reader_source_state", "lvm", "stuck"] == 1
    assert page["fleetmend_reader_source_state", "lvm", "ok"] == 0
    assert page["fleetmend_reader_outstanding_seconds", "lvm"] == 95
    assert page["fleetmend_reader_age_seconds", "lvm"] == 100
    assert page["fleetmend_reader_age_seconds", "dmsetup_status"] == 1.5
    assert ("fleetmend_reader_age_seconds", "smart") not in page


def test_a_reader_that_does_not_answer_is_waited_for_once(site: ReaderSite) -> None:
    clock = FakeClock()
    ask = build_ask(site.socket, clock)
    with site.running() as reader:
        reader.send_signal(signal.SIGSTOP)
        seconds = []
        for _ in range(3):
            began = time.perf_counter()
            with pytest.raises(TimeoutError):
                ask("status")
            seconds.append(time.perf_counter() - began)
        reader.send_signal(signal.SIGCONT)
        assert seconds[0] > 2
        assert max(seconds[1:]) < 0.1
        clock.move(15)
        assert ask("status").at > 0


def test_a_source_that_was_disabled_is_missing(site: ReaderSite) -> None:
    site.tool("dmsetup", "echo said")
    with site.running("--disable", LISTENING), pytest.raises(NoData, match="no such source"):
        site.answer(LISTENING)
