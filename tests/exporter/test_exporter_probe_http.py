"""HTTP answers in pieces and in chunks, what is asked of them, and when certificates end."""

import re
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.probe.certificate import parse_not_after
from exporter.probe.http import Answer, join_chunks, judge_http, parse_answer
from exporter.probe.modules import Http
from exporter.probe.outcome import Outcome
from tests.exporter.probe_lab import certify

HEAD = b"HTTP/1.1 200 OK\r\n"
STATUS_OK = Http(fail_if_body_not_matches=(re.compile(rb"status: ok"),))


def chunked(pieces: list[bytes]) -> bytes:
    return b"".join(b"%x;x=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=8))
def test_chunks_are_joined(pieces: list[bytes]) -> None:
    raw = chunked(pieces)
    assert join_chunks(raw) == (b"".join(pieces), True)
    for size in range(len(raw) - 4):
        body, complete = join_chunks(raw[:size])
        assert not complete
        assert b"".join(pieces).startswith(body)


@given(st.binary(max_size=400), st.booleans())
def test_whatever_comes_is_judged(raw: bytes, ended: bool) -> None:
    outcome = judge_http(Http(), raw, ended)
    assert outcome in {Outcome.OK, Outcome.WRONG_ANSWER} if ended else outcome in {None, *Outcome}


@given(st.binary(max_size=200))
def test_no_certificate_is_refused_with_words(raw: bytes) -> None:
    try:
        parse_not_after(raw)
    except ValueError:
        return
    pytest.fail("random bytes were taken for a certificate")


@pytest.mark.parametrize(
    ("raw", "answer"),
    [
        (HEAD + b"Content-Length: 2\r\n\r\nok", Answer(200, b"ok", complete=True, head=HEAD + b"Content-Length: 2")),
        (HEAD + b"Content-Length: 5\r\n\r\nok", Answer(200, b"ok", complete=False, head=HEAD + b"Content-Length: 5")),
        (HEAD + b"\r\nok", Answer(200, b"ok", complete=True, head=HEAD.strip())),
        (b"HTTP/1.1 200", Answer(0, b"", complete=False)),
    ],
)
def test_an_answer_that_has_ended(raw: bytes, answer: Answer) -> None:
    assert parse_answer(raw, ended=True) == answer


@pytest.mark.parametrize(
    ("rules", "raw", "outcome"),
    [
        (Http(), HEAD + b"Content-Length: 2\r\n\r\nok", Outcome.OK),
        (Http(), b"HTTP/1.0 204 No Content\r\n\r\n", Outcome.OK),
        (Http(), b"HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n", Outcome.WRONG_ANSWER),
        (Http(valid_status_codes=frozenset({301})), b"HTTP/1.1 301 Moved\r\n\r\n", Outcome.OK),
        (Http(valid_status_codes=frozenset({301})), HEAD + b"\r\n", Outcome.WRONG_ANSWER),
        (STATUS_OK, HEAD + b"\r\nstatus: ok", Outcome.OK),
        (STATUS_OK, HEAD + b"\r\nstatus: bad", Outcome.WRONG_ANSWER),
        (STATUS_OK, HEAD + b"Transfer-Encoding: chunked\r\n\r\n7\r\nstatus:\r\n3\r\n ok\r\n0\r\n\r\n", Outcome.OK),
        (Http(fail_if_body_matches=(re.compile(rb"err"),)), HEAD + b"\r\nan error", Outcome.WRONG_ANSWER),
        (Http(), HEAD + b"Transfer-Encoding: chunked\r\n\r\n7\r\nstat", Outcome.WRONG_ANSWER),
    ],
)
def test_what_is_asked_of_an_answer(rules: Http, raw: bytes, outcome: Outcome) -> None:
    assert judge_http(rules, raw, True) is outcome


def test_a_body_beyond_the_limit_is_judged_by_what_there_is() -> None:
    rules = Http(fail_if_body_not_matches=(re.compile(b"a"),), body_size_limit=100)
    assert judge_http(rules, HEAD + b"Content-Length: 1000\r\n\r\n" + b"b" * 10, False) is None
    assert judge_http(rules, HEAD + b"Content-Length: 1000\r\n\r\n" + b"b" * 200, False) is Outcome.WRONG_ANSWER
    assert judge_http(rules, HEAD + b"Content-Length: 1000\r\n\r\n" + b"a" * 200, False) is Outcome.OK
    assert judge_http(Http(), b"x" * 70000, False) is Outcome.WRONG_ANSWER


@pytest.mark.parametrize("end", ["20200102030405Z", "20990102030405Z"])
def test_when_a_certificate_ends(end: str, tmp_path: Path) -> None:
    pem = certify(tmp_path, "own", start="20200101000000Z", end=end).read_text().partition("-----BEGIN PRIVATE")[0]
    moment = datetime.strptime(end, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    assert parse_not_after(ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN") :])) == moment.timestamp()
