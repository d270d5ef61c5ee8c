"""The modules file: every mistake at once with its place, and what a module comes to."""

import re
from pathlib import Path

import pytest

from exporter.cli import main
from exporter.errors import BadStart
from exporter.probe.modules import BUILT_IN, Prober, Tls
from exporter.probe.modules_file import load_modules

GOOD = """
modules:
  api:
    prober: http
    timeout: 250ms
    interval: 2s
    preferred_ip_protocol: ip6
    http:
      method: GET
      path: /health?deep=1
      scheme: https
      headers: {X-From: prober}
      valid_status_codes: [200, 204]
      fail_if_body_matches_regexp: [broken]
      fail_if_body_not_matches_regexp: ['"status": *"ok"']
      body_size_limit: 4096
    tls_config: {insecure_skip_verify: true, server_name: api.internal}
  secured: {prober: tcp, tcp: {tls: true}}
  bmc: {prober: redfish, redfish: {credentials_file: bmc.yml, auth: basic}}
  power: {prober: ipmi, timeout: 5s, ipmi: {credentials_file: bmc.yml}}
"""


def put(folder: Path, text: str) -> Path:
    path = folder / "modules.yml"
    path.write_text(text)
    return path


def put_credentials(
    folder: Path, text: str = "default: {username: u, password: sesame}\n", mode: int = 0o600
) -> Path:
    path = folder / "bmc.yml"
    path.write_text(text)
    path.chmod(mode)
    return path


def complaints(path: Path) -> list[str]:
    with pytest.raises(BadStart) as caught:
        load_modules(path)
    return [line.removeprefix(f"{path}:") for line in str(caught.value).splitlines()]


def test_without_a_file_there_are_the_built_in_ones() -> None:
    assert load_modules(None) is BUILT_IN
    assert {"tcp", "http", "https", "http_2xx", "tcp_connect", "icmp", "tls"} <= BUILT_IN.keys()


def test_a_file_adds_to_them(tmp_path: Path) -> None:
    credentials = put_credentials(tmp_path)
    modules = load_modules(put(tmp_path, GOOD))
    assert modules.keys() == BUILT_IN.keys() | {"api", "secured", "bmc", "power"}
    api = modules["api"]
    assert (api.prober, api.timeout, api.interval, api.prefer_ip6) == (Prober.HTTP, 0.25, 2.0, True)
    assert (api.http.path, api.http.scheme, api.http.headers) == ("/health?deep=1", "https", (("X-From", "prober"),))
    assert api.http.valid_status_codes == {200, 204}
    assert api.http.fail_if_body_not_matches == (re.compile(rb'"status": *"ok"'),)
    assert api.tls == Tls(None, "api.internal", insecure_skip_verify=True)
    assert modules["secured"].secure
    bmc, power = modules["bmc"].bmc, modules["power"].bmc
    assert bmc is not None
    assert power is not None
    assert (bmc.credentials, bmc.session, power.session) == (credentials, False, True)
    assert (modules["bmc"].timeout, modules["bmc"].interval, modules["power"].timeout) == (10.0, 60.0, 5.0)


def test_a_file_may_change_a_built_in_one(tmp_path: Path) -> None:
    assert load_modules(put(tmp_path, "modules: {tcp: {prober: tcp, timeout: 1s}}"))["tcp"].timeout == 1.0
    assert load_modules(put(tmp_path, "")) == BUILT_IN


def test_every_mistake_at_once_with_its_place(tmp_path: Path) -> None:
    text = """modules:
  a:
    prober: htpp
  b:
    timeout: 1s
  c:
    prober: http
    timeout: 2h
    icmp: {}
    http:
      method: POST
      path: health
      valid_status_codes: [200, 999]
      fail_if_body_not_matches_regexp: ["("]
      follow: true
  d:
    prober: ipmi
    ipmi: {credentials_file: nowhere.yml}
  e:
    prober: redfish
    tls_config: {ca_file: nowhere.pem}
  f: {prober: icmp, tls_config: {}}
"""
    said = complaints(put(tmp_path, text))
    assert said == [
        "3:5: modules.a.prober: unknown prober 'htpp' (did you mean 'http'?)",
        "4:3: modules.b: prober is missing",
        "8:5: modules.c.timeout: must be from 0.001 s to 60 s",
        "9:5: modules.c.icmp: is not for prober http",
        "11:7: modules.c.http.method: unknown method 'POST'; one of GET",
        "12:7: modules.c.http.path: must begin with / and hold no spaces",
        "13:33: modules.c.http.valid_status_codes.1: must be a status from 100 to 599",
        "14:41: modules.c.http.fail_if_body_not_matches_regexp.0: no regular expression: "
        "missing ), unterminated subpattern at position 0",
        "15:7: modules.c.http.follow: unknown field; one of method, path, scheme, headers, valid_status_codes, "
        "fail_if_body_matches_regexp, fail_if_body_not_matches_regexp, body_size_limit",
        f"18:12: modules.d.ipmi.credentials_file: {tmp_path}/nowhere.yml: No such file or directory",
        "19:3: modules.e.redfish: credentials_file is missing",
        "21:18: modules.e.tls_config.ca_file: No such file or directory",
        "22:21: modules.f.tls_config: is not for prober icmp",
    ]


def test_exit_code_2_and_a_line_for_each_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = put(tmp_path, "modules:\n  a: {prober: x}\n  b: {prober: y}\n")
    assert main(["probe", "--listen", "127.0.0.1:0", "--modules.file", str(path)]) == 2
    assert [line.partition("unknown")[0] for line in capsys.readouterr().err.splitlines()] == [
        f"fleetmend-exporter: {path}:2:7: modules.a.prober: ",
        f"{path}:3:7: modules.b.prober: ",
    ]
    assert main(["probe", "--listen", "127.0.0.1:0", "--modules.file", str(tmp_path / "none")]) == 2


@pytest.mark.parametrize("text", ["a: [", "- 1", "modules: 3", "\x00", "modules: {a: {prober: [http]}}"])
def test_what_is_no_such_file_is_refused(text: str, tmp_path: Path) -> None:
    assert complaints(put(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        ("default: {username: u, password: sesame}", 0o640, "its mode must be 0600"),
        ("default: {username: u, passwort: sesame}", 0o600, "unknown field `passwort`"),
        ("default: {username: u}", 0o600, "missing required field `password`"),
        ("default: {username: u, password: 12345}", 0o600, "Expected `str`, got `int`"),
        ("default: {username: u, password: sesame, port: 1}", 0o600, "unknown field `port`"),
        ("default: {username: u, password: 'sesame", 0o600, "not valid YAML"),
        ("- sesame", 0o600, "Expected `object`"),
    ],
)
def test_credentials_are_checked_and_never_shown(text: str, mode: int, words: str, tmp_path: Path) -> None:
    put_credentials(tmp_path, text, mode)
    said = complaints(put(tmp_path, "modules: {a: {prober: ipmi, ipmi: {credentials_file: bmc.yml}}}"))
    assert len(said) == 1
    assert words in said[0]
    assert "sesame" not in said[0]
