"""A replay as one HTML file that needs nothing else: no script, no font, no address of anybody's."""

from collections.abc import Iterable, Sequence
from html import escape

from remediator.simulate.replay.compare import Comparison, Difference
from remediator.simulate.replay.marks import KINDS, Mark, marks
from remediator.simulate.replay.past import Stretch
from remediator.simulate.replay.results import Replayed
from remediator.simulate.replay.text import by_hour, moment, span

WIDTH, ROW = 1000, 18
_MOST_ROWS = 400
_COLOURS = ("#f2d27a", "#e0962e", "#9b8bd0", "#b3261e", "#7a7a7a", "#1b6e3c")
_STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.2rem .6rem;border-bottom:1px solid #8884}
td:first-child{white-space:nowrap}
svg{width:100%;height:auto;background:#8881}svg text{fill:currentColor;font:11px sans-serif}
.key i{display:inline-block;width:.9em;height:.9em;margin:0 .3em 0 1em;vertical-align:-.1em}
"""


def as_html(replayed: Replayed, reproduction: Comparison | None, against: tuple[str, Comparison] | None) -> str:
    """The whole page; whatever came from rules, hosts or stores is escaped."""
    stretch = replayed.stretch
    title = f"Replay {moment(stretch.start)} to {moment(stretch.end)}"
    parts = [f"<h1>{escape(title)}</h1>", _sources(replayed), _timeline(replayed), *_decisions(replayed)]
    if reproduction:
        share = f"{reproduction.share:.1%} of {reproduction.total} decisions of the journal"
        parts.append(f"<h2>Reproduced: {share}</h2>")
        parts.append(_differences(reproduction, "only in the journal", "only in the replay"))
    if against:
        parts.append(f"<h2>Against {escape(against[0])}</h2>")
        parts.append(_differences(against[1], "only with these rules", f"only with {against[0]}"))
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def _sources(replayed: Replayed) -> str:
    told = [f"{part}: {source}" for part, source in replayed.sources.items()] + replayed.notes
    told += [f"rule {each.rule}: {each.error}" for each in replayed.rules if each.error]
    return "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in told) + "</ul>"


def _timeline(replayed: Replayed) -> str:
    found = marks(replayed)
    if not found:
        return "<p>Nothing fired, nobody was lost, nothing was decided.</p>"
    rows = list(found)[:_MOST_ROWS]
    bars = "".join(_bars(number, name, found[name], replayed.stretch) for number, name in enumerate(rows))
    key = "".join(f'<i style="background:{colour}"></i>{kind}' for colour, kind in zip(_COLOURS, KINDS, strict=True))
    more = f"<p>and {len(found) - len(rows)} more</p>" if len(found) > len(rows) else ""
    box = f"0 0 {WIDTH + 160} {ROW * len(rows)}"
    return f'<h2>Timeline</h2><p class="key">{key}</p><svg viewBox="{box}" role="img">{bars}</svg>{more}'


def _bars(number: int, name: str, mine: Sequence[Mark], stretch: Stretch) -> str:
    top = number * ROW
    label = f'<text x="0" y="{top + ROW - 5}">{escape(name[:24])}</text>'
    return label + "".join(_bar(top, mark, stretch) for mark in sorted(mine, key=lambda mark: mark.kind))


def _bar(top: int, mark: Mark, stretch: Stretch) -> str:
    low = max(0.0, (mark.start - stretch.start) / stretch.length) * WIDTH
    high = min(1.0, (mark.end - stretch.start) / stretch.length) * WIDTH
    about = escape(f"{moment(mark.start)} {mark.text}")
    place = f'x="{160 + low:.1f}" y="{top + 2}" width="{max(3.0, high - low):.1f}" height="{ROW - 4}"'
    return f'<rect {place} fill="{_COLOURS[mark.kind]}"><title>{about}</title></rect>'


def _decisions(replayed: Replayed) -> Iterable[str]:
    acts = [(moment(act.at), act.playbook, act.target, act.text) for act in replayed.acts]
    yield _table(f"Acted on: {len({act.target for act in replayed.acts})} targets", "at playbook target what", acts)
    holds = [
        (moment(each.decision.at), each.decision.playbook, each.decision.target, each.decision.reason,
         span(each.lasted), each.decision.text)
        for each in sorted(replayed.holds, key=lambda hold: hold.decision.at)
    ]  # fmt: skip
    yield _table(f"Held: {len(holds)} times", "at playbook target guard for why", holds)
    flaps = [(rule, name, str(fired), str(vain)) for (rule, name), (fired, vain) in replayed.flaps().items()]
    yield _table("Flaps", "rule element fired pending-in-vain", flaps)
    budgets = [
        (playbook, what, where, str(max(use.used for use in uses)), str(uses[-1].allowed),
         ", ".join(f"{hour:%m-%d %H}h {used}" for hour, used in by_hour(uses)))
        for (playbook, what, where), uses in replayed.budgets.items()
    ]  # fmt: skip
    yield _table("Budgets", "playbook what where most allowed by-hour", budgets)


def _differences(comparison: Comparison, here: str, there: str) -> str:
    rows = [_difference(here, each) for each in comparison.missing]
    rows += [_difference(there, each) for each in comparison.extra]
    return _table("Differences", "side at playbook target what other-side", rows) if rows else "<p>None.</p>"


def _difference(side: str, each: Difference) -> tuple[str, ...]:
    one = each.decision
    what = f"{one.action} {one.outcome.value} {one.reason}"
    return (side, moment(one.at), one.playbook, one.target, what, each.why)


def _table(title: str, headings: str, rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return f"<h2>{escape(title)}</h2><p>None.</p>"
    head = "".join(f"<th>{escape(name.replace('-', ' '))}</th>" for name in headings.split())
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<h2>{escape(title)}</h2><table><tr>{head}</tr>{body}</table>"
