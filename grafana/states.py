"""What the dashboards share: their selectors, and words as numbers, so that a state timeline can colour them."""

from collections.abc import Sequence

from grafana.panels import State

# What the dashboard's variables choose, as label matchers.
REGION = 'region=~"$region"'
HOST = 'host="$host"'

HOST_STATUS = (
    State(0, "unreachable", "red"),
    State(1, "unknown", "yellow"),
    State(2, "ok", "green"),
)
HOST_LIFE = (
    State(0, "dead", "red"),
    State(1, "suspect", "yellow"),
    State(2, "returning", "blue"),
    State(3, "probation", "purple"),
    State(4, "healthy", "green"),
    State(5, "retired", "text"),
)
PROBE_OUTCOME = (
    State(0, "ok", "green"),
    State(1, "silent", "red"),
    State(2, "refused", "orange"),
    State(3, "reset", "orange"),
    State(4, "wrong_answer", "yellow"),
    State(5, "error_here", "purple"),
)
GATE = (State(0, "closed", "red"), State(1, "open", "green"))
FROZEN = (State(0, "acting", "green"), State(1, "frozen", "red"))
GIVEN = (State(0, "no", "transparent"), State(1, "yes", "blue"))
SCRAPED = (State(0, "fails", "red"), State(1, "answers", "green"))
FIRING = (State(0, "quiet", "transparent"), State(1, "firing", "red"))


def ranked(metric: str, matchers: str, label: str, states: Sequence[State], by: str) -> str:
    """An expression for the number of the state that is 1 on ``metric{label=...}``, per ``by``.

    The exporter publishes every state as 0 or 1, so the state numbered 0 needs no term of its own.
    """
    return " + ".join(
        f'{state.value} * max by ({by}) ({metric}{{{matchers}, {label}="{state.text}"}})'
        for state in states
        if state.value
    )
