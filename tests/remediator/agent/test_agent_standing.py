"""Stale words are refused, whatever came in between: invariant 6 as a property, and each kind of it as an example."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediator.agent.record import Authority
from remediator.agent.standing import Standing
from remediator.agent.state import Store
from remediator.model.errors import PermanentError
from remediator.model.request import Origin
from remediator.wire.messages import Command, Welcome

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
OWN = ("h1", "data-1")
ranks = st.tuples(st.sampled_from(["2026-01-01", "2026-02-01"]), st.integers(1, 4), st.integers(0, 4))
epochs = st.integers(1, 3)
words = st.one_of(
    st.tuples(st.just("welcome"), ranks, epochs),
    st.tuples(st.just("command"), ranks, epochs),
    st.tuples(st.just("restart"), ranks, epochs),
)
COMMAND = Command("k", "stop", 1, 1, 1, Origin.OWNER, {"machine_id": "m1"}, "h1", "data-1")


class Unwritten(Store):
    """Keeps what is written in memory: a restart reads it again, and no disk is waited for."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    async def write(self, *changes):  # type: ignore[no-untyped-def]
        self.kept |= {str(change.values[0]): change.values[1] for change in changes}

    def fact(self, name, kind, default):  # type: ignore[no-untyped-def]
        import msgspec

        return msgspec.json.decode(self.kept[name], type=kind) if name in self.kept else default


@settings(max_examples=150, deadline=None)
@given(st.lists(words, max_size=12))
def test_no_lower_word_is_ever_obeyed(said: list[tuple[str, tuple[str, int, int], int]]) -> None:
    """Against a model that only knows the highest rank obeyed so far, and the epoch that its welcome gave."""

    async def play() -> None:
        store = Unwritten()
        standing = Standing.load(store)
        highest, epoch = Authority(), 0
        for kind, (incarnation, term, sequence), meant in said:
            rank = Authority(incarnation, term, sequence)
            if kind == "restart":
                standing = Standing.load(store)
            elif kind == "welcome":
                welcome = Welcome(meant, incarnation, term)
                lower = (incarnation, term) < (highest.incarnation, highest.term)
                assert standing.outranks(welcome) == lower
                if not lower:
                    standing.obey(welcome)
                    await standing.keep()
                    highest, epoch = max(highest, Authority(incarnation, term)), meant
            else:
                command = replace(COMMAND, term=term, sequence=sequence, epoch=meant)
                obeyed = True
                try:
                    await standing.heard(standing.check(command, incarnation, OWN))
                except PermanentError:
                    obeyed = False
                assert obeyed == (rank >= highest and meant == epoch)
                highest = max(highest, rank) if obeyed else highest
            assert (standing.highest, standing.epoch) == (highest, epoch)

    asyncio.run(play())


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"term": 1}, "term 1.5"),
        ({"sequence": 4}, "term 2.4"),
        ({"epoch": 6}, "for epoch 6"),
        ({"epoch": 8}, "for epoch 8"),
        ({"host": "h10"}, "meant for h10"),
        ({"identity": "data-9"}, "meant for data-9"),
    ],
)
async def test_each_kind_of_staleness_is_refused_and_counted(change: dict[str, object], text: str) -> None:
    standing = Standing(Unwritten(), Authority("2026-01-01", 2, 5), epoch=7)
    command = replace(COMMAND, term=2, sequence=5, epoch=7)
    assert standing.check(command, "2026-01-01", OWN) == Authority("2026-01-01", 2, 5)
    with pytest.raises(PermanentError, match=f"stale: .*{text}"):
        standing.check(replace(command, **change), "2026-01-01", OWN)  # type: ignore[arg-type]
    with pytest.raises(PermanentError, match="stale:"):
        standing.check(command, "2025-12-31", OWN)
    assert standing.refused == 2
    assert standing.check(replace(command, host="", identity=""), "2026-01-01", OWN).term == 2


def test_of_two_that_began_one_term_from_copies_of_a_journal_the_first_is_obeyed() -> None:
    standing = Standing(Unwritten())
    ours, copy = Welcome(7, "2026-01-01", 2, began="noon"), Welcome(7, "2026-01-01", 2, began="a second later")
    standing.obey(ours)
    assert standing.outranks(copy)
    assert not standing.outranks(ours)
    command = replace(COMMAND, term=2, sequence=9, epoch=7)
    with pytest.raises(PermanentError, match=r"stale: term 2\.9"):
        standing.check(command, "2026-01-01", OWN, "a second later")
    assert standing.check(command, "2026-01-01", OWN, "noon").sequence == 9
    assert standing.refused == 2
    # The next start of either is another term: that one is obeyed.
    assert not standing.outranks(replace(copy, term=3))


async def test_a_term_is_never_kept_beside_the_beginning_of_another() -> None:
    store = Unwritten()
    standing = Standing(store)
    standing.obey(Welcome(3, "2026-01-01", 2, began="noon", mark="signed"))
    # A command comes behind the welcome, and the agent dies before it has written the welcome down.
    await standing.heard(Authority("2026-01-01", 2, 9))
    again = Standing.load(store)
    assert (again.rank, again.mark) == (("2026-01-01", 2, "noon"), "signed")


async def test_what_was_heard_outlives_the_agent(tmp_path: Path) -> None:
    store = Store(tmp_path)
    standing = Standing.load(store)
    standing.obey(Welcome(3, "2026-01-01", 2, ("m1",), began="noon"))
    standing.spared["m1"] = NOON
    await standing.heard(Authority("2026-01-01", 2, 9))
    await standing.absent(set())
    store.close()
    store = Store(tmp_path)
    again = Standing.load(store)
    store.close()
    assert (again.told(), again.began, again.epoch) == (["2026-01-01", 2, 9], "noon", 3)
    assert (again.condemned, again.spared) == (frozenset({"m1"}), {"m1": NOON})


async def test_a_freeze_holds_what_no_person_asked_for() -> None:
    standing = Standing(Unwritten())
    standing.obey(Welcome(1, "a", 1, ("m1", "m2"), automatic=("m2",), signature="checked"))
    assert standing.due(NOON) == {"m1", "m2"}
    assert standing.due(NOON, frozen=True) == {"m1"}
    # An owner asks for it too; and of a word that nobody signed nobody knows who asked.
    standing.obey(Welcome(1, "a", 1, ("m2",), signature="checked"))
    assert standing.due(NOON, frozen=True) == {"m1", "m2"}
    standing.obey(Welcome(1, "a", 1, ("m1",)))
    await standing.keep()
    assert Standing.load(standing.store).due(NOON, frozen=True) == {"m2"}


async def test_what_a_person_holds_is_not_due_until_a_welcome_holds_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    standing = Standing.load(store)
    named = Welcome(1, "a", 1, ("m1", "m2"), automatic=("m2",), signature="checked", frozen="ada holds host h1")
    standing.obey(named)
    await standing.keep()
    again = Standing.load(store)
    store.close()
    assert again.due(NOON) == {"m1"}
    again.obey(replace(named, frozen=""))
    assert again.due(NOON) == {"m1", "m2"}


async def test_who_is_let_off_may_run_again() -> None:
    """By its name, or by a welcome that holds nothing and does not name it; nobody else is forgotten."""
    standing = Standing(Unwritten())
    held = Welcome(1, "a", 1, ("m1", "m2", "m3"), automatic=("m2", "m3"), signature="checked", frozen="a drill")
    standing.obey(held)
    for machine in ("m1", "m2"):
        await standing.let_off(machine)
    assert (sorted(standing.condemned), sorted(standing.automatic), sorted(standing.held)) == (
        ["m1", "m3"],
        ["m3"],
        ["m3"],
    )
    standing.obey(Welcome(1, "a", 1, signature="checked", frozen="a drill"))
    assert standing.condemned == {"m1", "m3"}
    standing.obey(Welcome(1, "a", 1, signature="checked"))
    assert (sorted(standing.condemned), sorted(standing.held)) == (["m1"], [])


async def test_the_spared_are_due_when_patience_is_over() -> None:
    standing = Standing(Unwritten(), condemned=frozenset({"m1", "m2"}), spared={"m1": NOON})
    assert standing.due(NOON - timedelta(seconds=1)) == {"m2"}
    assert standing.due(NOON) == {"m1", "m2"}
    await standing.absent({"m1"})
    assert standing.spared == {}
