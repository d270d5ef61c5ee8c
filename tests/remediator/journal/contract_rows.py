"""One value of every kind the journal keeps, with every field set to something that is not its default."""

from datetime import timedelta
from typing import Any

from remediator.model.alert import AlertState, KeptAlert
from remediator.model.decision import Remediation
from remediator.model.enrolment import Enrolment, JoinToken, Term
from remediator.model.host import Capacity, Fence, Host, HostStatus, Identity, Life
from remediator.model.machine import Event, Machine, MachineState, Recovery, Sealed, Snapshot, Volume
from remediator.model.received import ReceivedAlert, SentAlert, Teller
from remediator.model.request import (
    Burst,
    BurstStage,
    Demand,
    Destroy,
    DestroyStage,
    Migration,
    MigrationStage,
    Operation,
    Origin,
    Stage,
)
from tests.remediator.builders import NOON

LATER = NOON + timedelta(seconds=1, microseconds=250)
SIZE = Capacity(0.5, 256, 10)
HOST = Host(
    "h1", "arn", "r1", NOON, LATER, "edge", "embedded", "10.0.0.1", 1, 2, {"kernel": "6.1"}, SIZE,
    Identity("u", "k", "d"), "boot", "0.1", 7, Life.DEAD, HostStatus.UNREACHABLE, "silent", NOON, LATER, Fence.PROVED,
    "bmc", NOON, "full", LATER, True,
)  # fmt: skip
MACHINE = Machine(
    "m1", "web", "w", "arn", "h1", "I", NOON, LATER, MachineState.DESTROYING, {"env": {"a": ["ü", 1, None, 0.5]}},
    "digest", Sealed("m1", "I", "h1", 7, "d", "b", "s"), ("v1",), 8080, "m0", "m2", Recovery.SERVING, "runs", NOON,
    LATER, "replaced", True, (Event(NOON, "launch", "created", "user", "text"),),
)  # fmt: skip
VALUES: dict[str, Any] = {
    "Host": HOST,
    "Machine": MACHINE,
    "Volume": Volume("v1", "db", "data", "arn", "h1", 100, NOON, "restoring", "m1", 77, "vs_1", "v2"),
    "Snapshot": Snapshot("vs_1", "v1", "db", NOON, 12, "digest", 9, "failed"),
    "Destroy": Destroy("m1", "web", "h1", Origin.OWNER, "why", NOON, DestroyStage.SENT, LATER, 7),
    "Migration": Migration(
        "g1", "m1", "web", "h1", "h2", NOON, "full", MigrationStage.COPYING, LATER, {"v1": "v2"}, "note"
    ),
    "Burst": Burst("b1", "arn", 2, SIZE, NOON, ("d1",), BurstStage.PROVISIONING, LATER, ("h8", "h9"), "note"),
    "Demand": Demand("web/w", "web", "arn", SIZE, 3, NOON, LATER),
    "Operation": Operation(
        "k1", "create", "h1", {"machine_id": "m1"}, Origin.OPERATOR, NOON, "m1", "d1", Stage.SENT, 4, LATER, "away"
    ),
    "Remediation": Remediation("host_dead", "h1", NOON, {"recreate": LATER}, LATER, "the host is back"),
    "Enrolment": Enrolment("h1", "agent", "arn", "r1", NOON, "v", "b", "hash", "10.0.0.1"),
    "JoinToken": JoinToken("hash", "h1", LATER),
    "KeptAlert": KeptAlert("f;g/A", "f1", "A", {"host": "h1"}, AlertState.FIRING, NOON, 1.5, LATER),
    "Term": Term("incarnation", 4, NOON),
    "ReceivedAlert": ReceivedAlert(
        "f1",
        {"host": "h1"},
        NOON,
        LATER,
        NOON,
        "prometheus.token",
        Teller.GRAFANA,
        {"summary": "ü"},
        "http://p",
        LATER,
    ),
    "SentAlert": SentAlert("f1", NOON, "succeeded"),
}
