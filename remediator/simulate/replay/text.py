"""A replay for people: what was done, what was held, budgets, flaps, and a timeline a terminal can draw."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from remediator.model.decision import DecisionOutcome
from remediator.simulate.replay.compare import Comparison, Difference
from remediator.simulate.replay.marks import KINDS, Mark, marks
from remediator.simulate.replay.past import Stretch
from remediator.simulate.replay.results import HoldLife, Replayed, Use

# One sign for each kind of mark: drawn, and in plain text.
SIGNS = ("·▒s█HA", ".fsDHA")
MOST_ROWS = 60


def moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%m-%d %H:%M:%S}"


def span(length: timedelta) -> str:
    """A length of time in its two largest units: 3 d 4 h, 2 m 10 s, 1.5 s."""
    seconds = length.total_seconds()
    if seconds < 60:
        return f"{seconds:.1f} s"
    units = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
    parts = []
    for name, size in units:
        parts.append((int(seconds // size), name))
        seconds %= size
    first = next(index for index, (count, _) in enumerate(parts) if count)
    return " ".join(f"{count} {name}" for count, name in parts[first : first + 2] if count)


def timeline(replayed: Replayed, width: int, *, plain: bool) -> Iterator[str]:
    """A row for each target, a column for each equal piece of the stretch, below them what the signs mean."""
    found = marks(replayed)
    if not found:
        yield "Nothing fired, nobody was lost, nothing was decided."
        return
    rows = list(found)[:MOST_ROWS]
    room = min(24, max(len(name) for name in rows))
    columns = max(10, width - room - 3)
    stretch = replayed.stretch
    yield f"{'':{room}}  {moment(stretch.start)}{moment(stretch.end):>{max(15, columns - 14)}}"
    edge = "|" if plain else "│"
    for name in rows:
        yield f"{name[:room]:{room}} {edge}{_row(found[name], stretch, columns, SIGNS[plain])}{edge}"
    if len(found) > len(rows):
        yield f"{'':{room}}  and {len(found) - len(rows)} more (--json has them all)"
    yield f"{'':{room}}  " + "  ".join(f"{sign} {word}" for sign, word in zip(SIGNS[plain], KINDS, strict=True))


def _row(marks_of_one: Iterable[Mark], stretch: Stretch, columns: int, signs: str) -> str:
    cells = [-1] * columns
    for mark in marks_of_one:
        low = max(0, int((mark.start - stretch.start) / stretch.length * columns))
        high = min(columns - 1, int((mark.end - stretch.start) / stretch.length * columns))
        for column in range(low, high + 1):
            cells[column] = max(cells[column], mark.kind)
    return "".join(" " if kind < 0 else signs[kind] for kind in cells)


def told(replayed: Replayed) -> Iterator[str]:
    """Everything but the timeline."""
    stretch = replayed.stretch
    yield f"{moment(stretch.start)} to {moment(stretch.end)} ({span(stretch.length)})"
    for part, source in replayed.sources.items():
        yield f"  {part}: {source}"
    yield from (f"  note: {note}" for note in replayed.notes)
    for report in replayed.rules:
        if report.error or report.how.startswith("with"):
            yield f"  rule {report.rule}: {report.error or report.how}"
    yield from _acts(replayed)
    yield from _holds(replayed.holds)
    yield from _others(replayed)
    yield from _flaps(replayed)
    yield from _budgets(replayed)


def _acts(replayed: Replayed) -> Iterator[str]:
    acts = replayed.acts
    targets = len({(act.playbook, act.target) for act in acts})
    yield f"\nActed on: {targets} targets, {len(acts)} acts"
    for act in acts:
        yield f"  {moment(act.at)}  {act.playbook:20} {act.target:12} {act.text}"


def _holds(holds: list[HoldLife]) -> Iterator[str]:
    yield f"\nHeld: {len(holds)} times"
    for hold in sorted(holds, key=lambda each: each.decision.at):
        held = hold.decision
        about = f"{held.playbook:20} {held.target:12} {held.action}: {held.reason}"
        yield f"  {moment(held.at)}  {about} for {span(hold.lasted)} ({held.text})"


def _others(replayed: Replayed) -> Iterator[str]:
    others = [each for each in replayed.decisions if each.outcome in (DecisionOutcome.SHADOW, DecisionOutcome.ASK)]
    if others:
        yield f"\nShadowed or asked for: {len(others)}"
    for each in others:
        yield f"  {moment(each.at)}  {each.playbook:20} {each.target:12} {each.action}: {each.text}"


def _flaps(replayed: Replayed) -> Iterator[str]:
    flaps = replayed.flaps()
    if flaps:
        yield "\nFlaps (fired more than once, or pending in vain):"
    for (rule, element), (fired, pending) in sorted(flaps.items(), key=lambda each: -sum(each[1])):
        yield f"  {rule} {{{element}}}: fired {fired} times, pending in vain {pending} times"


def _budgets(replayed: Replayed) -> Iterator[str]:
    if replayed.budgets:
        yield "\nBudgets:"
    for (playbook, what, where), uses in sorted(replayed.budgets.items()):
        most = max(uses, key=lambda use: (use.used, -use.allowed))
        hours = ", ".join(f"{hour:%m-%d %H}h {used}" for hour, used in by_hour(uses)[:12])
        yield f"  {playbook:20} {what:15} {where:16} at most {most.used} of {most.allowed}  by hour: {hours}"


def by_hour(uses: list[Use]) -> list[tuple[datetime, int]]:
    """The most that was used in each hour in which there was any use."""
    found: dict[datetime, int] = {}
    for use in uses:
        hour = use.at.replace(minute=0, second=0, microsecond=0)
        found[hour] = max(found.get(hour, 0), use.used)
    return sorted((hour, used) for hour, used in found.items() if used)


def told_reproduction(comparison: Comparison) -> Iterator[str]:
    """How much of the journal's own decisions came out again, and every one that did not."""
    kept = comparison.total - len(comparison.missing)
    yield f"\nReproduced: {kept} of {comparison.total} decisions of the journal ({comparison.share:.1%})"
    yield from _differences("only in the journal", comparison.missing)
    yield from _differences("only in the replay", comparison.extra)


def told_against(comparison: Comparison, revision: str) -> Iterator[str]:
    """What these rules do that those of a revision do not, and the other way round."""
    count = len(comparison.missing) + len(comparison.extra)
    yield f"\nAgainst {revision}: " + (f"{count} decisions differ" if count else "no decision differs")
    yield from _differences("only with these rules", comparison.missing)
    yield from _differences(f"only with {revision}", comparison.extra)


def _differences(title: str, differences: list[Difference]) -> Iterator[str]:
    for each in differences:
        one = each.decision
        about = f"{one.playbook} {one.target} {one.action} {one.outcome.value} {one.reason}"
        yield f"  {title}: {moment(one.at)} {about}; the other side: {each.why}"
