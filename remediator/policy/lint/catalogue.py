"""Every check there is: one table, from which ``--list-checks``, SARIF and the pages under docs/checks/ follow."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what it finds, and what is to be done about it. A finding may be milder than usual."""

    id: str
    severity: Severity
    finds: str
    advice: str


# id · severity · what it finds; below it, what to do about that
_TABLE = """
alerts/absent · warning · absent() without a for: a single late scrape fires it
    wait at least two scrapes
alerts/annotation · warning · the summary or the runbook_url is missing
    say what is wrong, and link the page that says what to do
alerts/comparison · warning · nothing in the expression can be false: the alert always fires
    compare with a threshold
alerts/for · error · a playbook that destroys would act on one sample
    write for
alerts/interval · info · for is shorter than the group's interval, or no multiple of it: it is rounded up
    make it a multiple of the interval
alerts/template · error · a label or annotation is no valid template
    correct it: Go's templates, with Prometheus' functions
alerts/template_label · error · a template uses a label that the expression's result cannot have
    keep the label in the expression, or leave it out of the text
alerts/untested · warning · an alert has no test in which it fires, or none in which it keeps quiet
    add both to rules/tests/alerts
alerts/value_in_label · error · a label holds $value: each change makes a new alert, and for begins anew
    put the value into an annotation
disable/error · warning · a comment wants to disable an error
    mend the error: only warnings can be disabled
disable/reason · warning · a comment disables a check without saying why
    write disable CHECK(reason)
disable/unknown · warning · a comment disables a check that does not exist
    correct the check's name
disable/useless · warning · a comment disables a check that finds nothing there
    remove the comment
file/encoding · error · a file is binary, or not UTF-8 text
    save it as UTF-8
file/kind · error · a folder, pipe, socket or device stands where a file should be
    put a plain file there
file/size · error · a file is too large to be a rules file (8 MB)
    split it into several files
file/unreadable · error · a file or folder is missing or cannot be read
    create it, or mend its permissions
foreign/unused · info · a declared foreign metric is one of ours or recorded by a rule
    remove it from foreign_metrics.yml
group/duplicate · error · two groups of one file have the same name
    rename one
group/interval · warning · the interval is 0 (an error), or so long that results have gaps
    evaluate at least every 5 minutes
limits/loosened · error · a guard is looser than rules/limits.yml allows
    tighten it; the limits have other owners
limits/restart · warning · limits.yml differs from the limits in force
    they take effect at the next start
online/conflict · warning · a label of the rule overwrites one of the result
    rename the rule's label
online/cost · warning · the query reads much or takes long
    record the inner part as a series
online/count · info · how often the alert would have fired
    raise the threshold or for where it is too often
online/error · error · the store refuses the expression
    correct it as the store says
online/range · warning · a window or offset beyond what the store keeps
    shorten it, or record a series
online/series · warning · a metric, label or value that the store does not have, or has not had for a week
    correct the selector, or wait for the exporter
online/store · error · the store did not answer
    check the address, the token and the store itself
online/window · warning · a window shorter than two scrapes as the store has them
    lengthen the window
outcomes/unknown_alert · error · rules/outcomes.yml names an alert that no rule has
    correct its name or remove it
playbook/ask · error · people are asked, and nothing says when the question ends
    write ask
playbook/budget · warning · a budget cannot be used, or lets a correlated failure through
    make the numbers agree
playbook/conflict · warning · two playbooks may act on one target: in contrary ways, or twice the same
    join them, or let one alert exclude the other
playbook/label · error · the expression's result lacks the label that the playbook acts on
    keep the label through every aggregation and join
playbook/missing · error · the playbook that the settings name for dead hosts is missing
    add it, or name another in liveness_playbook
playbook/name · error · a playbook is not named as its file
    rename one of the two
playbook/never · error · a guard that can never be met: the playbook would never act
    loosen it as far as the fleet can give
playbook/step · error · a step acts on something else than the playbook's target
    change the target, or the step
playbook/timing · warning · two waits contradict each other
    lengthen one or shorten the other
playbook/unknown · error · a rule names a playbook that does not exist
    correct the name, or write none
playbook/unnamed · error · an alert names no playbook
    write playbook: none where only people act
playbook/untested · warning · a playbook has no scenario
    add one to rules/tests/playbooks
playbook/unused · warning · no rule asks for a playbook
    name it in a rule, or remove it
playbook/webhook · warning · a playbook that acts calls a webhook that the settings do not name
    add it under webhooks in fleetmend.yml
promql/aggregate · warning · an aggregation groups by a label that is gone before
    keep the label through the inner aggregation, or leave it out
promql/comparison · warning · a comparison can never hold, or holds for every value
    correct the numbers or the operator
promql/counter · warning · a bare counter is compared with a number
    compare its increase or rate over a window
promql/fragile · warning · which series come out changes from one evaluation to the next
    aggregate by fixed labels, or add for
promql/impossible · warning · two sides have no label set in common, or a selector contradicts itself
    match on the labels that both sides have
promql/label · warning · a selector or list names a label that the metric does not have
    correct the label, or declare it in foreign_metrics.yml
promql/metric · warning · the metric is on none of our pages, recorded by no rule and not declared foreign
    correct the name, or declare it in foreign_metrics.yml
promql/metricsql · error · the expression uses what only MetricsQL has
    say it in PromQL: the rules must load in Prometheus too
promql/nan · warning · a division inside a sum or average: one 0/0 spoils the whole
    guard the denominator: / (x > 0)
promql/rate · warning · rate over what is no counter, delta over a counter, or a window too short for two samples
    use the function for the type, and a longer window
promql/regexp · warning · a regular expression that needs none, anchors itself, or matches everything
    use = or !=, or leave the matcher out
promql/selector · warning · a selector reads every metric, or metrics by a pattern
    name one metric
promql/subquery · warning · a subquery leaves its step to the server
    write the step: [1h:1m]
promql/syntax · error · the expression does not parse, or its types do not fit
    correct it where the parser stopped
promql/type · error · the result is a range, a text or a bare number, where a rule needs an instant vector
    take a function over the range, or compare a series
promql/vector_matching · warning · several elements on each side have the same labels to match on
    aggregate one side by those labels, or add the label that tells them apart
rule/dependency · warning · a recorded series is read that no rule makes, or that is made later or in another group
    record it before, in the same group
rule/duplicate · warning · two rules say the same
    remove one, or make them differ
rule/field · error · a rule with both or neither of alert and record, or a recording with an alert's fields
    write either an alert or a recording
rule/label · warning · a label that Prometheus sets itself, or a template in a recording's label
    remove it
rule/name · warning · a name outside the convention: HostDead for alerts, level:metric:operation for recordings
    rename it
rule/portable · info · a field that vmalert before 1.92 refuses
    leave it out where such an evaluator loads the rules
rule/reject · warning · a label or annotation holds a password
    take it out: alerts are sent to many places
schema/action · error · a step names no action, or one that does not exist
    name one of docs/actions
schema/choice · error · a value that is none of those allowed
    choose one of them
schema/missing_field · error · a field that has to be there is missing
    add it
schema/type · error · a value of the wrong kind
    write text, a number, a list or a mapping as asked
schema/unknown_field · error · a field that is not known here
    correct its name or remove it
schema/value · error · a value outside of what is allowed
    read what is allowed, and change it
settings/senseless · error · settings that are well-formed one by one and make no sense together
    change one of them
settings/unknown · error · an environment variable FLEETMEND_... that names no setting
    correct its name
yaml/alias · error · an alias (*name) has no anchor, or refers to itself
    name an anchor given before
yaml/boolean · error · yes, no, on or off, which YAML 1.1 reads as true or false
    write true or false, or quote it
yaml/depth · error · values are nested deeper than 40 levels
    no rule needs that depth: remove levels
yaml/documents · error · a file holds several YAML documents
    remove the second --- or split the file
yaml/duplicate_key · error · a key is given twice in one mapping
    remove one of the two
yaml/key · error · a key is not text
    quote it
yaml/merge_key · error · a merge key (<<) is used
    write the fields out
yaml/number · error · a number with too many digits
    write a smaller one, or quote it
yaml/octal · error · 012, which YAML 1.1 reads as an octal number
    quote it, or leave out the leading zero
yaml/sexagesimal · error · 1:30, which YAML 1.1 reads as a number in base 60
    quote it, or write 90s
yaml/size · error · a file holds too many values, or its aliases unfold into too many
    split the file, write fewer aliases
yaml/syntax · error · the YAML cannot be parsed
    mend it at the place named
yaml/tab · error · a tab stands where YAML wants spaces
    indent with spaces
yaml/tag · error · a tag (!name)
    remove it: text, numbers, true, false and null are read
"""


def _table() -> dict[str, Check]:
    lines = [line.strip() for line in _TABLE.strip().splitlines()]
    return dict(_row(first, advice) for first, advice in zip(lines[::2], lines[1::2], strict=True))


def _row(first: str, advice: str) -> tuple[str, Check]:
    name, severity, finds = first.split(" · ")
    # Spelled out, so that a word that is none of them is found by the type checker and not by a user.
    known: dict[str, Severity] = {"error": "error", "warning": "warning", "info": "info"}
    return name, Check(name, known[severity], finds, advice)


CHECKS = _table()
