"""What people are asked, hold and let go, as metrics; zeros too, so that a change is seen at once."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from remediator.clock import Clock
from remediator.engine.machines.single import single_apps
from remediator.engine.people.leaving import leavers
from remediator.model.fleet import Fleet
from remediator.model.host import Host, Life
from remediator.model.incident import IncidentStage
from remediator.model.people import Answer, Scope
from remediator.model.stuck import NO_ROOM, REASONS, UNDECIDED, missed, stuck

COUNT_EVERY = timedelta(seconds=30)
_STAGES = {stage.value: 0 for stage in IncidentStage if stage is not IncidentStage.CLOSED}
_SCOPES = {scope.value: 0 for scope in Scope}
_MAINTENANCE = {"in_force": 0, "over": 0}
_ATTESTED = {"wiped": 0, "destroyed": 0, "removed": 0}
_SINGLE = {"machine": 0, "host": 0}
_STUCK = dict.fromkeys(REASONS, 0)


class PeopleMeters(Collector):
    """Gauges built anew for each scrape; ``playbooks`` names those in force."""

    def __init__(self, fleet: Callable[[], Fleet], playbooks: Callable[[], Iterable[str]], clock: Clock) -> None:
        self._fleet = fleet
        self._playbooks = playbooks
        self._clock = clock
        self._counted: tuple[datetime, Mapping[str, int]] | None = None

    def collect(self) -> Iterator[Metric]:
        fleet, now = self._fleet(), self._clock.now()
        asked = [each for each in fleet.approvals.values() if each.answer is Answer.ASKED and now < each.expires_at]
        questions = dict.fromkeys(self._playbooks(), 0) | Counter(each.playbook for each in asked)
        yield _counts("questions", "Questions that wait for a person.", "playbook", questions)
        holds = Counter(each.scope.value for each in fleet.operator_holds.values() if each.covers(now))
        yield _counts("operator_holds", "Operators' holds in force.", "scope", _SCOPES | holds)
        incidents = Counter(each.stage.value for each in fleet.incidents.values() if each.open)
        yield _counts("incidents", "Incidents that are not closed.", "stage", _STAGES | incidents)
        hosts = _MAINTENANCE | Counter(_maintenance(fleet.hosts.values(), now))
        text = "Hosts in maintenance, and those whose end has come unseen."
        yield _counts("maintenance_hosts", text, "state", hosts)
        gone = _ATTESTED | Counter(host.attested for host in leavers(fleet.hosts.values()))
        yield _counts("leaving_hosts", "Hosts that people take away.", "attested", gone)
        text = "Apps that live on a single machine or host."
        yield _counts("single_apps", text, "on", _SINGLE | dict(self._single(fleet, now)))
        text = "Machines of dead hosts that were missed and run nowhere else, by the reason."
        yield _counts("machines_held", text, "reason", _STUCK | Counter(_held(fleet)))
        released = sum(1 for each in fleet.releases.values() if each.at <= now < each.until)
        yield GaugeMetricFamily("fleetmend_releases", "Releases by people in force.", value=released)
        claims = sum(1 for host in fleet.hosts.values() if host.identity_claim)
        text = "Hosts under whose name another identity greets."
        yield GaugeMetricFamily("fleetmend_identity_claims", text, value=claims)

    def _single(self, fleet: Fleet, now: datetime) -> Mapping[str, int]:
        """It looks through every machine there is: not at each scrape."""
        if self._counted is None or now - self._counted[0] >= COUNT_EVERY:
            self._counted = now, Counter(each.on for each in single_apps(fleet))
        return self._counted[1]


def _maintenance(hosts: Iterable[Host], now: datetime) -> Iterator[str]:
    for host in hosts:
        if host.maintenance_until and host.life is not Life.RETIRED:
            yield "in_force" if host.maintenance_until > now else "over"


def _held(fleet: Fleet) -> Iterator[str]:
    lost = [host for host in fleet.hosts.values() if host.life is Life.DEAD]
    for host, machine in ((home, each) for home in lost for each in fleet.machines_on(home.name) if each.alive):
        if word := stuck(machine):
            yield word
        elif missed(machine, host):
            yield NO_ROOM if f"{machine.app}/{machine.id}" in fleet.demands else UNDECIDED


def _counts(name: str, text: str, label: str, counted: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(f"fleetmend_{name}", text, labels=(label,))
    for value, count in sorted(counted.items()):
        family.add_metric((value,), count)
    return family
