"""The desk: what vantages say counts where they were enrolled, not where they say they are."""

from pathlib import Path

from nacl.signing import SigningKey

from remediator.engine.evidence.vantages import Vantage
from remediator.model.asks import ProbeResult, VantageReport
from remediator.model.enrolment import Enrolment
from remediator.model.evidence import Outcome
from remediator.runtime.agents.enrol import Enrolments, Identity
from remediator.runtime.desk import Desk, Parts
from remediator.runtime.people.freezer import Freezer
from tests.remediator.builders import NOON, host
from tests.remediator.runtime.lab import Lab


def desk(lab: Lab, folder: Path) -> Desk:
    parts = Parts(
        ledger=lab.ledger,
        watch=lab.watch,
        loop=lab.loop,
        requests=lab.requests,
        life=lab.life,
        enrolments=Enrolments(lab.ledger, Identity({}, "", b"secret"), lab.clock),
        agents=lab.agents,
        configs=lab.configs,
        freezer=Freezer(folder, SigningKey.generate().verify_key),
        reload=lab.reload(folder),
        clock=lab.clock,
    )
    return Desk(parts)


def report(vantage: str, region: str, rack: str) -> VantageReport:
    silent = ProbeResult("h1", Outcome.SILENT, 0.8, 0.1)
    return VantageReport(vantage, region, rack, "10.77.0.2:9115", 0.0, "ok", (silent,))


async def test_a_vantage_votes_from_the_rack_it_was_enrolled_in(lab: Lab, tmp_path: Path) -> None:
    await lab.put(host("h1", "r1"), Enrolment("p-r1", "vantage", "arn", "r1", NOON))
    targets = desk(lab, tmp_path).take_report(report("p-r1", "iad", "r9"))
    assert [target.host for target in targets] == ["h1"]
    assert lab.evidence.vantages(NOON) == [Vantage("p-r1", "arn", "r1", "10.77.0.2:9115")]
    (vote,) = lab.watch.fleet().sightings["h1"].votes
    assert (vote.region, vote.rack, vote.outcome) == ("arn", "r1", Outcome.SILENT)


async def test_who_is_not_enrolled_has_no_vote(lab: Lab, tmp_path: Path) -> None:
    await lab.put(host("h1", "r1"), Enrolment("p-r2", "agent", "arn", "r2", NOON))
    assert desk(lab, tmp_path).take_report(report("p-r2", "arn", "r2")) == []
    assert lab.evidence.vantages(NOON) == []
