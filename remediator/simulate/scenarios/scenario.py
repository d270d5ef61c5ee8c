"""Scenario files in, checked scenarios out, or everything that is wrong with them."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from remediator.actions.spec import ActionSpec
from remediator.model.errors import BadInput, Problem
from remediator.model.policy import Policy
from remediator.policy.problems import did_you_mean, validate
from remediator.policy.yaml.positions import Document, Where, read_document
from remediator.simulate.scenarios.schema import OUTCOMES, EventFields, ExpectFields, ScenarioFields, ScenarioFile

FOLDER = Path("tests") / "playbooks"
# Longer runs are replays: a test that decides so often is not quick any more.
MOST_TICKS = 20_000
# What the runtime decides of itself.
NO_PLAYBOOK = "reconcile"
# Events that name no host, or name it themselves.
_SPOKEN = ("doubt", "trust", "hold", "approve", "deny")
OWN_ACTIONS = frozenset({"any", "uncordon", "destroy", "admit", "verify"})


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario with the file and line it stands on; ``playbook`` is what its expectations mean by default."""

    file: str
    line: int
    playbook: str
    fields: ScenarioFields

    @property
    def name(self) -> str:
        return self.fields.name

    @property
    def hosts(self) -> dict[str, tuple[str, str]]:
        """Region and rack of each host."""
        places = self.fields.hosts.items()
        return {host: (region, rack) for region, racks in places for rack, hosts in racks.items() for host in hosts}

    @property
    def until(self) -> timedelta:
        """When it ends: as it says, or five seconds after the last time that it names."""
        if self.fields.until is not None:
            return self.fields.until
        named = [event.at for event in self.fields.events]
        named += [each.at or each.by or each.after for each in (*self.fields.expect, *self.fields.never)]
        return max(named, default=timedelta()) + timedelta(seconds=5)


def read_scenarios(folder: Path, policy: Policy, actions: Mapping[str, ActionSpec]) -> list[Scenario]:
    """Every scenario under ``folder``/tests/playbooks; none if there is no such folder.

    Raises:
        BadInput: with everything that is wrong in all of the files.
    """
    found: list[Scenario] = []
    problems: list[Problem] = []
    for path in sorted((folder / FOLDER).glob("*.y*ml")):
        try:
            found += read_file(path, policy, actions)
        except BadInput as error:
            problems += error.problems
    if problems:
        raise BadInput(sorted(problems))
    return found


def read_file(path: Path, policy: Policy, actions: Mapping[str, ActionSpec]) -> list[Scenario]:
    """The scenarios of one file.

    Raises:
        BadInput: with everything that is wrong.
    """
    document = read_document(path)
    fields, problems = validate(ScenarioFile, document)
    if fields is None:
        raise BadInput(problems)
    checks = _Checks(document, policy, actions)
    problems = list(checks.playbook(fields.playbook))
    found: list[Scenario] = []
    for number, raw in enumerate(fields.scenarios):
        where: Where = ("scenarios", number)
        scenario, wrong = validate(ScenarioFields, document, where, raw)
        problems += wrong
        if scenario:
            problems += checks.scenario(where, scenario)
            found.append(Scenario(document.file, document.place(where).line, fields.playbook, scenario))
    if problems:
        raise BadInput(sorted(problems))
    return found


class _Checks:
    """Names that must mean something, and times that must be reached."""

    def __init__(self, document: Document, policy: Policy, actions: Mapping[str, ActionSpec]) -> None:
        self._document = document
        self._playbooks = policy.playbooks
        self._alerts = {rule.name for group in policy.groups for rule in group.rules if not rule.recording}
        self._actions = frozenset(actions) | OWN_ACTIONS
        self._seen: set[str] = set()

    def playbook(self, name: str) -> Iterator[Problem]:
        return self._known(("playbook",), name, self._playbooks, "playbook")

    def scenario(self, where: Where, fields: ScenarioFields) -> Iterator[Problem]:
        yield from self._name((*where, "name"), fields.name)
        hosts = Scenario("", 0, "", fields).hosts
        for part in ("machines", "labels", "cordoned", "maintenance", "suspected"):
            for name in getattr(fields, part):
                yield from self._known((*where, part, name), name, hosts, "host")
        for index, name in enumerate(fields.full):
            yield from self._known((*where, "full", index), name, hosts, "host")
        for name in fields.modes:
            yield from self._known((*where, "modes", name), name, self._playbooks, "playbook")
        for index, event in enumerate(fields.events):
            yield from self._event((*where, "events", index), event, hosts)
        for part in ("expect", "never"):
            for index, expected in enumerate(getattr(fields, part)):
                yield from self._expected((*where, part, index), expected, fields)
        yield from self._length(where, fields)

    def _name(self, where: Where, name: str) -> Iterator[Problem]:
        if name in self._seen:
            yield self._document.problem(where, f"a scenario named {name!r} was given before")
        self._seen.add(name)

    def _event(self, where: Where, event: EventFields, hosts: Collection[str]) -> Iterator[Problem]:
        named = getattr(event, event.verb)
        if event.verb in ("fires", "signal", "clear"):
            yield from self._known((*where, event.verb), named, self._alerts, "alert")
            if event.host:
                yield from self._known((*where, "host"), event.host, hosts, "host")
            return
        if event.verb == "rules_changed":
            for name in named:
                yield from self._known((*where, event.verb), name, self._playbooks, "playbook")
        elif event.verb not in ("gate", "freeze", "thaw", "restarts", "demand", *_SPOKEN):
            for name in named:
                yield from self._known((*where, event.verb), name, hosts, "host")

    def _expected(self, where: Where, expected: ExpectFields, fields: ScenarioFields) -> Iterator[Problem]:
        outcome = next(each for each in OUTCOMES if getattr(expected, each) is not None)
        yield from self._known((*where, outcome), getattr(expected, outcome), self._actions, "action")
        if expected.playbook not in (None, NO_PLAYBOOK):
            yield from self._known((*where, "playbook"), expected.playbook, self._playbooks, "playbook")
        last = expected.at or expected.by or expected.after
        if fields.until is not None and last > fields.until:
            yield self._document.problem(where, f"lies after the scenario's end (until {fields.until})")

    def _length(self, where: Where, fields: ScenarioFields) -> Iterator[Problem]:
        if fields.tick <= timedelta():
            yield self._document.problem((*where, "tick"), "must be longer than 0")
        elif Scenario("", 0, "", fields).until / fields.tick > MOST_TICKS:
            message = f"takes more than {MOST_TICKS} ticks: end it earlier (until), or decide less often (tick)"
            yield self._document.problem(where, message)

    def _known(self, where: Where, name: object, known: Collection[str], what: str) -> Iterator[Problem]:
        if name not in known:
            message = f"unknown {what} {name!r}{did_you_mean(name, known)}"
            yield self._document.problem(where, message, at_key=where[-1] == name)
