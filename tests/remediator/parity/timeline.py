"""What our evaluation makes of rules at every slot, over data that a real store holds; on virtual time."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from remediator.clock import SystemClock
from remediator.model.alert import Alert, AlertState, Group, Rule
from remediator.model.evidence import Gate
from remediator.sources.rounds import Means, begin, evaluate_group
from remediator.sources.store import Store
from remediator.sources.write_back import WriteBack

# promtool's time begins with the epoch; remote write is for later days, so ours begins here. It is a multiple of
# seven and of five minutes: what generated rules make of time() is the same.
START = datetime.fromtimestamp(60 * 35 * 50_000, UTC)


@dataclass(frozen=True)
class Moment:
    """One rule's active alerts at one slot, and its error if there was one."""

    slot: int
    rule: Rule
    alerts: tuple[Alert, ...]
    error: str


def timeline(store: str, group: Group, slots: int) -> Iterator[Moment]:
    """Every slot of the group; what it records goes into the store, as in a running evaluator."""
    open_gate = Gate(open=True, reason="", since=START)
    with closing(WriteBack(store)) as writer:
        means = Means(Store(store, timedelta(seconds=30)), SystemClock(), lambda: open_gate, writer)
        runs = [begin(rule) for rule in group.rules]
        for slot in range(slots):
            runs = evaluate_group(group, runs, START + slot * group.interval, 0, means)
            assert writer.settle(10), writer.trouble
            for run in runs:
                active = tuple(alert for alert in run.state.alerts if alert.state is not AlertState.RESOLVED)
                yield Moment(slot, run.rule, active, run.state.error)
        assert not writer.dropped
