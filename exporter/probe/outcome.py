"""How a probe ends, and what each error and answer amounts to."""

import errno
from enum import StrEnum

ANSWER_LIMIT = 8192  # bytes; a longer answer is not from a health check


class Outcome(StrEnum):
    """Only *silent* counts towards dead: every other answer needs a living kernel, or is our own fault."""

    OK = "ok"
    SILENT = "silent"
    REFUSED = "refused"
    RESET = "reset"
    WRONG_ANSWER = "wrong_answer"
    ERROR_HERE = "error_here"


# Nobody took the address (its neighbours asked in vain), or nobody answered.
SILENCE = frozenset({errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ETIMEDOUT})
RESETS = frozenset({errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE})


def classify_error(error: OSError) -> Outcome:
    """What an error of connect, send or receive says; what is not known to come from the network is ours."""
    if error.errno == errno.ECONNREFUSED:
        return Outcome.REFUSED
    if error.errno in RESETS:
        return Outcome.RESET
    return Outcome.SILENT if error.errno in SILENCE else Outcome.ERROR_HERE


def judge_answer(raw: bytes, expect: str, *, ended: bool) -> Outcome | None:
    """Judge an HTTP answer as far as it has come; None while more is needed.

    Ok is status 200 with ``expect`` in its body. ``ended``: the other side has closed the connection.
    """
    head, complete, body = raw.partition(b"\r\n\r\n")
    if not complete:
        return Outcome.WRONG_ANSWER if ended or len(raw) > ANSWER_LIMIT else None
    if parse_status(head) != 200:
        return Outcome.WRONG_ANSWER
    if expect.encode() in body:
        return Outcome.OK
    length = parse_length(head)
    all_there = ended or len(raw) > ANSWER_LIMIT or (length is not None and len(body) >= length)
    return Outcome.WRONG_ANSWER if all_there else None


def parse_status(head: bytes) -> int:
    """The status code of an HTTP/1 answer; 0 if it is none."""
    parts = head.split(b"\r\n", 1)[0].split(b" ")
    if len(parts) < 2 or not parts[0].startswith(b"HTTP/1.") or not parts[1].isdigit():
        return 0
    return int(parts[1])


def parse_length(head: bytes) -> int | None:
    """Content-Length, if it is there and a number."""
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return int(value)
    return None
