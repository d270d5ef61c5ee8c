"""Where the store's program comes from; apt-get and dpkg are played by small scripts in a PATH of their own."""

from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from remediator.model.errors import PermanentError
from remediator.store_binary import StoreKind, find_store, scrape_config, store_command

# Writes an "archive" that the dpkg below turns into a tree; the first argument "download" may be refused.
APT_GET = """#!/bin/sh
echo "$@" >> "{log}"
{refusal}
for word; do [ "$word" = download ] && : > victoria-metrics_1_amd64.deb; done
exit 0
"""
DPKG = """#!/bin/sh
mkdir() {{ /bin/mkdir "$@"; }}
mkdir -p "$3/usr/bin"
printf '#!/bin/sh\\n' > "$3/usr/bin/victoria-metrics"
/bin/chmod 755 "$3/usr/bin/victoria-metrics"
"""


def write_program(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def bin_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def write_apt(bin_dir: Path, refusal: str = "") -> Path:
    log = bin_dir.parent / "apt.log"
    write_program(bin_dir / "apt-get", APT_GET.format(log=log, refusal=refusal))
    write_program(bin_dir / "dpkg", DPKG.format())
    return log


def test_a_named_program_comes_first(tmp_path: Path, bin_dir: Path) -> None:
    write_program(bin_dir / "victoria-metrics")
    mine = write_program(tmp_path / "mine")
    assert find_store(mine, "victoriametrics", tmp_path / "cache") == mine


def test_a_named_program_that_cannot_be_run_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"--vm-binary .*/absent: not a program that can be run"):
        find_store(tmp_path / "absent", "victoriametrics", tmp_path / "cache")


@pytest.mark.parametrize(
    ("kind", "program"),
    [
        ("victoriametrics", "victoria-metrics"),
        ("victoriametrics", "victoria-metrics-prod"),
        ("prometheus", "prometheus"),
    ],
)
def test_path_comes_before_the_package(kind: StoreKind, program: str, tmp_path: Path, bin_dir: Path) -> None:
    write_program(bin_dir / program)
    assert find_store(None, kind, tmp_path / "cache") == bin_dir / program


def test_the_package_is_unpacked_once(tmp_path: Path, bin_dir: Path) -> None:
    log = write_apt(bin_dir)
    cache = tmp_path / "cache"
    first = find_store(None, "victoriametrics", cache)
    assert first == cache / "victoria-metrics" / "usr" / "bin" / "victoria-metrics"
    assert find_store(None, "victoriametrics", cache) == first
    assert log.read_text(encoding="utf-8") == "download victoria-metrics\n"
    assert [entry.name for entry in cache.iterdir()] == ["victoria-metrics"]


def test_missing_lists_are_fetched_privately(tmp_path: Path, bin_dir: Path) -> None:
    log = write_apt(bin_dir, refusal='[ "$1" = download ] && { echo "E: no such package" >&2; exit 100; }')
    find_store(None, "victoriametrics", tmp_path / "cache")
    _, update, download = log.read_text(encoding="utf-8").splitlines()
    assert update.endswith("update")
    assert "Dir::State=" in update
    assert download.endswith("download victoria-metrics")


def test_without_any_source_there_is_one_line_that_names_the_ways_out(tmp_path: Path, bin_dir: Path) -> None:
    write_apt(bin_dir, refusal='echo "E: no route to host" >&2; echo "N: a note" >&2; exit 100')
    with pytest.raises(PermanentError) as caught:
        find_store(None, "victoriametrics", tmp_path / "cache")
    text = str(caught.value)
    assert "\n" not in text
    assert all(way in text for way in ("--vm-binary", "PATH", "--store URL", "E: no route to host"))


def test_a_machine_without_apt_says_so(tmp_path: Path, bin_dir: Path) -> None:
    with pytest.raises(PermanentError, match="this machine has no apt-get"):
        find_store(None, "prometheus", tmp_path / "cache")


@pytest.mark.parametrize("kind", ["victoriametrics", "prometheus"])
def test_each_job_asks_for_its_own_targets(kind: StoreKind) -> None:
    document = yaml.safe_load(scrape_config(kind, "http://127.0.0.1:8000/", timedelta(seconds=1)))
    urls = {job["job_name"]: job["http_sd_configs"][0]["url"] for job in document["scrape_configs"]}
    assert urls == {job: f"http://127.0.0.1:8000/sd/{job}" for job in ("host", "probe", "orchestrator", "remediator")}
    assert document["global"] == {"scrape_interval": "1000ms", "scrape_timeout": "900ms"}
    assert not any("honor_labels" in job for job in document["scrape_configs"])


@pytest.mark.parametrize("kind", ["victoriametrics", "prometheus"])
def test_the_store_listens_where_it_is_told_and_nowhere_else(kind: StoreKind) -> None:
    command = store_command(kind, Path("/bin/store"), Path("/data"), "127.0.0.1:8428", Path("/scrape.yml"))
    assert command[0] == "/bin/store"
    assert [part for part in command if "isten" in part and part.endswith("=127.0.0.1:8428")]
    assert len([part for part in command if "isten" in part]) == 1
