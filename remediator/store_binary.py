"""Where the metrics store's program comes from, and how it is started; for the shell only.

Looked for in this order: the path that was named, PATH, then the Debian package, unpacked into a cache
without root and without starting any service.
"""

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal, assert_never

import yaml

from remediator.model.errors import PermanentError

StoreKind = Literal["victoriametrics", "prometheus"]

JOBS = ("host", "probe", "orchestrator", "remediator")
_APT_SECONDS = 300


@dataclass(frozen=True, slots=True)
class _Package:
    """A Debian package and the names that its program goes by in PATH; the first one is Debian's."""

    name: str
    programs: tuple[str, ...]


_PACKAGES: dict[StoreKind, _Package] = {
    "victoriametrics": _Package("victoria-metrics", ("victoria-metrics", "victoria-metrics-prod")),
    "prometheus": _Package("prometheus", ("prometheus",)),
}


def find_store(explicit: Path | None, kind: StoreKind, cache: Path) -> Path:
    """The store's program; downloads its Debian package into ``cache`` when nothing nearer is found.

    Raises PermanentError with one line for people when there is none to be had.
    """
    if explicit is not None:
        return _named(explicit)
    package = _PACKAGES[kind]
    for program in package.programs:
        if found := shutil.which(program):
            return Path(found)
    unpacked = cache / package.name
    program_path = unpacked / "usr" / "bin" / package.programs[0]
    if not _runs(program_path):
        _unpack_package(package, cache, unpacked)
    if not _runs(program_path):
        raise _not_found(package, f"the package holds no {program_path.name}")
    return program_path


def store_command(kind: StoreKind, binary: Path, data_dir: Path, listen: str, scrape_config: Path) -> list[str]:
    """The argument list that starts the store on ``listen`` (HOST:PORT), keeping its data under ``data_dir``."""
    match kind:
        case "victoriametrics":
            return [
                str(binary),
                f"-storageDataPath={data_dir}",
                f"-httpListenAddr={listen}",
                f"-promscrape.config={scrape_config}",
                # New hosts must be seen within seconds; the refresh interval in the file is not read by this store.
                "-promscrape.httpSDCheckInterval=1s",
                # Dead hosts stay listed and fail each second; /targets tells the last error of each anyway.
                "-promscrape.suppressScrapeErrors",
                # The default hides the last 30 s from whoever does not send nocache=1, dashboards for one.
                "-search.latencyOffset=1s",
                "-retentionPeriod=31d",
                "-memory.allowedPercent=10",
                # Keep-alive clients would otherwise hold up the end for 7 s.
                "-http.maxGracefulShutdownDuration=1s",
            ]
        case "prometheus":
            return [
                str(binary),
                f"--config.file={scrape_config}",
                f"--storage.tsdb.path={data_dir}",
                f"--web.listen-address={listen}",
                "--storage.tsdb.retention.time=31d",
                "--log.level=warn",
                # Where the remediator writes its alerts and recorded series back to.
                "--web.enable-remote-write-receiver",
            ]
        case _:
            assert_never(kind)


def scrape_config(kind: StoreKind, sd_base_url: str, interval: timedelta) -> str:
    """The scrape file (YAML): one job for each kind of page, its targets asked of ``{sd_base_url}/sd/<job>``.

    A scrape's timeout is nine tenths of its interval, so that a silent host is known as such before the next one.
    ``honor_labels`` stays off: an exporter must not claim to be another host.
    """
    milliseconds = round(interval.total_seconds() * 1000)
    document = {
        "global": {"scrape_interval": f"{milliseconds}ms", "scrape_timeout": f"{milliseconds * 9 // 10}ms"},
        "scrape_configs": [
            {"job_name": job, "http_sd_configs": [_discovery(kind, f"{sd_base_url.rstrip('/')}/sd/{job}")]}
            for job in JOBS
        ],
    }
    return yaml.safe_dump(document, sort_keys=False)


def _discovery(kind: StoreKind, url: str) -> dict[str, str]:
    # VictoriaMetrics takes the interval from a flag, and refuses a file that names it.
    return {"url": url} if kind == "victoriametrics" else {"url": url, "refresh_interval": "1s"}


def _named(path: Path) -> Path:
    if not _runs(path):
        raise PermanentError(f"--vm-binary {path}: not a program that can be run")
    return path


def _runs(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _not_found(package: _Package, why: str) -> PermanentError:
    return PermanentError(
        f"no {package.name} found: name its program with --vm-binary, put it in PATH, "
        f"or name a running store with --store URL (apt-get download {package.name}: {why})"
    )


def _unpack_package(package: _Package, cache: Path, destination: Path) -> None:
    """Unpack in a folder beside the destination and rename it there, so that two starts at once cannot mix."""
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="unpack-") as folder:
        work = Path(folder)
        archive = _download(package, work)
        _run(package, ["dpkg", "-x", str(archive), str(work / "tree")], work)
        shutil.rmtree(destination, ignore_errors=True)
        try:
            (work / "tree").rename(destination)
        except OSError:
            # Another start was quicker; the caller looks whether its program can be run.
            return


def _download(package: _Package, work: Path) -> Path:
    """The package's archive, with the machine's own lists or, where those are missing, with private ones."""
    try:
        _run(package, ["apt-get", "download", package.name], work)
    except PermanentError:
        private = _private_lists(work)
        _run(package, ["apt-get", *private, "-q", "update"], work)
        _run(package, ["apt-get", *private, "download", package.name], work)
    archives = sorted(work.glob("*.deb"))
    if not archives:
        raise _not_found(package, "nothing was downloaded")
    return archives[0]


def _private_lists(work: Path) -> list[str]:
    """Options that let apt-get fetch lists into ``work`` without root, with the machine's own sources and keys."""
    (work / "state" / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (work / "apt-cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    options = {
        "Dir::State": str(work / "state"),
        "Dir::State::status": "/var/lib/dpkg/status",
        "Dir::Cache": str(work / "apt-cache"),
        # As root, apt would drop to a user that cannot write here.
        "APT::Sandbox::User": "root",
    }
    return [part for key, value in options.items() for part in ("-o", f"{key}={value}")]


def _run(package: _Package, command: list[str], work: Path) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=work,
            capture_output=True,
            text=True,
            timeout=_APT_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        raise _not_found(package, f"this machine has no {command[0]}") from None
    except subprocess.TimeoutExpired:
        raise _not_found(package, f"{command[0]} took longer than {_APT_SECONDS} s") from None
    if done.returncode:
        raise _not_found(package, _last_words(done.stderr))


def _last_words(stderr: str) -> str:
    """The one line that says most: apt's last error, warnings and notes left out where there is one."""
    lines = stderr.strip().splitlines() or ["no word why"]
    errors = [line for line in lines if line.startswith("E:")]
    return (errors or lines)[-1]
