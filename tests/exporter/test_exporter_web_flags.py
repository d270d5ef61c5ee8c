"""The web side's flags: addresses as node_exporter reads them, paths, and what cannot work."""

import argparse
import socket
from pathlib import Path

import pytest

from exporter.errors import BadStart
from exporter.web.flags import WebSettings, add_flags, build_web
from exporter.web.listen import Address, address_of, list_urls, open_listeners


def build(*arguments: str) -> WebSettings:
    parser = argparse.ArgumentParser()
    add_flags(parser.add_argument_group("web"))
    return build_web(parser.parse_args(arguments), 9100)


def test_defaults() -> None:
    assert build() == WebSettings((Address("127.0.0.1", 9100),), "/metrics", 40, None)


@pytest.mark.parametrize(
    ("arguments", "listen"),
    [
        (["--listen", ":9200"], [("127.0.0.1", 9200)]),
        (["--listen", "[::1]:9200", "--listen", "10.0.0.1:1"], [("::1", 9200), ("10.0.0.1", 1)]),
        # Without an address it is node_exporter's: every one.
        (["--web.listen-address", ":9200"], [("", 9200)]),
        (["--web.listen-address=a:1", "--web.listen-address=b:2", "--listen=c:3"], [("c", 3), ("a", 1), ("b", 2)]),
    ],
)
def test_addresses(arguments: list[str], listen: list[tuple[str, int]]) -> None:
    assert build(*arguments).listen == tuple(Address(*pair) for pair in listen)


def test_the_rest() -> None:
    settings = build("--web.telemetry-path=/a/b", "--web.max-requests=0", "--web.config.file=web.yml")
    assert (settings.path, settings.max_requests, settings.config_file) == ("/a/b", 0, Path("web.yml"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--listen", "9100"], "--listen: '9100' is not HOST:PORT"),
        (["--web.listen-address", ":99999"], "--web.listen-address: ':99999' is not HOST:PORT"),
        (["--web.listen-address", ":٣"], "is not HOST:PORT"),
        (["--web.telemetry-path", "metrics"], "--web.telemetry-path: 'metrics' is not a path of its own"),
        (["--web.telemetry-path", "/healthz"], "--web.telemetry-path: '/healthz' is not a path of its own"),
        (["--web.telemetry-path", "/a?b"], "is not a path of its own"),
        (["--web.max-requests", "-1"], "--web.max-requests: 0 or more are needed"),
    ],
)
def test_what_cannot_work(arguments: list[str], words: str) -> None:
    with pytest.raises(BadStart) as raised:
        build(*arguments)
    assert words in str(raised.value)


def test_every_address_is_both_families() -> None:
    with open_listeners([Address("", 0)]) as listeners:
        port = address_of(listeners[0]).port
        for host in ["127.0.0.1", *(["::1"] if socket.has_dualstack_ipv6() else [])]:
            socket.create_connection((host, port), timeout=2).close()


def test_urls() -> None:
    with open_listeners([Address("127.0.0.1", 0), Address("::1", 0)]) as listeners:
        first, second = (listener.getsockname()[1] for listener in listeners)
        assert list_urls(listeners, "/m", tls=True) == f"https://127.0.0.1:{first}/m https://[::1]:{second}/m"


@pytest.mark.parametrize("host", ["192.0.2.1", "nowhere.invalid"])
def test_an_address_that_is_not_ours(host: str) -> None:
    with pytest.raises(BadStart, match=f"cannot listen on {host}:1: "), open_listeners([Address(host, 1)]):
        pass
