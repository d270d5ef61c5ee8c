"""An orchestrator's fence over real HTTP: what it may answer, what of that is proof, and how it is let go."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from remediator.clock import FakeClock
from remediator.drivers.fencing import LIFT, FenceDriver
from remediator.drivers.orchestrator import Meant, Orchestrator, Proof, Statement, unproved
from remediator.drivers.protocol import NoFencing
from remediator.model.errors import PermanentError, TransientError
from remediator.model.request import Operation
from remediator.settings import Endpoint
from tests.exporter.probe_lab import certify, server_context
from tests.remediator.builders import NOON, SECOND, operation
from tests.remediator.drivers.cutting import TOKEN, Cutter, serving
from tests.store_lab import free_port

MEANT = Meant("h1", 3, "u1", "boot-1", NOON - timedelta(minutes=2))
ARGS = {"host": "h1", "epoch": 3, "uuid": "u1", "boot_id": "boot-1", "last_contact": MEANT.last_contact.isoformat()}
FENCE = operation("fence:1", "fence_host", "", args=ARGS)
PROOF = Proof(NOON - SECOND, "switch port 7", "u1", 3, "boot-1")
WITHIN = timedelta(seconds=60)


@dataclass
class Site:
    """The driver that speaks to an orchestrator; tests turn ``why``."""

    cutter: Cutter
    http: aiohttp.ClientSession
    token: Path
    clock: FakeClock
    why: str = ""

    def driver(self, place: Endpoint | None = None, seconds: float = 3.0) -> FenceDriver:
        there = place or Endpoint(self.cutter.url, self.token)
        orchestrator = Orchestrator(self.http, there, seconds)
        return FenceDriver(orchestrator, self.clock, self.object_to, WITHIN)

    def object_to(self, _operation: Operation) -> str:
        assert self.cutter.asked, "who the host is was not read before"
        return self.why


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    token, clock = tmp_path / "token", FakeClock(NOON)
    token.write_text(f"{TOKEN}\n")
    async with aiohttp.ClientSession() as http, serving(Cutter(clock.now, {"h1": "u1"})) as cutter:
        yield Site(cutter, http, token, clock)


async def test_it_is_asked_with_key_and_identity_and_counts_once_it_is_seen(site: Site) -> None:
    site.cutter.looks = 2
    told = await site.driver().perform(FENCE)
    assert told == {"found": False, "by": "switch port 7", "at": NOON.isoformat()}
    (posted,) = [body for method, *_, body in site.cutter.asked if method == "POST"]
    assert site.cutter.posted == ["fence:1"]
    assert posted == {
        "host": "h1", "epoch": 3, "chassis": "u1", "boot_id": "boot-1",
        "last_contact": MEANT.last_contact.isoformat(), "not_after": (NOON + WITHIN).isoformat(),
    }  # fmt: skip


async def test_what_was_accepted_is_no_proof_and_the_next_try_finds_it(site: Site) -> None:
    site.cutter.looks = 30
    with pytest.raises(TransientError, match="it is not fenced yet"):
        await site.driver().perform(FENCE)
    site.cutter.waiting.clear()
    assert (await site.driver().perform(FENCE))["found"]
    assert site.cutter.done == ["fence:1"]


async def test_another_chassis_is_not_cut_off(site: Site) -> None:
    for told in ("u2", ""):
        site.cutter.chassis["h1"] = told
        with pytest.raises(PermanentError, match="names another identity for h1"):
            await site.driver().perform(FENCE)
    assert site.cutter.posted == []


@pytest.mark.parametrize(("wrong", "raised", "said"), [
    ({"chassis": "u2"}, PermanentError, "names another identity"),
    ({"epoch": 2}, TransientError, "another life of the host"),
    ({"boot_id": "boot-0"}, TransientError, "another boot"),
    ({"at": MEANT.last_contact.isoformat()}, TransientError, "not newer than the host's last contact"),
    ({"at": "2027-01-01T00:00:00Z"}, TransientError, "clocks is wrong"),
])  # fmt: skip
async def test_a_fence_counts_for_the_identity_that_it_names(
    site: Site, wrong: dict[str, Any], raised: type[Exception], said: str
) -> None:
    site.cutter.wrong = wrong
    with pytest.raises(raised, match=said):
        await site.driver().perform(FENCE)


def test_what_a_statement_proves() -> None:
    assert unproved(Statement("fenced", "u1", PROOF), MEANT, NOON) == ""
    assert unproved(Statement("fenced", "u1"), MEANT, NOON) == "it says fenced, and gives no proof"
    # A boot that it cannot read is no statement; a chassis that it cannot read is nobody's.
    silent = Proof(NOON, "pdu", "u1", 3)
    assert unproved(Statement("fenced", "u1", silent), MEANT, NOON) == ""
    # A statement that is of another state proves nothing, whatever it holds.
    assert unproved(Statement("pending", "u1", PROOF), MEANT, NOON) == "it is not fenced yet"
    assert unproved(Statement("none", "u1", PROOF), MEANT, NOON) == "it is not fenced"


def test_what_another_wrote_is_cut_to_one_line() -> None:
    assert Proof(NOON, "port 7\n\x1b[31m" + "x" * 200, "u1", 3).words == "port 7[31m" + "x" * 70


async def test_an_objection_is_asked_before_the_request(site: Site) -> None:
    site.why = "the host has returned since this was decided"
    with pytest.raises(PermanentError, match="has returned"):
        await site.driver().perform(FENCE)
    assert (site.cutter.posted, len(site.cutter.asked)) == ([], 1)


@pytest.mark.parametrize(("status", "raised"), [
    *((status, PermanentError) for status in (301, 400, 401, 403, 404, 405, 409, 422)),
    *((status, TransientError) for status in (408, 425, 429, 500, 502, 503)),
])  # fmt: skip
async def test_a_refusal_is_told_from_trouble(site: Site, status: int, raised: type[Exception]) -> None:
    site.cutter.status, site.cutter.text = status, "secret of theirs"
    with pytest.raises(raised, match=f"answers {status}") as said:
        await site.driver().perform(FENCE)
    assert "secret" not in str(said.value)


@pytest.mark.parametrize("text", [
    "no JSON", "[]", "{}", '{"state": "gone"}', '{"state": "fenced", "chassis": 7}', "\x00",
    b'{"state": "none", "chassis": "\xff"}', '{"more": ' + 100_000 * "[",
    # A moment without its zone; none at all.
    '{"state": "fenced", "proof": {"at": "2026-08-01T12:00:00", "by": "", "chassis": "u1", "epoch": 3}}',
    '{"state": "fenced", "proof": {"by": "x", "chassis": "u1", "epoch": 3}}',
])  # fmt: skip
async def test_garbage_proves_nothing(site: Site, text: str | bytes) -> None:
    site.cutter.text = text
    with pytest.raises(TransientError, match=r"^the orchestrator's answer cannot be read$"):
        await site.driver().perform(FENCE)
    assert site.cutter.posted == []


async def test_no_answer_is_tried_again(site: Site) -> None:
    site.cutter.hangs = True
    with pytest.raises(TransientError, match="does not answer: TimeoutError"):
        await site.driver(seconds=0.05).perform(FENCE)
    nobody = Endpoint(f"http://127.0.0.1:{free_port()}", site.token)
    with pytest.raises(TransientError, match="does not answer: ClientConnectorError"):
        await site.driver(nobody).perform(FENCE)


async def test_a_token_is_read_each_time_and_never_told(site: Site) -> None:
    site.token.write_text("stale")
    with pytest.raises(PermanentError, match=r"refuses: it answers 401$"):
        await site.driver().perform(FENCE)
    site.token.unlink()
    with pytest.raises(PermanentError, match=r"the secret in .* cannot be read"):
        await site.driver().perform(FENCE)
    site.token.write_text("two\nlines")
    with pytest.raises(PermanentError, match=r"token is no token$"):
        await site.driver().perform(FENCE)
    site.token.write_text(TOKEN)
    assert not (await site.driver().perform(FENCE))["found"]


async def test_a_redirect_is_not_followed_with_the_token(site: Site) -> None:
    async def away(request: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect(f"{site.cutter.url}{request.path}")

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", away)
    async with TestServer(app) as server:
        place = Endpoint(str(server.make_url("")).rstrip("/"), site.token)
        with pytest.raises(PermanentError, match="answers 307"):
            await site.driver(place).perform(FENCE)
    assert site.cutter.asked == []


async def test_a_certificate_that_nobody_trusts_ends_the_conversation(site: Site, tmp_path: Path) -> None:
    certificate = certify(tmp_path, "own")
    async with serving(Cutter(site.clock.now, {"h1": "u1"}), ssl_context=server_context(certificate)) as cutter:
        place = Endpoint(cutter.url, site.token)
        with pytest.raises(TransientError, match="does not answer: ClientConnectorCertificateError"):
            await site.driver(place).perform(FENCE)
        assert cutter.asked == []
        site.cutter = cutter
        assert not (await site.driver(replace(place, ca_file=certificate)).perform(FENCE))["found"]
    with pytest.raises(PermanentError, match="is no certificate to trust"):
        await site.driver(replace(place, ca_file=site.token)).perform(FENCE)


LIFTED = operation("unfence:h1:4", LIFT, "", args={"host": "h1", "epoch": 4})


async def test_it_is_let_go_once_it_is_seen_to_be(site: Site) -> None:
    await site.driver().perform(FENCE)
    assert await site.driver().perform(LIFTED) == {}
    assert (site.cutter.fences, site.cutter.posted) == ({}, ["fence:1", "unfence:h1:4"])


async def test_what_is_not_let_go_is_asked_again(site: Site) -> None:
    await site.driver().perform(FENCE)
    with pytest.raises(TransientError, match="of h1 it is fenced"):
        await site.driver().perform(replace(LIFTED, args={"host": "h1", "epoch": 3}))
    site.cutter.status = 403
    with pytest.raises(TransientError, match="answers 403"):
        await site.driver().perform(LIFTED)


async def test_where_no_orchestrator_is_set_none_can_fence_nor_holds_a_fence() -> None:
    with pytest.raises(PermanentError, match="no orchestrator is set"):
        await NoFencing().perform(FENCE)
    assert await NoFencing().perform(LIFTED) == {}
