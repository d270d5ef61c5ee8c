"""The whole exporter behind a web configuration: exit codes, curl, rotation, and a real Prometheus."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.exporter.web_lab import Authority, hashed, make_authority

pytestmark = pytest.mark.slow

Launch = Callable[..., subprocess.Popen[str]]
ROOT = Path(__file__).parents[2]
SECONDS = 30
USER = "prometheus:swordfish"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Signed ``server`` and ``prometheus``."""
    made = make_authority(tmp_path / "pki")
    made.issue("server")
    made.issue("prometheus", "DNS:prometheus.example")
    return made


def write_config(authority: Authority) -> Path:
    path = authority.folder / "web.yml"
    path.write_text(
        f"""tls_server_config:
  cert_file: server.pem
  key_file: server.key
  client_ca_file: ca.pem
  client_auth_type: RequireAndVerifyClientCert
  client_allowed_sans: [prometheus.example]
basic_auth_users:
  prometheus: {hashed("swordfish")}
"""
    )
    return path


def start(launch: Launch, *arguments: str | Path) -> str:
    """The page's URL, or what was said on standard error."""
    process = launch("host", "--listen", "127.0.0.1:0", *map(str, arguments))
    assert process.stdout is not None
    line = process.stdout.readline()
    return line.split()[-1] if line else process.communicate(timeout=SECONDS)[1]


def test_everything_wrong_with_the_file_and_exit_code_2(launch: Launch, tmp_path: Path) -> None:
    path = tmp_path / "web.yml"
    path.write_text("tls_server_config: {cert_file: nowhere.pem}\nbasic_auth_users: {alice: swordfish}\n")
    process = launch("host", "--listen", "127.0.0.1:0", "--web.config.file", str(path))
    out, error = process.communicate(timeout=SECONDS)
    assert (process.returncode, out) == (2, "")
    assert error.splitlines() == [
        "fleetmend-exporter: --web.config.file: 2 problems",
        f"{path}:1:1: tls_server_config.key_file: is missing",
        f"{path}:2:20: basic_auth_users.alice: is not a bcrypt hash (see htpasswd -nBC 10)",
    ]


def test_curl_with_everything_and_with_less(launch: Launch, authority: Authority) -> None:
    if not shutil.which("curl"):
        pytest.skip("CURL IS MISSING: it is not asked")
    url = start(launch, "--web.config.file", write_config(authority))
    trust, own, user = credentials(authority)
    assert curl(url, *trust, *own, *user).startswith("200")
    assert "node_load1 " in curl(url, *trust, *own, *user, "--compressed")
    assert 'fleetmend_scrape_collector_state{collector="web",state="ok"} 1' in curl(url, *trust, *own, *user)
    assert "fleetmend_web_config_last_reload_successful 1" in curl(url, *trust, *own, *user)
    assert curl(url, *trust, *own) == "401 Unauthorized\n"
    assert curl(url, *trust, *user) == "000 "
    assert curl(url.replace("https", "http"), *user) == "000 "


def test_a_new_pair_without_a_restart(launch: Launch, authority: Authority, tmp_path: Path) -> None:
    if not shutil.which("curl"):
        pytest.skip("CURL IS MISSING: it is not asked")
    url = start(launch, "--web.config.file", write_config(authority))
    trust, own, user = credentials(authority)
    other = make_authority(tmp_path / "other")
    assert curl(url, *trust, *own, *user).startswith("200")
    for file in other.issue("server"):
        file.rename(authority.folder / file.name)
    assert curl(url, *trust, *own, *user) == "000 "
    assert curl(url, "--cacert", str(other.cert), *own, *user).startswith("200")


def credentials(authority: Authority) -> tuple[list[str], list[str], list[str]]:
    """What curl trusts, what it is, and who asks."""
    ours = str(authority.folder / "prometheus")
    return ["--cacert", str(authority.cert)], ["--cert", f"{ours}.pem", "--key", f"{ours}.key"], ["--user", USER]


def curl(url: str, *arguments: str) -> str:
    """Status and body."""
    command = ["curl", "-sS", "-m", "10", "-w", "%{stderr}%{http_code}", *arguments, url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    return f"{done.stderr[-3:]} {done.stdout}"


def test_yaml_and_bcrypt_only_for_those_who_ask() -> None:
    code = "import sys, exporter.cli; print(sorted({'yaml', 'bcrypt', 'requests', 'cramjam'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=True
    )
    assert done.stdout == "[]\n"


@pytest.mark.store
def test_prometheus_scrapes_through_a_rotation(
    launch: Launch, authority: Authority, start_prometheus: Callable[[str], str]
) -> None:
    url = start(launch, "--web.config.file", write_config(authority))
    (authority.folder / "password").write_text("swordfish")
    store = start_prometheus(
        f"""
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs:
  - job_name: host
    scheme: https
    tls_config:
      ca_file: {authority.folder}/ca.pem
      cert_file: {authority.folder}/prometheus.pem
      key_file: {authority.folder}/prometheus.key
    basic_auth: {{username: prometheus, password_file: {authority.folder}/password}}
    static_configs: [{{targets: ["{url.split("/")[2]}"]}}]
"""
    )
    assert query(store, "min_over_time(up[2s]) == 1 and count_over_time(up[2s]) > 5")
    authority.issue("server")
    time.sleep(2)
    assert query(store, "min_over_time(up[3s]) == 1 and on() node_load1")


def query(store: str, expression: str) -> list[Any]:
    """The first answer that is not empty."""
    for _ in range(SECONDS * 5):
        answer = requests.get(f"{store}/api/v1/query", params={"query": expression}, timeout=5).json()
        if answer["data"]["result"]:
            found: list[Any] = answer["data"]["result"]
            return found
        time.sleep(0.2)
    pytest.fail(f"never true: {expression}")
