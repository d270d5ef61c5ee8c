"""When a certificate ends: read from its bytes, for what is not trusted is not told by the ssl module."""

from datetime import UTC, datetime

VERSION = b"\xa0"  # left out by the oldest
# UTCTime, GeneralizedTime
FORMATS = {b"\x17": "%y%m%d%H%M%SZ", b"\x18": "%Y%m%d%H%M%SZ"}


def parse_not_after(der: bytes) -> float:
    """The end of an X.509 certificate's validity in unix seconds. Raises ValueError for what is none."""
    rest, _ = enter(enter(der)[0])
    if rest[:1] == VERSION:
        rest = enter(rest)[1]
    for _ in ("serial number", "signature algorithm", "issuer"):
        rest = enter(rest)[1]
    validity, _ = enter(rest)
    not_after = enter(validity)[1]
    return parse_time(not_after[:1], enter(not_after)[0])


def enter(raw: bytes) -> tuple[bytes, bytes]:
    """The content of the first element of ``raw``, and what follows it."""
    if len(raw) < 2:
        raise ValueError("the certificate ends too early")
    length, begin = raw[1], 2
    if length & 0x80:
        begin += length & 0x7F
        length = int.from_bytes(raw[2:begin], "big")
    if len(raw) < begin + length:
        raise ValueError("the certificate ends too early")
    return raw[begin : begin + length], raw[begin + length :]


def parse_time(tag: bytes, text: bytes) -> float:
    """UTCTime or GeneralizedTime, both in UTC."""
    form = FORMATS.get(tag)
    if form is None:
        raise ValueError("the certificate's validity is no time")
    return datetime.strptime(text.decode("ascii"), form).replace(tzinfo=UTC).timestamp()
