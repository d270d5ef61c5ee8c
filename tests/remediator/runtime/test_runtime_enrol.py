"""Enrolment: a token allows one name to join, once, for a quarter of an hour."""

import hashlib
from dataclasses import replace

import pytest

from remediator.engine.machines.refusals import Refused
from remediator.model.asks import JoinAsk
from remediator.model.enrolment import Enrolment, JoinToken
from remediator.model.errors import PermanentError
from remediator.model.host import Host, Life
from remediator.runtime.agents.enrol import TOKEN_LIFE, Enrolments, Identity
from remediator.runtime.effects.prepare import Preparation
from tests.remediator.builders import NOON, SECOND, dead, host, machine, operation, sealed
from tests.remediator.runtime.lab import Lab

OURS = Identity({"box_key": "b", "verify_key": "v"}, "0123456789abcdef", b"secret")
CEILINGS = {"patience": 120.0, "signature": "s"}


def asking(token: str, name: str = "h1", kind: str = "agent", keys: str = "") -> JoinAsk:
    return JoinAsk(token, kind, name, "arn", "r1", f"verify{keys}", f"box{keys}")


@pytest.fixture
def enrolments(lab: Lab) -> Enrolments:
    return Enrolments(lab.ledger, OURS, lab.clock, lambda: CEILINGS)


async def test_an_agent_joins_and_gets_our_keys(lab: Lab, enrolments: Enrolments) -> None:
    token = await enrolments.mint("h1")
    assert token.endswith(".0123456789abcdef")
    assert await enrolments.join(asking(token)) == {**OURS.public, "ceilings": CEILINGS}
    assert lab.ledger.get(Enrolment, "agent/h1") == Enrolment("h1", "agent", "arn", "r1", NOON, "verify", "box")
    assert (await lab.told("joined"))[0]["kind"] == "agent"


async def test_a_token_works_once(enrolments: Enrolments) -> None:
    token = await enrolments.mint("h1")
    await enrolments.join(asking(token))
    with pytest.raises(Refused, match="used") as refused:
        await enrolments.join(asking(token, keys="-2"))
    assert refused.value.terms.status == 403


async def test_who_asks_once_more_is_answered_once_more_and_joins_once(lab: Lab, enrolments: Enrolments) -> None:
    token = await enrolments.mint("h1")
    first = await enrolments.join(asking(token))
    sequence = lab.ledger.sequence
    lab.wait(60)
    assert await enrolments.join(asking(token)) == first
    assert lab.ledger.sequence == sequence
    for other in (asking(token, keys="-2"), replace(asking(token), rack="r2"), asking(token, "h2")):
        with pytest.raises(Refused, match="used"):
            await enrolments.join(other)
    lab.wait(TOKEN_LIFE.total_seconds())
    with pytest.raises(Refused, match="too old"):
        await enrolments.join(asking(token))


async def test_a_spent_token_is_no_use_to_keys_that_were_replaced(lab: Lab, enrolments: Enrolments) -> None:
    first = await enrolments.mint("h1")
    await enrolments.join(asking(first))
    await lab.put(host("h1", life=Life.RETIRED))
    await enrolments.join(asking(await enrolments.mint("h1"), keys="-2"))
    with pytest.raises(Refused, match="used"):
        await enrolments.join(asking(first))


async def test_a_vantage_that_made_its_own_token_may_ask_again(lab: Lab, enrolments: Enrolments) -> None:
    join_token = await enrolments.mint("p-r1")
    ask = replace(asking(join_token, "p-r1", "vantage"), token_digest=hashlib.sha256(b"own").hexdigest())
    assert await enrolments.join(ask) == await enrolments.join(ask) == {"token": ""}
    assert enrolments.vantage_for("own") == "p-r1"
    with pytest.raises(Refused, match="used"):
        await enrolments.join(replace(ask, token_digest=hashlib.sha256(b"another's").hexdigest()))
    # One of before, which is told a token once, cannot.
    other = await enrolments.mint("p-r2")
    await enrolments.join(asking(other, "p-r2", "vantage"))
    with pytest.raises(Refused, match="used"):
        await enrolments.join(asking(other, "p-r2", "vantage"))


async def test_spent_tokens_are_forgotten_when_others_are_made(lab: Lab, enrolments: Enrolments) -> None:
    await enrolments.join(asking(await enrolments.mint("h1")))
    lab.wait(TOKEN_LIFE.total_seconds() + 1)
    await enrolments.mint("h2")
    assert [token.name for token in lab.ledger.all(JoinToken).values()] == ["h2"]


@pytest.mark.parametrize("name", ["h10", "h", ""])
async def test_a_token_is_bound_to_its_name(lab: Lab, enrolments: Enrolments, name: str) -> None:
    token = await enrolments.mint("h1")
    with pytest.raises(Refused):
        await enrolments.join(asking(token, name))
    assert dict(lab.ledger.all(Enrolment)) == {}
    await enrolments.join(asking(token))


async def test_a_token_grows_old(lab: Lab, enrolments: Enrolments) -> None:
    token = await enrolments.mint("h1")
    lab.clock.set(NOON + TOKEN_LIFE + SECOND)
    with pytest.raises(Refused, match="too old"):
        await enrolments.join(asking(token))


@pytest.mark.parametrize("token", ["", ".", "made-up", "made-up.0123456789abcdef"])
async def test_made_up_tokens_are_refused(enrolments: Enrolments, token: str) -> None:
    with pytest.raises(Refused):
        await enrolments.join(asking(token))


async def test_a_vantage_gets_a_token_of_its_own_of_which_we_keep_the_hash(lab: Lab, enrolments: Enrolments) -> None:
    answer = await enrolments.join(asking(await enrolments.mint("p-r1"), "p-r1", "vantage"))
    token = answer["token"]
    assert enrolments.vantage_for(token) == "p-r1"
    assert [enrolments.vantage_for(wrong) for wrong in ("", token[:-1], token + "x")] == ["", "", ""]
    written = b"".join(body for _, body in lab.journal._rows.values())  # type: ignore[attr-defined]
    assert token.encode() not in written


async def test_an_agent_is_no_vantage(enrolments: Enrolments) -> None:
    await enrolments.join(asking(await enrolments.mint("h1")))
    assert enrolments.vantage_for("") == ""


async def test_with_a_seed_the_same_token_is_made_again_and_differs_by_name(enrolments: Enrolments) -> None:
    first = await enrolments.mint("h8", "burst:arn:0")
    assert await enrolments.mint("h8", "burst:arn:0") == first
    assert await enrolments.mint("h9", "burst:arn:0") != first
    assert await enrolments.mint("h8", "burst:arn:1") != first
    assert await enrolments.mint("h8") != await enrolments.mint("h8")


class Opener:
    """Says what it was asked to unseal."""

    async def unseal(self, envelope: object, verify_key: str, target_key: str, operation: str) -> tuple[str, str]:
        return f"box for {target_key} signed by {verify_key} for {operation}", "digest"


async def test_what_an_operation_needs_is_added_when_it_is_sent(lab: Lab, enrolments: Enrolments) -> None:
    for name in ("h1", "h2"):
        await lab.put(Enrolment(name, "agent", "arn", "r1", NOON, f"verify-{name}", f"box-{name}"))
    await lab.put(machine("m1", sealed=sealed("m1", "I", "h1")))
    prepare = Preparation(lab.ledger, Opener(), enrolments, lab.clock)
    create = operation("k1", "create", on="h2", args={"source": "m1"})
    made = await prepare(create)
    assert made.args["sealed_config"] == "box for box-h2 signed by verify-h1 for k1"
    assert create.args == {"source": "m1"}
    export = await prepare(operation("k2", "export", args={"target": "h2"}))
    assert export.args["target_key"] == "box-h2"
    burst = operation("burst:arn:0", "provision", on="", args={"names": ["h8", "h9"]})
    first, again = await prepare(burst), await prepare(burst)
    assert first == again
    assert [each["name"] for each in first.args["hosts"]] == ["h8", "h9"]
    assert await prepare(operation("k3")) == operation("k3")


async def test_without_a_sealed_copy_or_a_key_it_never_will_be_sent(lab: Lab, enrolments: Enrolments) -> None:
    prepare = Preparation(lab.ledger, Opener(), enrolments, lab.clock)
    create = operation("k1", "create", on="h2", args={"source": "m1"})
    with pytest.raises(PermanentError, match="no sealed copy"):
        await prepare(create)
    await lab.put(machine("m1", sealed=sealed("m1", "I", "h1")))
    with pytest.raises(PermanentError, match="h1 is not enrolled"):
        await prepare(replace(create, key="k2"))


@pytest.mark.parametrize("known", [host("h1"), dead("h1"), host("h1", life=Life.SUSPECT)])
@pytest.mark.parametrize("offered", [("verify-2", "box"), ("verify", "box-2")])
async def test_the_keys_of_an_enrolled_host_are_not_replaced(
    lab: Lab, enrolments: Enrolments, known: Host, offered: tuple[str, str]
) -> None:
    await enrolments.join(asking(await enrolments.mint("h1")))
    await lab.put(known)
    token = await enrolments.mint("h1")
    before = lab.ledger.get(Enrolment, "agent/h1")
    other = replace(asking(token), verify_key=offered[0], box_key=offered[1])
    with pytest.raises(Refused, match="h1 has joined with other keys") as refused:
        await enrolments.join(other)
    assert refused.value.terms.status == 403
    assert lab.ledger.get(Enrolment, "agent/h1") == before
    assert await enrolments.join(asking(token)) == {**OURS.public, "ceilings": CEILINGS}


@pytest.mark.parametrize("known", [host("h1", joined=False), host("h1", life=Life.RETIRED)])
async def test_who_never_came_or_is_retired_may_join_with_new_keys(
    lab: Lab, enrolments: Enrolments, known: Host
) -> None:
    await enrolments.join(asking(await enrolments.mint("h1")))
    await lab.put(known)
    await enrolments.join(asking(await enrolments.mint("h1"), keys="-2"))
    joined = lab.ledger.get(Enrolment, "agent/h1")
    assert joined is not None
    assert (joined.verify_key, joined.box_key) == ("verify-2", "box-2")


@pytest.mark.parametrize(("kind", "other"), [("agent", "vantage"), ("vantage", "agent")])
async def test_a_token_of_one_kind_does_not_serve_the_other(enrolments: Enrolments, kind: str, other: str) -> None:
    token = await enrolments.mint("h1", kind=kind)
    with pytest.raises(Refused, match="another name or kind") as refused:
        await enrolments.join(asking(token, kind=other))
    assert refused.value.terms.status == 403
    await enrolments.join(asking(token, kind=kind))


async def test_a_token_of_a_seed_is_an_agents_and_stays_spent(lab: Lab, enrolments: Enrolments) -> None:
    token = await enrolments.mint("h8", "burst:arn:0")
    with pytest.raises(Refused):
        await enrolments.join(asking(token, "h8", "vantage"))
    await enrolments.join(asking(token, "h8"))
    assert await enrolments.mint("h8", "burst:arn:0") == token
    with pytest.raises(Refused, match="used"):
        await enrolments.join(asking(token, "h8", keys="-2"))
