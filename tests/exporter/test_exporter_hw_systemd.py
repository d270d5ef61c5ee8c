"""systemctl's texts: a unit of each kind, units that are left out, hosts without systemd."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from exporter.clock import SystemClock
from exporter.collectors.systemd import Systemd, build_call, parse_properties, parse_time, parse_units
from exporter.errors import NoData
from exporter.places import UNITS_EXCLUDED, UNITS_INCLUDED
from tests.exporter.hardware import call_systemctl, series, value


def read(tmp_path: Path, include: str = UNITS_INCLUDED, exclude: str = UNITS_EXCLUDED) -> Systemd:
    return Systemd(include, exclude, call_systemctl, tmp_path)


def test_units_states_starts_and_restarts(tmp_path: Path) -> None:
    families = read(tmp_path).read()
    unit = {"name": "bad.service", "type": "oneshot"}
    states = {
        dict(key)["state"]: n for (name, key), n in series(families).items() if unit.items() <= dict(key).items()
    }
    assert states == {"active": 0, "activating": 0, "deactivating": 0, "inactive": 0, "failed": 1}
    assert value(families, "node_systemd_service_restart_total", name="again.service") == 38
    assert value(families, "node_systemd_unit_start_time_seconds", name="getty@tty1.service") == 1_795_379_688
    # It has begun, and is not there yet.
    assert value(families, "node_systemd_unit_start_time_seconds", name="again.service") == 0
    assert value(families, "node_systemd_socket_accepted_connections_total", name="two.socket") == 12
    assert value(families, "node_systemd_timer_last_trigger_seconds", name="one.timer") == 1_795_379_689


def test_whole_system(tmp_path: Path) -> None:
    families = read(tmp_path).read()
    assert value(families, "node_systemd_system_running") == 0
    assert value(families, "node_systemd_version", version="252.39-1~deb12u2") == 252.39
    # All units are counted, those that are left out too.
    counts = [value(families, "node_systemd_units", state=one) for one in ("active", "failed", "inactive")]
    assert counts == [6, 1, 3]


def test_units_that_are_left_out(tmp_path: Path) -> None:
    def names(systemd: Systemd) -> set[str]:
        found = series(systemd.read())
        return {dict(labels)["name"] for name, labels in found if name == "node_systemd_unit_state"}

    assert names(read(tmp_path)) == {
        "again.service", "bad.service", "getty@tty1.service", "idle.service", "two.socket", "one.timer"
    }  # fmt: skip
    # Patterns are of whole names.
    assert names(read(tmp_path, include="bad|.+timer", exclude="two")) == {"one.timer"}
    assert names(read(tmp_path, include="nothing")) == set()


def test_units_that_do_not_run_are_asked_once(tmp_path: Path) -> None:
    asked: list[Sequence[str]] = []

    def call(argv: Sequence[str]) -> str:
        asked.append(argv)
        text = call_systemctl(argv)
        if "--all" not in argv and "list-units" not in argv:
            return "\n\n".join(block for block in text.split("\n\n") if "inactive" not in block)
        return text

    systemd = Systemd(UNITS_INCLUDED, UNITS_EXCLUDED, call, tmp_path)
    first, second = series(systemd.read()), series(systemd.read())
    assert first == second
    assert [one for one in asked if "list-units" not in one and "--all" in one] == [asked[2]]


def test_host_without_systemd_has_no_data(tmp_path: Path) -> None:
    with pytest.raises(NoData):
        Systemd(UNITS_INCLUDED, UNITS_EXCLUDED, call_systemctl, tmp_path / "missing").read()


def test_systemctl_that_cannot_reach_its_master_is_an_error(tmp_path: Path) -> None:
    if not shutil.which("systemctl") or Path("/run/systemd/system").exists():
        pytest.skip("SYSTEMCTL IS MISSING, OR SYSTEMD RUNS HERE")
    with pytest.raises(OSError, match="exit code 1"):
        Systemd(UNITS_INCLUDED, UNITS_EXCLUDED, build_call(SystemClock()), tmp_path).read()


def test_odd_texts() -> None:
    assert parse_units("\nonly two\n a.service loaded active x\n")[0].name == "a.service"
    assert [parse_time(text) for text in ("", "n/a", "0")] == [0, 0, 0]
    assert parse_properties("A=1=2\nB=\n") == [{"A": "1=2", "B": ""}]
