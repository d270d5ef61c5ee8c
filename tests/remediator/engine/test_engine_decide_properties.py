"""decide over whatever a host may look like: more health never kills, a closed gate and a mode hold."""

from collections.abc import Sequence
from datetime import datetime

import hypothesis.strategies as st
from hypothesis import given

from remediator.actions.effects import Condemn
from remediator.engine.decide import Verdicts
from remediator.model.evidence import VerdictKind
from remediator.model.fleet import Fleet
from remediator.model.host import Host
from remediator.model.policy import Mode
from tests.remediator.builders import (
    CLOSED,
    NOON,
    alert,
    dead,
    fleet,
    playbook,
    policy,
    proved,
    remediation,
    returning,
    verdict,
)
from tests.remediator.engine.test_engine_decide import LATER, ROOMY, effects, replaced, told

DESTRUCTIVE = (Condemn,)


def destroyed(found: Verdicts) -> int:
    return sum(isinstance(effect, DESTRUCTIVE) for effect in effects(found))


def as_seen(known: Host, kind: VerdictKind, *, silent: int, asked: bool, gate_open: bool) -> Fleet:
    seen = verdict(kind=kind, silent=silent, outside_rack=max(0, silent - 1), newest=LATER)
    alerts = (alert("h1"),) if asked else ()
    more = {} if gate_open else {"gate": CLOSED}
    return fleet(known, *ROOMY, seen, *replaced(), remediation("h1", "mark_host_dead"), alerts=alerts, **more)


@given(
    known=st.sampled_from([dead(), proved(dead())]),
    kind=st.sampled_from([VerdictKind.DEAD, VerdictKind.SUSPECT]),
    silent=st.integers(0, 3),
    asked=st.booleans(),
    gate_open=st.booleans(),
    healthier=st.lists(st.sampled_from(["verdict", "silent", "asked", "fence", "contact"]), min_size=1),
)
def test_more_health_about_a_target_never_makes_killing_likelier(
    known: Host, kind: VerdictKind, silent: int, asked: bool, gate_open: bool, healthier: Sequence[str]
) -> None:
    before = destroyed(told(as_seen(known, kind, silent=silent, asked=asked, gate_open=gate_open), now=LATER))
    kind = VerdictKind.PARTITIONED if "verdict" in healthier else kind
    silent = max(0, silent - 1) if "silent" in healthier else silent
    asked = asked and "asked" not in healthier
    known = dead() if "fence" in healthier else known
    known = returning() if "contact" in healthier else known
    after = destroyed(told(as_seen(known, kind, silent=silent, asked=asked, gate_open=gate_open), now=LATER))
    assert after <= before


@given(
    asked=st.booleans(), kind=st.sampled_from(VerdictKind), proof=st.booleans(), when=st.sampled_from([NOON, LATER])
)
def test_a_closed_gate_kills_nobody_without_proof(
    asked: bool, kind: VerdictKind, proof: bool, when: datetime
) -> None:
    known = proved(dead()) if proof else dead()
    found = told(as_seen(known, kind, silent=3, asked=asked, gate_open=False), now=when)
    assert not destroyed(found) or (proof and kind is VerdictKind.DEAD)


@given(st.sampled_from([Mode.SHADOW, Mode.APPROVE, Mode.DISABLED]), st.booleans())
def test_no_mode_but_auto_has_any_effect(mode: Mode, proof: bool) -> None:
    rules = policy(playbook(mode=mode))
    known = as_seen(proved(dead()) if proof else dead(), VerdictKind.DEAD, silent=3, asked=True, gate_open=True)
    assert effects(told(known, rules, LATER)) == []
