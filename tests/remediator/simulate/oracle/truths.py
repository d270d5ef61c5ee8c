"""Truths made by hand: three hosts of two racks, one machine each, ten minutes; what is done is the test's."""

from dataclasses import replace
from typing import Any

from remediator.model.policy import Budget, Limits, Mode, Playbook, Share
from remediator.simulate.oracle.findings import Judgement, Sin
from remediator.simulate.oracle.judging import judged
from remediator.simulate.world.record import Act, Done, Happened, HostTruth, Ran, Run, Span, Truth

END = 600.0
ALWAYS = (Span(0.0),)
HOSTS = {"h1": "r1", "h2": "r1", "h3": "r2"}
PLAYBOOK = Playbook(
    "host_dead",
    Mode.AUTO,
    "host",
    (),
    budgets=(
        Budget("region", max_in_flight=Share(0.01, 1), rate=Share(0.01, 2)),
        Budget("fleet", newly_unhealthy=Share(0.1, 2)),
    ),
)


def host(name: str, **spans: tuple[Span, ...]) -> HostTruth:
    """Well for the whole time, but for what is given."""
    well = {"kernel": ALWAYS, "agent": ALWAYS, "reached": ALWAYS, **spans}
    return HostTruth(name, "arn", HOSTS[name], "s", "p", "own", bmc=True, **well)


def ran(machine: str, on: str, *span: float, line: str = "", volumes: tuple[str, ...] = ()) -> Ran:
    return Ran(machine, line or machine, "web", on, Span(*span), volumes)


def truth(*hosts: HostTruth, **parts: Any) -> Truth:
    known = {name: host(name) for name in HOSTS} | {each.name: each for each in hosts}
    default = {
        "ran": tuple(ran(f"m-{name}", name, 0.0) for name in HOSTS),
        "faults": (),
        "judge_up": ALWAYS,
        "gate_open": ALWAYS,
    }
    return Truth(hosts=known, **{**default, **parts})


def dead(name: str, at: float, back: float | None = None) -> HostTruth:
    """No power from a moment on, maybe for a while only."""
    spans = (Span(0.0, at),) if back is None else (Span(0.0, at), Span(back))
    return host(name, kernel=spans, agent=spans, reached=spans)


def cut_off(name: str, at: float, back: float | None = None) -> HostTruth:
    """It runs on, and nobody reaches it."""
    return host(name, reached=(Span(0.0, at),) if back is None else (Span(0.0, at), Span(back)))


def power(name: str, at: float, until: float = float("inf")) -> Happened:
    return Happened("power", (name,), Span(at, until), (name,))


def act(at: float, kind: str, on: str, **more: Any) -> Act:
    machine = "" if kind in ("mark_dead", "fence") else f"m-{on}"
    return replace(Act(at, kind, on, machine=machine, line=machine, playbook="host_dead"), **more)


def run_of(what: Truth, **done: Any) -> Run:
    nothing: dict[str, Any] = dict.fromkeys(("acts", "held", "stated", "routed", "requests", "sent"), ())
    return Run("by hand", 1, "test", END, 120.0, what, Done(**{**nothing, **done}))


def judge(what: Truth, **done: Any) -> Judgement:
    return judged(run_of(what, **done), {"host_dead": PLAYBOOK}, Limits())


def sins(what: Truth, **done: Any) -> list[Sin]:
    return [finding.sin for finding in judge(what, **done).findings]
