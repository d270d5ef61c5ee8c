"""HTTP answers, as far as a probe needs them: status, length, body in one piece or in chunks."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from exporter.probe.modules import Http
from exporter.probe.outcome import Outcome, parse_length, parse_status

HEAD_LIMIT = 65536  # bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as far as it has come; ``complete`` once nothing is missing. Status 0 is no HTTP."""

    status: int
    body: bytes
    complete: bool
    head: bytes = b""


def parse_answer(raw: bytes, *, ended: bool) -> Answer | None:
    """None while the head is under way. ``ended``: the other side has closed the connection."""
    head, found, body = raw.partition(b"\r\n\r\n")
    if not found:
        return Answer(0, b"", complete=False) if ended or len(raw) > HEAD_LIMIT else None
    status = parse_status(head)
    if parse_field(head, b"transfer-encoding").lower() == b"chunked":
        body, complete = join_chunks(body)
        return Answer(status, body, complete, head)
    length = parse_length(head)
    complete = ended if length is None else len(body) >= length
    return Answer(status, body[:length], complete, head)


def parse_field(head: bytes, name: bytes) -> bytes:
    """A header's value; empty without it. ``name`` in lower case."""
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip()
    return b""


def join_chunks(raw: bytes) -> tuple[bytes, bool]:
    """The body so far, and whether its last chunk has come. What is no chunk never completes."""
    pieces: list[bytes] = []
    while True:
        size, found, rest = raw.partition(b"\r\n")
        text = size.partition(b";")[0].strip()
        if not found or not re.fullmatch(rb"[0-9a-fA-F]{1,8}", text):
            return b"".join(pieces), False
        length = int(text, 16)
        if length == 0:
            return b"".join(pieces), True
        pieces.append(rest[:length])
        raw = rest[length + 2 :]


def judge_http(rules: Http, raw: bytes, ended: bool) -> Outcome | None:  # noqa: FBT001
    """Ok is a status that is asked for, and a body that is whole (or fills the limit) and is as it should be."""
    answer = parse_answer(raw, ended=ended)
    if answer is None:
        return None
    if not is_valid(rules, answer.status):
        return Outcome.WRONG_ANSWER
    if not answer.complete and len(raw) <= rules.body_size_limit:
        return Outcome.WRONG_ANSWER if ended else None
    return Outcome.WRONG_ANSWER if fails_by_body(rules, answer.body) else Outcome.OK


def is_valid(rules: Http, status: int) -> bool:
    return status in rules.valid_status_codes if rules.valid_status_codes else 200 <= status < 300


def fails_by_body(rules: Http, body: bytes) -> bool:
    return any(one.search(body) for one in rules.fail_if_body_matches) or not all(
        one.search(body) for one in rules.fail_if_body_not_matches
    )


def build_request(path: str, host: str, headers: Mapping[str, str], method: str = "GET", body: bytes = b"") -> bytes:
    """A request whose connection ends with its answer."""
    fields = {"Host": host, "User-Agent": "fleetmend-exporter", "Connection": "close", **headers}
    if body:
        fields |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body
