"""The guard ``correlated``: whoever fell with others is held as one incident, until the incident lets it go. PURE."""

from collections import defaultdict
from datetime import datetime, timedelta

from remediator.actions.spec import Case
from remediator.engine.evidence.unheard import judge_unheard, unheard
from remediator.engine.guards.guard import Facts, Guard
from remediator.engine.incidents.correlation import Cohort, Key, cohort, key_of, proved_down
from remediator.engine.incidents.exits import DEADLINE, GROUP_PLAYBOOKS, group_playbook
from remediator.engine.index import Index, index_of
from remediator.model.decision import Hold
from remediator.model.host import Host, Life
from remediator.model.incident import Incident
from remediator.model.policy import Correlated

_NAMED = 40


def released_by_person(case: Case) -> bool:
    """Whether a person's release covers this target for this playbook, by name or by its incident."""
    return any(
        release.covers(case.target, case.playbook.name, case.now)
        or (bool(release.incident) and release.covers(case.target, release.playbook, case.now))
        for release in case.fleet.releases.values()
    )


def _read(case: Case) -> Facts | None:
    if case.host is None:
        return None
    index, of_group = index_of(case), case.playbook.name in GROUP_PLAYBOOKS
    if case.playbook.correlated is None and not of_group:
        return None
    incident = index.incidents.get(case.host.name) or _left_to_people(index, case.host)
    facts: Facts = {"group": of_group, "let_go": released_by_person(case)}
    if incident is not None:
        return facts | _of_incident(incident, case.host, index)
    if of_group or case.playbook.correlated is None:
        return facts
    return None if case.remediation.steps else facts | _of_siblings(case, case.playbook.correlated, index)


def _of_incident(incident: Incident, host: Host, index: Index) -> Facts:
    playbook = group_playbook(incident.label)
    return {
        "incident": incident.id,
        "label": incident.label,
        "value": incident.value,
        "hosts": list(incident.hosts[:_NAMED]),
        "many": len(incident.hosts),
        "stage": incident.stage.value,
        "why": incident.reason,
        "released": host.name in incident.released,
        "works": playbook if playbook in index.playbooks else "",
    }


def _left_to_people(index: Index, host: Host) -> Incident | None:
    """The incident that ended at its deadline while this host was dead, and is since."""
    if host.life is not Life.DEAD or host.died_at is None:
        return None
    over = index.kept("left", lambda: [i for i in index.fleet.incidents.values() if i.outcome.startswith(DEADLINE)])
    mine = [each for each in over if host.name in each.hosts and each.moved_at and host.died_at <= each.moved_at]
    return mine[0] if mine else None


def _of_siblings(case: Case, rule: Correlated, index: Index) -> Facts:
    """As yet there is no incident: whoever fell together under a label will be one."""
    if case.host is None:
        return {}
    accused = _accused(case, rule, index)
    found = accused or [c for c in _cohorts(case.host, rule, index) if c.incident]
    if not found:
        return {"at_least": rule.at_least, "by": list(rule.by)} | unheard(case.host, rule, index)
    first = found[0]
    alike = [host for name in first.hosts if (host := index.host(name))]
    return {
        "label": first.key[0],
        "value": first.key[2],
        "hosts": list(first.hosts[:_NAMED]),
        "many": first.count,
        "window": first.window.total_seconds(),
        "expected": first.expected,
        "proved": proved_down(alike, index.fleet) and group_playbook(first.key[0]) not in index.playbooks,
    }


def _cohorts(host: Host, rule: Correlated, index: Index) -> list[Cohort]:
    keys = tuple(key for label in rule.by if (key := key_of(host, label)))
    # Whom an incident has already tells nothing of this one.
    others = index.kept("in incidents", lambda: frozenset(index.incidents))
    if index.also is None:
        once: dict[Key, Cohort | None] = index.kept(("cohorts", rule), dict)
        # All who fell under one label ask the same.
        once |= {key: cohort(index, rule, key, others) for key in keys if key not in once}
        return [found for key in keys if (found := once[key])]
    plain = host.name not in others and host.name not in _doubters(index)
    if plain and not _one_more_counts(index, rule, keys, others, host):
        return []
    return [found for key in keys if (found := cohort(index, rule, key, others))]


def _doubters(index: Index) -> frozenset[str]:
    """Whoever is suspect, or was within the hour."""
    return index.kept("doubters", lambda: frozenset(index.doubted) | frozenset(index.fleet.suspicions))


def _one_more_counts(index: Index, rule: Correlated, keys: tuple[Key, ...], held: frozenset[str], one: Host) -> bool:
    """Whether one host more under those labels makes an incident: the same for all who were well until then."""
    known: dict[Key, bool] = index.kept(("one more", rule, one.since, index.now), dict)
    for key in keys:
        if key not in known:
            found = cohort(index, rule, key, held)
            known[key] = found is not None and found.incident
    return any(known[key] for key in keys)


def _accused(case: Case, rule: Correlated, index: Index) -> list[Cohort]:
    """Hosts that rules alone name for the same playbook at about the same time: all of them may be alive."""
    wants = case.playbook.evidence.verdict
    mine = [] if wants else index.alerts(case.playbook.name, "host", case.target)
    if not mine or case.host is None:
        return []
    window, moment = min(rule.within), mine[0].active_at
    found: list[Cohort] = []
    for label in rule.by:
        key = key_of(case.host, label)
        alike = _alike(index, case.playbook.name, moment, window, key) if key else ()
        if key and len(alike) >= rule.at_least:
            found.append(Cohort(key, alike, len(alike), len(alike), window, 0, rule.at_least))
    return found


def _alike(index: Index, playbook: str, moment: datetime, window: timedelta, key: Key) -> tuple[str, ...]:
    """Hosts under a label that rules named at about that moment."""

    def looked() -> dict[Key, tuple[str, ...]]:
        asking = index.kept(("accused", playbook), lambda: _asking(index, playbook))
        found: defaultdict[Key, set[str]] = defaultdict(set)
        for host, since in asking:
            if abs(since - moment) <= window and (theirs := key_of(host, key[0])):
                found[theirs].add(host.name)
        return {each: tuple(sorted(names)) for each, names in found.items()}

    return index.kept(("alike", playbook, moment, key[0]), looked).get(key, ())


def _asking(index: Index, playbook: str) -> list[tuple[Host, datetime]]:
    """Hosts that rules name for a playbook, and since when."""
    named = [alert for name in index.targets(playbook, "host") for alert in index.alerts(playbook, "host", name)]
    return [(host, alert.active_at) for alert in named if (host := index.host(alert.labels["host"]))]


def _judge(facts: Facts) -> Hold | None:
    if "incident" in facts:
        return _judge_incident(facts)
    if facts["group"]:
        return Hold("NoIncident", "no incident has let this host go: a group's playbook acts on nothing else")
    if "many" not in facts or facts["let_go"] or facts["proved"]:
        return None if facts["let_go"] else judge_unheard(facts)
    where = f"{facts['many']} hosts of {facts['label']} {facts['value']}"
    return Hold("Correlated", f"{where} fell within {facts['window']:.0f} s: one incident", _place(facts))


def _judge_incident(facts: Facts) -> Hold | None:
    """Let go, the group's own playbook acts; any other only where there is none."""
    free = facts["released"] and (facts["group"] or not facts["works"])
    if free or (facts["let_go"] and not facts["released"]):
        return None
    where = f"incident {facts['incident']}, {facts['many']} hosts of {facts['label']} {facts['value']}"
    if facts["released"]:
        return Hold("Correlated", f"{where}: let go, and {facts['works']} works on it", _place(facts))
    exits = "it waits for proof for the group, its members, or a person's release"
    return Hold("Correlated", f"{where}, {facts['stage']} ({facts['why']}): {exits}", _place(facts))


def _place(facts: Facts) -> Facts:
    return {name: facts[name] for name in ("label", "value", "hosts")}


correlated = Guard("correlated", _read, _judge)
