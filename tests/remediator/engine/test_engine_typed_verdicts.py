"""What is wrong with hosts that answer: each kind of absence is told apart, with its age and its reason."""

from datetime import timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from remediator.engine.evidence.claims import CLAIMED_BY_PLAYBOOK, claims_of
from remediator.engine.evidence.lives import LifeTimes, next_host
from remediator.engine.evidence.suspect_time import WINDOW, share_of
from remediator.engine.evidence.verdicts import EvidenceTimes, judge
from remediator.model.evidence import ANSWERING, Claim, Outcome, Sighting, Verdict, VerdictKind
from remediator.model.host import Fence, HostStatus, Life
from tests.remediator.builders import NOON, SECOND, alert, host, sighting, verdict, vote

TIMES = EvidenceTimes()
V = VerdictKind
WELL = (vote("p1", Outcome.OK), vote("p2", Outcome.OK), vote("p3", Outcome.OK))
CLAIMED = [V.WEDGED, V.LABEL_DRIFT, V.STORE_GAP, V.UNSCRAPED]


def claim(kind: VerdictKind, by: str = "store") -> Claim:
    return Claim(kind, by, NOON, f"told {kind}")


def judged(seen: Sighting, previous: Verdict | None = None, after: float = 0) -> Verdict:
    return judge(seen, "r1", previous, TIMES, NOON + after * SECOND)


@pytest.mark.parametrize("kind", CLAIMED)
def test_what_is_claimed_of_a_host_that_answers_is_its_verdict(kind: VerdictKind) -> None:
    found = judged(sighting("h1", *WELL, heart=1, claims=(claim(kind),)))
    assert (found.kind, found.reason) == (kind, f"answers, but told {kind}")
    assert judged(sighting("h1", heart=1, claims=(claim(kind),))).kind is kind


def test_the_worst_claim_is_told() -> None:
    every = tuple(claim(kind) for kind in reversed(CLAIMED))
    assert judged(sighting("h1", *WELL, heart=1, claims=every)).kind is V.WEDGED
    assert judged(sighting("h1", *WELL, heart=1, claims=every[:-1])).kind is V.LABEL_DRIFT
    assert judged(sighting("h1", *WELL, heart=1, claims=every[:-2])).kind is V.STORE_GAP


@pytest.mark.parametrize("kind", CLAIMED)
def test_no_claim_outweighs_what_vantages_see(kind: VerdictKind) -> None:
    """The store has nothing of a host whether it is dead or not: absence of data is never death, nor life."""
    claims = (claim(kind),)
    dead = [vote(name, Outcome.SILENT) for name in ("p1", "p2", "p3")]
    assert judged(sighting("h1", *dead, claims=claims)).kind is V.DEAD
    refused = [vote(name, Outcome.REFUSED) for name in ("p1", "p2", "p3")]
    assert judged(sighting("h1", *refused, claims=claims)).kind is V.AGENT_GONE
    assert judged(sighting("h1", heart=None, claims=claims)).kind is V.NO_EVIDENCE
    assert judged(sighting("h1", dead[0], dead[1], WELL[2], claims=claims)).kind is V.PARTITIONED


def story(*spans: tuple[float, bool]) -> list[Verdict]:
    """Judged each second: spans of seconds in which one of three vantages hears nothing, or all hear it."""
    found: list[Verdict] = []
    now, previous = NOON, None
    for seconds, suspect in spans:
        for _ in range(int(seconds)):
            now += SECOND
            first = Outcome.SILENT if suspect else Outcome.OK
            others = (None, None) if suspect else (Outcome.OK, Outcome.OK)
            votes = [vote(f"p{n}", outcome, ago=-(now - NOON) / SECOND) for n, outcome in enumerate((first, *others))]
            previous = judge(sighting("h1", *votes, heart=-(now - NOON) / SECOND), "r1", previous, TIMES, now)
            found.append(previous)
    return found


def test_suspect_for_a_fifth_of_ten_minutes_is_flapping() -> None:
    found = story(*[(10, False), (6, True)] * 20, (1, False))
    assert {each.kind for each in found[:-1]} == {V.ALIVE, V.SUSPECT}
    assert found[-1].kind is V.FLAPPING
    assert 0.19 < found[-1].suspect_share < 0.22
    assert found[-1].reason.startswith("suspect for 2")
    # While it is suspect again, that is what it is.
    assert story(*[(10, False), (6, True)] * 21)[-1].kind is V.SUSPECT


def test_it_is_not_flapping_below_that_nor_for_ever() -> None:
    assert story(*[(10, False), (5, True)] * 20, (1, False))[-1].kind is V.ALIVE
    over = story(*[(4, False), (6, True)] * 20, (610, False))
    assert over[-1].kind is V.ALIVE
    assert over[-1].suspected == ()
    assert V.FLAPPING in {each.kind for each in over}


def test_one_long_loss_is_no_flapping() -> None:
    """Dead for minutes and back: only what was doubtful counts, not what was plain."""
    votes = [vote(name, Outcome.SILENT, silent_for=60) for name in ("p1", "p2", "p3")]
    gone = judged(sighting("h1", *votes))
    back = judged(
        sighting("h1", *(vote(f"p{n}", Outcome.OK, ago=-300) for n in range(3)), heart=-300), gone, after=300
    )
    assert (gone.kind, back.kind, back.suspect_share) == (V.DEAD, V.ALIVE, 0.0)


@settings(max_examples=40)
@given(st.lists(st.booleans(), min_size=1, max_size=80))
def test_the_share_is_that_of_the_seconds_it_was_suspect(doubts: list[bool]) -> None:
    found = story(*((1, doubt) for doubt in doubts))
    last = found[-1]
    lasted = sum(1 for each in found[:-1] if each.kind is V.SUSPECT)
    # Spans less than a second apart are one.
    assert abs(last.suspect_share * (WINDOW / SECOND) - lasted) <= 1
    assert all(start <= end for start, end in last.suspected)
    assert share_of(last.suspected, NOON + timedelta(hours=1)) == 0


def test_flapping_yields_to_wedged_only() -> None:
    flapping = verdict(kind=V.SUSPECT, suspected=((NOON - 200 * SECOND, NOON - 2 * SECOND),))
    assert judged(sighting("h1", *WELL, heart=1), flapping).kind is V.FLAPPING
    assert judged(sighting("h1", *WELL, heart=1, claims=(claim(V.UNSCRAPED),)), flapping).kind is V.FLAPPING
    assert judged(sighting("h1", *WELL, heart=1, claims=(claim(V.WEDGED),)), flapping).kind is V.WEDGED


@pytest.mark.parametrize("kind", sorted(ANSWERING))
def test_none_of_them_touches_life_or_status(kind: VerdictKind) -> None:
    def after(was: Life) -> tuple[Life, HostStatus]:
        known = host(life=was, status=HostStatus.OK)
        found = next_host(known, verdict(kind=kind), sighting("h1", heart=1), LifeTimes(), NOON)
        return found.life, found.status

    assert after(Life.HEALTHY) == (Life.HEALTHY, HostStatus.OK)
    assert after(Life.SUSPECT) == (Life.HEALTHY, HostStatus.OK)
    assert after(Life.RETURNING) == (Life.RETURNING, HostStatus.UNKNOWN)
    assert after(Life.DEAD) == (Life.DEAD, HostStatus.UNREACHABLE)
    # What ails a host keeps it on probation.
    assert after(Life.PROBATION)[0] is (Life.HEALTHY if kind is V.ALIVE else Life.PROBATION)


def test_rules_claim_by_the_playbook_that_they_ask_for() -> None:
    told = [alert("h1", playbook, labels={"host": "h1", "playbook": playbook}) for playbook in CLAIMED_BY_PLAYBOOK]
    assert {each.kind for each in claims_of(told)["h1"]} == set(CLAIMED)
    assert claims_of([alert("h1", "host_dead")]) == {}
    assert claims_of([alert("h1", "host_wedged", labels={"playbook": "host_wedged"})]) == {}


def test_what_cannot_be_acted_on_or_was_told_by_others_claims_nothing() -> None:
    assert claims_of([alert("h1", "host_wedged", actionable=False)]) == {}
    assert claims_of([alert("h1", "host_wedged", source="alertmanager")]) == {}


@settings(max_examples=40)
@given(
    kind=st.sampled_from(VerdictKind),
    life=st.sampled_from(Life),
    heart=st.none() | st.sampled_from([0.5, 2.9, 3.0, 10.0]),
    status=st.sampled_from(HostStatus),
    cordoned=st.sampled_from(["", "host_wedged", "identity"]),
    fence=st.sampled_from(Fence),
    spared=st.booleans(),
    draining=st.booleans(),
)
def test_host_status_follows_the_evidence_alone(
    kind: VerdictKind, life: Life, heart: float | None, status: HostStatus, cordoned: str, fence: Fence,
    *, spared: bool, draining: bool,
) -> None:  # fmt: skip
    """No cordon, fence, maintenance or other axis of a host has a say in what clients see."""

    def seen(**more: Any) -> HostStatus:
        known = host(life=life, status=status, **more)
        return next_host(known, verdict(kind=kind), sighting("h1", heart=heart), LifeTimes(), NOON).status

    until = NOON + timedelta(hours=1) if spared else None
    labels = {"draining": "true"} if draining else {}
    assert seen(cordoned=cordoned, fence=fence, maintenance_until=until, labels=labels) is seen()
