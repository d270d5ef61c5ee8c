"""Requests that nobody honest would send, as bytes: the same ones each time."""

import json
import random
import zlib
from collections.abc import Iterator

BODIES: dict[str, bytes] = {
    "nothing": b"",
    "a brace": b"{",
    "a list": b"[]",
    "null": b"null",
    "a number": b"1e999",
    "text": b'"config"',
    "no utf-8": b'{"name": "\xff\xfe"}',
    "a surrogate": b'{"name": "\\ud800"}',
    "NUL": b'{"name": "a\\u0000b", "config": {"env": {"A": "\\u0000"}}}',
    "NaN": b'{"size_gb": NaN}',
    "deep lists": b'{"config": ' + b"[" * 60_000 + b"]" * 60_000 + b"}",
    "deep objects": b'{"config":' * 30_000,
    "wrong types": json.dumps(
        {
            "config": {"env": [], "guest": "big", "mounts": {"volume": 1}, "metadata": [1], "init": 7, "files": "x"},
            "name": {}, "region": [], "size_gb": "much", "signal": {}, "timeout": [], "cmd": 1, "command": {"a": 1},
            "ttl": "long", "value": {}, "app_name": 7, "org_slug": [], "until": 3, "why": {}, "access": [],
        }
    ).encode(),
    "large numbers": b'{"size_gb": ' + b"9" * 4000 + b', "name": "a", "region": "arn", "ttl": 1e308, "timeout": -1}',
    "many keys": json.dumps({f"k{number}": number for number in range(5000)}).encode(),
    "one key often": b'{"name": "a"' + b', "name": "b"' * 3000 + b"}",
    "a long text": json.dumps({"name": "x" * 200_000, "value": "x" * 200_000, "why": "x" * 200_000}).encode(),
    "path tricks": json.dumps(
        {"name": "../../etc/passwd", "region": "..", "snapshot_id": "/etc/shadow", "config": {"image": "../../x"}}
    ).encode(),
}  # fmt: skip
NAMES = (
    "..%2f..%2f..%2fetc%2fpasswd", "%00", "%ff%fe", "%2e%2e", "..;", "%252e%252e", "x%0d%0aSet-Cookie:a", "'--",
    "${jndi:ldap:x}", "{{7*7}}", "a" * 3000, "%E2%80%AE", "%F0%9F%92%80", "*", "-1", "%20", "~", "g1", "a1%00",
)  # fmt: skip
QUERIES = (
    "limit=-1", "limit=%00", "limit=9e9", "limit=" + "9" * 3000, "state=%ff", "timeout=1e9", "timeout=-5",
    "cursor=%%%", "cursor=AAAA", "updated_after=yesterday", "force=maybe", "since=-1", "region=" + "r" * 2000,
    "a=b&" * 900,
    "version=%00", "metadata.%00=1", "include_deleted[]=1", "ttl=9999999999999999999", "limit=%C2%B2", "summary=2",
)  # fmt: skip
HEADS: dict[str, bytes] = {
    "a flood": b"".join(b"X-%d: 1\r\n" % number for number in range(400)),
    "a long one": b"X-Long: " + b"a" * 60_000 + b"\r\n",
    "many cookies": b"Cookie: " + b"a=b; " * 1500 + b"\r\n",
    "folded": b"X-Folded: a\r\n b\r\n",
    "no colon": b"nonsense\r\n",
    "no name": b": value\r\n",
    "a space in the name": b"X Y: 1\r\n",
    "NUL": b"X: a\x00b\r\n",
    "no utf-8": b"X: \xff\xfe\r\n",
    "two hosts": b"Host: a\r\nHost: b\r\n",
    "two lengths": b"Content-Length: 1\r\nContent-Length: 2\r\n",
    "a negative length": b"Content-Length: -1\r\n",
    "no length": b"Content-Length: many\r\n",
    "an endless length": b"Content-Length: 99999999999999999999999\r\n",
    "length and chunks": b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
    "unknown coding": b"Transfer-Encoding: gzip, chunked\r\n",
    "an upgrade": b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
    "h2": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
    "a range": b"Range: bytes=-1,0-,9-1\r\n",
    "no gzip": b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
    "strange credentials": b"Authorization: Bearer \xff\xfe\x80\r\n",
    "long credentials": b"Authorization: Bearer " + b"f" * 7000 + b"\r\n",
    "basic": b"Authorization: Basic b3BlcmF0b3I6eA==\r\n",
    "macaroons": b"Authorization: FlyV1 fm2_a,fm2_b,\r\n",
    "a liar": b"X-Forwarded-For: 127.0.0.1\r\nFleetmend-Onlooker: 00\r\nFleetmend-Forwarded: x\r\n",
    "another type": b"Content-Type: text/html; charset=utf-7\r\n",
}
LINES = (
    b"", b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/0.9\r\n\r\n", b"get / http/1.1\r\n\r\n",
    b"GET  /  HTTP/1.1\r\n\r\n", b"GET \x00 HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"CONNECT evil:443 HTTP/1.1\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", b"GET http://evil/v1/status HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET //v1//status HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"\xff" * 5000,
    b"A" * 70_000, b"GET /\xc3\x28 HTTP/1.1\r\nHost: a\r\n\r\n", b"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n",
)  # fmt: skip
METHODS = ("PATCH", "PUT", "DELETE", "POST", "GET", "HEAD", "OPTIONS", "TRACE", "FOO")


def corpus(endpoints: list[tuple[str, str]], tokens: list[str]) -> Iterator[tuple[str, bytes]]:
    """What each is, and the bytes; ``endpoints`` are methods with path patterns, the last token may do most."""
    chance = random.Random(6)  # noqa: S311 - the same ones each time
    for line in LINES:
        yield repr(line[:40]), line
    for method, pattern in endpoints:
        yield from at_endpoint(method, pattern, tokens, chance)
    for name, head in HEADS.items():
        for method, path in (("GET", "/v1/apps/web/machines"), ("POST", "/v1/apps/web/volumes")):
            yield f"{method}: {name}", request(method, path, "" if b"Authoriz" in head else tokens[-1], b"", head)
    yield from bodies_on_the_wire(tokens[-1])


def at_endpoint(method: str, pattern: str, tokens: list[str], chance: random.Random) -> Iterator[tuple[str, bytes]]:
    path, token = filled(pattern, "x1"), chance.choice(tokens)
    yield f"{pattern}: another method", request(chance.choice(METHODS), path, token, b"{}")
    if "{" in pattern:
        trick = chance.choice(NAMES)
        yield f"{method} {pattern}: {trick[:30]}", request(method, filled(pattern, trick), tokens[-1], b"{}")
    if method == "GET":
        for query in chance.sample(QUERIES, 3):
            yield f"{path}?{query[:30]}", request(method, f"{path}?{query}", chance.choice(tokens))
    else:
        for name in chance.sample(sorted(BODIES), 4):
            yield f"{method} {path}: {name}", request(method, path, chance.choice(tokens), BODIES[name])


def bodies_on_the_wire(token: str) -> Iterator[tuple[str, bytes]]:
    """Lengths, chunks and codings that do not hold what they promise."""
    path = "/v1/apps/web/machines"
    bomb = zlib.compress(b"[" * 30_000_000)
    packed = b"Content-Encoding: deflate\r\nContent-Length: %d\r\n" % len(bomb)
    huge = b'{"config": {"env": {"A": "' + b"x" * 1_200_000 + b'"}}}'
    chunked = b"Transfer-Encoding: chunked\r\n"
    yield "too large", request("POST", path, token, huge)
    yield "a bomb", request("POST", path, token, b"", packed) + bomb
    yield "cut short", request("POST", path, token, b"", b"Content-Length: 500\r\n") + b'{"config"'
    yield "a bad chunk", request("POST", path, token, b"", chunked) + b"zz\r\n{}\r\n0\r\n\r\n"
    yield "a huge chunk", request("POST", path, token, b"", chunked) + b"ffffffffffffffff\r\n{}"
    yield "chunks cut short", request("POST", path, token, b"", chunked) + b"5\r\n{"
    yield "more than promised", request("POST", path, token, b"{}", b"") + b"GET /v1/status HTTP/1.1\r\n\r\n"


def filled(pattern: str, name: str) -> str:
    parts = pattern.split("/")
    app = ["web" if part.startswith("{app") else name if part.startswith("{") else part for part in parts]
    return "/".join(app)


def request(method: str, path: str, token: str, body: bytes = b"", head: bytes = b"") -> bytes:
    """One that ends its connection, so that whoever reads sees an end."""
    known = b"Connection: close\r\n" if b"Upgrade" not in head else b""
    if token:
        known += f"Authorization: Bearer {token}\r\n".encode()
    if body:
        known += b"Content-Length: %d\r\n" % len(body)
    end = b"" if b"\r\n\r\n" in head else b"\r\n"
    return f"{method} {path} HTTP/1.1\r\nHost: api\r\n".encode() + known + head + end + body
