"""What fits nowhere does not keep a ladder from its next rung: a wedged host is cycled with what is left."""

from dataclasses import replace

from remediator.actions import ACTIONS
from remediator.engine.climb import climb
from remediator.engine.guards.guard import Heard
from remediator.engine.guards.table import Guarding
from remediator.model.evidence import Claim, VerdictKind
from remediator.model.host import Identity
from remediator.model.policy import EvidenceGuard, Kind, Step
from tests.remediator.builders import NOON, case, fleet, host, machine, playbook, remediation, sighting, verdict

BOOK = playbook(
    "host_wedged", steps=(Step("migrate"), Step("power_cycle")), evidence=EvidenceGuard(), correlated=None
)
STUCK = Claim(VerdictKind.WEDGED, "agent", NOON, "a child cannot fsync 4 kB in 2 s")
UNGUARDED = replace(Guarding(), by_kind=dict.fromkeys(Kind, ()))


def told(minutes: float) -> list[tuple[str, str]]:
    chassis = host(identity=Identity(uuid="u1"), bmc_uuid="u1", bmc_at=NOON)
    known = fleet(chassis, machine(), verdict("h1", VerdictKind.WEDGED), sighting("h1", claims=(STUCK,)))
    opened = remediation("h1", playbook="host_wedged", ago=60 * minutes)
    asked = replace(case(known, "h1", BOOK), remediation=opened)
    found = climb(ACTIONS, asked, Heard(None, {}), UNGUARDED)
    return [(decision.action, decision.reason) for decision, _ in found.decisions]


def test_its_machines_have_their_time_and_then_its_power_is_cycled() -> None:
    assert told(minutes=9) == [("migrate", "NoRoom")]
    assert told(minutes=11) == [("migrate", "NoRoom"), ("power_cycle", "Acting")]
