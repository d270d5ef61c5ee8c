"""The web configuration file: what is read, every error with its place, and what promtool says of the same files."""

import shutil
import subprocess
from pathlib import Path

import pytest

from exporter.nodes import BadConfig, Findings
from exporter.web.config import RateLimit, TLSSettings, WebConfig, parse_config
from exporter.web.live import load
from exporter.web.names import CIPHERS, ClientAuth
from tests.exporter.web_lab import make_authority, openssl

HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
PAIR = "cert_file: here.pem, key_file: here.key"
CA = "client_ca_file: ca.pem"
STRICT = "client_auth_type: RequireAndVerifyClientCert"
SUITES = "TLS_AES_128_GCM_SHA256, TLS_RSA_WITH_AES_128_CBC_SHA, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"


def tls(*fields: str) -> str:
    return f"tls_server_config: {{{', '.join(fields)}}}"


# Both accept, both with the same meaning, but for what the how-to says.
GOOD = {
    "empty": "",
    "comment": "# nothing\n",
    "null": "tls_server_config:\nbasic_auth_users:\nhttp_server_config:\n",
    "no_tls": "tls_server_config: {}",
    "no_tls_but_a_version": tls("min_version: TLS13"),
    "pair": tls(PAIR),
    "quoted": tls("cert_file: 'here.pem', \"key_file\": here.key"),
    "request": tls(PAIR, "client_auth_type: RequestClientCert"),
    "none": tls(PAIR, "client_auth_type: NoClientCert"),
    "empty_policy": tls(PAIR, "client_auth_type: ''"),
    "any": tls(PAIR, CA, "client_auth_type: RequireAnyClientCert"),
    "any_older_name": tls(PAIR, CA, "client_auth_type: RequireClientCert"),
    "if_given": tls(PAIR, CA, "client_auth_type: VerifyClientCertIfGiven"),
    "strict": tls(PAIR, CA, STRICT),
    "strict_by_the_systems_authorities": tls(PAIR, STRICT),
    "versions": tls(PAIR, "min_version: TLS12, max_version: TLS12"),
    "old_version": tls(PAIR, "min_version: TLS10"),
    "suites": tls(PAIR, f"cipher_suites: [{SUITES}]"),
    "curves": tls(PAIR, "curve_preferences: [X25519, CurveP256, CurveP384, CurveP521]"),
    "preference": tls(PAIR, "prefer_server_cipher_suites: no"),
    "http2": "http_server_config: {http2: on}",
    "headers": "http_server_config: {headers: {X-Frame-Options: sameorigin, Strict-Transport-Security: max-age=1}}",
    "users": f"basic_auth_users: {{alice: {HASH}, 1: {HASH}, on: {HASH.replace('2y', '2b')}}}",
    "anchors": f"basic_auth_users: {{alice: &h {HASH}, bob: *h}}",
}
BAD = {
    "list": "[]",
    "text": "tls",
    "tab": "tls_server_config:\n\tcert_file: x",
    "unknown_section": "tls_config: {}",
    "unknown_field": tls(PAIR, "cert_files: x"),
    "no_key": tls("cert_file: here.pem"),
    "no_certificate": tls("key_file: here.key"),
    "policy_alone": tls("client_auth_type: NoClientCert"),
    "missing_file": tls("cert_file: nowhere.pem, key_file: here.key"),
    "other_key": tls("cert_file: here.pem, key_file: other.key"),
    "swapped": tls("cert_file: here.key, key_file: here.pem"),
    "unknown_policy": tls(PAIR, "client_auth_type: Always"),
    "authority_without_policy": tls(PAIR, CA),
    "missing_authority": tls(PAIR, STRICT, "client_ca_file: nowhere.pem"),
    "unknown_version": tls(PAIR, "min_version: TLS1.2"),
    "unknown_suite": tls(PAIR, "cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]"),
    "suite_no_list": tls(PAIR, "cipher_suites: TLS_AES_128_GCM_SHA256"),
    "unknown_curve": tls(PAIR, "curve_preferences: [P256]"),
    "no_flag": tls(PAIR, "prefer_server_cipher_suites: maybe"),
    "quoted_flag": "http_server_config: {http2: 'true'}",
    "header_not_allowed": "http_server_config: {headers: {X-Foo: deny}}",
    "header_in_lower_case": "http_server_config: {headers: {x-frame-options: deny}}",
    "header_value": "http_server_config: {headers: {X-Frame-Options: allow}}",
    "plain_password": "basic_auth_users: {alice: swordfish}",
    "cheap_hash": f"basic_auth_users: {{alice: {HASH.replace('10', '03', 1)}}}",
    "no_hash": "basic_auth_users: {alice: }",
    "users_list": "basic_auth_users: [alice]",
    "user_twice": f"basic_auth_users: {{alice: {HASH}, alice: {HASH}}}",
    "section_twice": "http_server_config: {}\nhttp_server_config: {}\n",
}
# Newer than Debian's promtool, which knows none of these fields.
NEWER = {
    "inline": "tls_server_config: {cert: |pem, key: |pem}",
    "names": tls(PAIR, CA, STRICT, "client_allowed_sans: [prometheus.example, 192.0.2.1]"),
    "rate": "rate_limit: {interval: 1m30s, burst: 5}",
    "no_rate": "rate_limit: {interval: 0, burst: 0}",
}
# promtool accepts these: see the how-to.
STRICTER = {
    "any_unchecked": tls(PAIR, "client_auth_type: RequireAnyClientCert"),
    "no_version_left": tls(PAIR, "min_version: TLS13, max_version: TLS12"),
    "only_old_versions": tls(PAIR, "min_version: TLS10, max_version: TLS11"),
    "authority_is_a_key": tls(PAIR, STRICT, "client_ca_file: here.key"),
    "no_bcrypt": f"basic_auth_users: {{alice: {HASH.replace('$2y', '$1')}}}",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds an authority, and two pairs signed by it."""
    authority = make_authority(tmp_path_factory.mktemp("web") / "pki")
    authority.issue("here")
    authority.issue("other")
    return authority.folder


def write(folder: Path, text: str) -> Path:
    path = folder / "web.yml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", GOOD)
def test_good_files(name: str, folder: Path) -> None:
    load(write(folder, GOOD[name]))


@pytest.mark.parametrize("name", BAD | STRICTER)
def test_bad_files(name: str, folder: Path) -> None:
    path = write(folder, (BAD | STRICTER)[name])
    with pytest.raises(BadConfig) as raised:
        load(path)
    assert str(raised.value).startswith(f"{path}:")
    assert "swordfish" not in str(raised.value)


@pytest.mark.parametrize(("name", "accepted"), [*((name, True) for name in GOOD), *((name, False) for name in BAD)])
def test_promtool_says_the_same(name: str, accepted: bool, folder: Path) -> None:
    assert promtool_accepts(write(folder, (GOOD | BAD)[name])) is accepted


@pytest.mark.parametrize("name", STRICTER)
def test_where_we_are_stricter_than_promtool(name: str, folder: Path) -> None:
    assert promtool_accepts(write(folder, STRICTER[name]))


def promtool_accepts(path: Path) -> bool:
    if not shutil.which("promtool"):
        pytest.skip("PROMTOOL IS MISSING: web configurations are not compared with it")
    done = subprocess.run(["promtool", "check", "web-config", path], capture_output=True, timeout=20, check=False)
    return done.returncode == 0


@pytest.mark.parametrize("name", NEWER)
def test_fields_newer_than_debians_promtool(name: str, folder: Path) -> None:
    text = NEWER[name]
    for field in ("cert", "key"):
        pem = (folder / f"here.{'pem' if field == 'cert' else 'key'}").read_text()
        text = text.replace(f"{field}: |pem", f"{field}: {pem!r}".replace("'", '"'))
    load(write(folder, text))


def read(text: str) -> WebConfig:
    return parse_config(text.encode(), Findings("web.yml"))


def test_what_is_read() -> None:
    config = read(
        f"""
tls_server_config:
  cert_file: a.pem
  key_file: a.key
  client_ca_file: ca.pem
  client_auth_type: VerifyClientCertIfGiven
  min_version: TLS13
  cipher_suites: [TLS_AES_128_GCM_SHA256]
  curve_preferences: [CurveP384]
http_server_config:
  headers:
    X-Frame-Options: deny
basic_auth_users:
  yes: {HASH}
rate_limit:
  interval: 1m0.5s
  burst: 3
"""
    )
    assert config == WebConfig(
        TLSSettings(
            cert_file="a.pem",
            key_file="a.key",
            client_ca_file="ca.pem",
            client_auth_type=ClientAuth.VERIFY_IF_GIVEN,
            min_version=13,
            cipher_suites=("TLS_AES_128_GCM_SHA256",),
            curve_preferences=("CurveP384",),
        ),
        {"X-Frame-Options": "deny"},
        {b"yes": HASH.encode()},
        RateLimit(60.5, 3),
    )
    assert HASH not in repr(config)


def test_all_errors_at_once_each_with_its_place() -> None:
    with pytest.raises(BadConfig) as raised:
        read(
            """tls_server_config:
  cert_file: a.pem
  min_verison: TLS13
  max_version: TLS14
  cipher_suites: [TLS_AES_128_GCM_SHA256, NONE]
basic_auth_users:
  alice: swordfish
rate_limit: {interval: soon, burst: many}
"""
        )
    assert str(raised.value).splitlines() == [
        "web.yml:1:1: tls_server_config.key_file: is missing",
        "web.yml:3:3: tls_server_config.min_verison: unknown field (did you mean 'min_version'?)",
        "web.yml:4:3: tls_server_config.max_version: unknown TLS version 'TLS14' (did you mean 'TLS13'?)",
        f"web.yml:5:43: tls_server_config.cipher_suites.1: unknown cipher suite 'NONE'; one of {', '.join(CIPHERS)}",
        "web.yml:7:3: basic_auth_users.alice: is not a bcrypt hash (see htpasswd -nBC 10)",
        "web.yml:8:14: rate_limit.interval: must be a duration such as 1s, 250ms or 1m30s, or 0",
        "web.yml:8:30: rate_limit.burst: must be a whole number",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "web.yml:2:1: not valid YAML: did not find expected node content"),
        ("a: 1\n\tb: 2", "web.yml:2:1: not valid YAML: found a tab character that violates indentation"),
        ("a: 1\n---\nb: 2", "web.yml:2:1: not valid YAML: but found another document"),
        ("[" * 500, "web.yml:1:1: is nested too deep"),
        ("a: \0", "web.yml:1:1: not valid YAML: it is not text"),
        ("rate_limit: {interval: 1s}", "web.yml:1:1: rate_limit.burst: must be at least 1"),
        ("rate_limit: {interval: 5, burst: 1}", "web.yml:1:14: rate_limit.interval: must be a duration"),
        (tls(PAIR, "client_allowed_sans: [a]"), "client_allowed_sans: needs client_auth_type RequireAndVerify"),
        ("http_server_config: {headers: {Content-Security-Policy: \"a\\r\\nb\"}}", "must be one line of ASCII"),
    ],
)  # fmt: skip
def test_one_clear_line(text: str, words: str) -> None:
    with pytest.raises(BadConfig) as raised:
        read(text)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"\xff\xfe\xfa", "not valid YAML"),
        (b" " * 1_000_001, "is too large"),
    ],
)
def test_files_that_are_none(content: bytes | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "web.yml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadConfig) as raised:
        load(path)
    assert str(raised.value).startswith(f"{path}:1:")
    assert words in str(raised.value)


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked_for_it(folder: Path) -> None:
    openssl("pkey", "-in", folder / "here.key", "-aes256", "-passout", "pass:x", "-out", folder / "locked.key")
    path = write(folder, tls("cert_file: here.pem, key_file: locked.key"))
    with pytest.raises(BadConfig, match="the key is encrypted"):
        load(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD["any"], "certificates are checked here, as with RequireAndVerifyClientCert"),
        (GOOD["request"], "certificates are not asked for here"),
        (GOOD["old_version"], "TLS 1.2 is the oldest that is served here"),
        (GOOD["curves"], "only a single curve other than X25519 can be chosen here"),
        (tls(PAIR, "curve_preferences: [CurveP384]"), ""),
        (GOOD["http2"], ""),
    ],
)
def test_what_is_done_otherwise_is_said(text: str, words: str, folder: Path) -> None:
    said = load(write(folder, text)).differences
    assert bool(said) is bool(words)
    assert words in "".join(said)


def test_the_how_tos_example_is_read() -> None:
    text = (Path(__file__).parents[2] / "docs/how-to/securing-the-exporters.md").read_text()
    config = read(text.partition("```yaml\n")[2].partition("```")[0])
    assert config.tls
    assert config.tls.client_allowed_sans == ("prometheus.example",)
    assert config.limit == RateLimit(0.1, 20)
    assert list(config.users) == [b"prometheus"]
