"""`fleetmend check --online`: what the rules would meet in the metrics store."""

from dataclasses import replace
from datetime import timedelta

from remediator.clock import SystemClock
from remediator.commands.tables import Listing, show
from remediator.policy.check import Checked
from remediator.policy.disable import read_comments, without_disabled
from remediator.simulate.online.rules import ask_online, asking_at, table

DEFAULT_STORE, DEFAULT_TIMEOUT = "http://127.0.0.1:8428", timedelta(seconds=30)


def with_online(checked: Checked, store: str | None, *, tell: bool = False) -> Checked:
    """What was found, and what the store adds; ``tell`` shows what each rule costs and how often it would have fired.

    Rules that cannot be used are not asked about.
    """
    if checked.reading.errors:
        return checked
    settings = checked.settings
    url = store or (settings.store_url if settings else DEFAULT_STORE)
    token = settings.store_token_file if settings and not store else None
    timeout = settings.store_timeout if settings else DEFAULT_TIMEOUT
    report = ask_online(
        checked.reading.policy, checked.documents, asking_at(url, SystemClock().now(), timeout, token)
    )
    if tell and report.rows:
        show(Listing(*table(report)))
    comments = {one.file: read_comments(one) for one in checked.documents.values()}
    return replace(checked, problems=tuple(sorted({*checked.problems, *without_disabled(report.problems, comments)})))
