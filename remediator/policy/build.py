"""From checked fields to the frozen nouns; what a playbook leaves out gets its guard here."""

from remediator.model.alert import Group, Rule
from remediator.model.policy import (
    Asking,
    Backlog,
    Budget,
    Correlated,
    Effectiveness,
    EvidenceGuard,
    Limits,
    Mode,
    Playbook,
    Share,
    Step,
    Then,
    Undo,
    Verify,
)
from remediator.policy.schema import (
    AlertFile,
    CorrelatedFields,
    EvidenceFields,
    GroupFields,
    LimitsFile,
    PlaybookFile,
    RuleFields,
    ShareFields,
)
from remediator.policy.yaml.positions import Document

# What a destructive playbook gets that names no budget of that kind; limits.yml may make them tighter still.
IN_FLIGHT = Share(0.01, 2)
RATE = Share(0.01, 6)
NEWLY_UNHEALTHY = Share(0.10, 1)
# There are as many racks and apps as one likes: a ceiling in each of them is none for all of them together.
_WIDE = frozenset({"fleet", "region"})


def build_groups(fields: AlertFile, document: Document, file: str) -> tuple[Group, ...]:
    """The groups of one file, each rule with the line it stands on.

    ``file`` is the path within the rules folder: slots hang on it, so it must not change with the folder's place.
    """
    return tuple(_group(group, index, document, file) for index, group in enumerate(fields.groups))


def build_limits(fields: LimitsFile) -> Limits:
    return Limits(
        patience=fields.patience,
        max_in_flight=_share(fields.max_in_flight),
        newly_unhealthy=_share(fields.newly_unhealthy),
        settle=fields.settle,
        continuous=fields.continuous,
        outside_rack=fields.outside_rack,
        correlated_at_least=fields.correlated_at_least,
        automatic_destroys=_share(fields.automatic_destroys),
        automatic_destroys_per=fields.automatic_destroys.per,
        poison=fields.poison,
        burst_money=fields.burst_money,
    )


def build_playbook(
    fields: PlaybookFile, steps: tuple[Step, ...], limits: Limits, *, destructive: bool, file: str
) -> Playbook:
    """The playbook with every guard in place: left out means the default, for destructive ones the strict one."""
    return Playbook(
        name=fields.playbook,
        mode=Mode(fields.mode),
        target=fields.target,
        steps=steps,
        evidence=_evidence(fields.requires.evidence, limits, destructive=destructive),
        continuous=fields.requires.continuous if fields.requires.continuous is not None else limits.continuous,
        settle=fields.requires.settle if fields.requires.settle is not None else limits.settle,
        budgets=_budgets(fields, limits, destructive=destructive),
        correlated=_correlated(fields.correlated, limits, destructive=destructive),
        capacity=fields.requires.capacity,
        cooldown=fields.cooldown,
        verify=_verify(fields),
        ask=_ask(fields),
        backlog=_backlog(fields, destructive=destructive),
        undo=Undo(fields.undo.action, fields.undo.healthy_for) if fields.undo else None,
        effectiveness=_effectiveness(fields),
        file=file,
    )


def _group(fields: GroupFields, index: int, document: Document, file: str) -> Group:
    lines = document.lines(("groups", index, "rules"))
    rules = tuple(_rule(rule, fields.name, file, line) for rule, line in zip(fields.rules, lines, strict=True))
    return Group(fields.name, file, fields.interval, rules, fields.limit)


def _rule(fields: RuleFields, group: str, file: str, line: int) -> Rule:
    return Rule(
        group=group,
        name=fields.alert or fields.record,
        expr=fields.expr,
        hold_for=fields.for_,
        keep_firing_for=fields.keep_firing_for,
        labels=dict(fields.labels),
        annotations=dict(fields.annotations),
        recording=bool(fields.record),
        file=file,
        line=line,
    )


def _share(fields: ShareFields) -> Share:
    return Share(fields.share, fields.at_least)


def _maybe(fields: ShareFields | None) -> Share | None:
    return _share(fields) if fields else None


def _tighter(default: Share, limit: Share) -> Share:
    return Share(min(default.share, limit.share), min(default.at_least, limit.at_least))


def _evidence(fields: EvidenceFields | None, limits: Limits, *, destructive: bool) -> EvidenceGuard:
    if fields is None:
        return EvidenceGuard("dead" if destructive else "", outside_rack=limits.outside_rack)
    return EvidenceGuard(
        verdict="" if fields.verdict == "none" else fields.verdict,
        assigned_majority=fields.assigned_majority,
        outside_rack=limits.outside_rack if fields.outside_rack is None else fields.outside_rack,
        max_age=fields.max_age,
        veto=fields.veto,
    )


def _budgets(fields: PlaybookFile, limits: Limits, *, destructive: bool) -> tuple[Budget, ...]:
    given = tuple(
        Budget(
            scope=one.scope,
            max_in_flight=_maybe(one.max_in_flight),
            rate=_maybe(one.rate),
            newly_unhealthy=_maybe(one.newly_unhealthy),
            within=one.within,
            **({"per": one.rate.per} if one.rate else {}),
        )
        for one in fields.budget
    )
    return given + (_missing(given, limits) if destructive else ())


def _missing(given: tuple[Budget, ...], limits: Limits) -> tuple[Budget, ...]:
    """The default of each kind of ceiling that no given budget sets for a region or the fleet."""
    given = tuple(budget for budget in given if budget.scope in _WIDE)
    added: list[Budget] = []
    if not any(budget.max_in_flight for budget in given):
        added.append(Budget("region", max_in_flight=_tighter(IN_FLIGHT, limits.max_in_flight)))
    if not any(budget.rate for budget in given):
        added.append(Budget("region", rate=RATE))
    if not any(budget.newly_unhealthy for budget in given):
        added.append(Budget("fleet", newly_unhealthy=_tighter(NEWLY_UNHEALTHY, limits.newly_unhealthy)))
    return tuple(added)


def _correlated(fields: CorrelatedFields | None, limits: Limits, *, destructive: bool) -> Correlated | None:
    if fields is None:
        return Correlated(at_least=min(3, limits.correlated_at_least)) if destructive else None
    return Correlated(
        tuple(fields.by), fields.at_least, tuple(sorted(fields.within)), fields.deadline, tuple(fields.uplink)
    )


def _backlog(fields: PlaybookFile, *, destructive: bool) -> Backlog | None:
    given = fields.backlog
    if given is None:
        return Backlog() if destructive else None
    return Backlog(tuple(given.after), given.approve_above, given.for_)


def _verify(fields: PlaybookFile) -> Verify | None:
    given = fields.verify
    return Verify(given.within, tuple(given.every_machine), given.otherwise) if given else None


def _ask(fields: PlaybookFile) -> Asking | None:
    given = fields.ask
    return Asking(given.expires, Then(given.then), tuple(given.remind)) if given else None


def _effectiveness(fields: PlaybookFile) -> Effectiveness:
    given = fields.effectiveness
    return Effectiveness(given.last, given.at_least) if given else Effectiveness()
