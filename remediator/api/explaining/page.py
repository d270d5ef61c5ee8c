"""An explanation as a page of its own: no script, nothing loaded from elsewhere."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path

from remediator.api.explaining.account import Told
from remediator.api.explaining.explain import Explanation
from remediator.api.page import policy_of

_TEMPLATE = Path(__file__).parent.parent / "page" / "explain.html"
_KINDS = {
    "passed": "good", "done": "good", "complete": "good", "acts": "move", "would act": "move", "holds": "bad",
    "held": "bad", "asks": "warn", "shadow": "warn", "waits": "warn", "not asked": "", "not reached": "",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Page:
    """HTML and the headers under which it is served."""

    text: str
    headers: dict[str, str]


def explain_page(told: Explanation, now: datetime) -> Page:
    """The page; every word of the fleet goes in escaped."""
    template = _TEMPLATE.read_text(encoding="utf-8")
    parts = {
        "title": f"{told.kind} {told.subject}",
        "now": f"{now:%Y-%m-%d %H:%M:%S}Z",
    }
    text = template
    for name, value in parts.items():
        text = text.replace(f"{{{name}}}", escape(value))
    text = text.replace("{body}", "".join(_sections(told)))
    headers = {
        "Content-Security-Policy": policy_of(text),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
    return Page(text, headers)


def _sections(told: Explanation) -> Iterable[str]:
    yield _list("What is so", told.now)
    if told.whatif:
        yield _list("If it died now", (told.whatif,))
    for account in told.accounts:
        yield _account(account)
    yield _list("What is held, and why", told.held)
    yield _list("What would change it", told.would_change)
    yield _list("What was decided", told.decided)


def _account(told: Told) -> str:
    title = f"Playbook {told.playbook} ({told.mode}) on {told.target}"
    nearest = f"Nearest blocker: {told.nearest}. {told.nearest_text}" if told.nearest else "Nothing blocks it."
    helps = f'<p class="helps">Would change it: {escape(told.would_change)}</p>' if told.would_change else ""
    guards = [(word.guard, word.state, _reason(word.reason, word.text)) for word in told.guards]
    steps = [(rung.action, rung.state, _reason(rung.reason, rung.text)) for rung in told.steps]
    kind = "bad" if told.nearest else "good"
    inside = (
        f'<p class="nearest {kind}">{escape(nearest)}</p>{helps}'
        f"{_items(told.asked_by)}{_table('Guard', guards)}{_table('Step', steps)}"
    )
    return f"<section><h2>{escape(title)}</h2>{inside}</section>"


def _reason(reason: str, text: str) -> str:
    return f"{reason}: {text}" if reason and reason != "Acting" else text


def _table(head: str, rows: Iterable[tuple[str, str, str]]) -> str:
    cells = "".join(
        f'<tr><td class="strong">{escape(name)}</td>'
        f'<td><span class="chip {_KINDS.get(state, "")}">{escape(state)}</span></td><td>{escape(text)}</td></tr>'
        for name, state, text in rows
    )
    return (
        f"<table><thead><tr><th>{head}</th><th>State</th><th>Numbers</th></tr></thead><tbody>{cells}</tbody></table>"
    )


def _list(title: str, sentences: Iterable[str]) -> str:
    items = _items(sentences)
    return f"<section><h2>{escape(title)}</h2>{items}</section>" if items else ""


def _items(sentences: Iterable[str]) -> str:
    lines = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f"<ul>{lines}</ul>" if lines else ""
