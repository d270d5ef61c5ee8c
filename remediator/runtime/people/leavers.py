"""What follows, look by look, from people's words: hosts that leave, and words that ended long ago."""

from dataclasses import replace
from datetime import datetime, timedelta

from remediator.engine.people.leaving import departed, moves
from remediator.model.fleet import Fleet
from remediator.model.host import Host
from remediator.model.layered import picked
from remediator.model.people import Answer
from remediator.runtime.effects import written as effects
from remediator.runtime.ledger import Draft
from remediator.runtime.people.spoken import put_all

# Words that ended are kept this long for people to read; history has them for good.
KEEP_WORDS = timedelta(days=1)


def leave(fleet: Fleet, draft: Draft, now: datetime) -> None:
    """Hosts that a person attested or removes come one step nearer to their end."""
    going = picked(fleet.hosts, "leaving", value=True)
    if not going:
        return
    # What this very look has changed already stands.
    fleet = replace(
        fleet,
        machines=draft.overlay(fleet.machines, "Machine"),
        destroys=draft.overlay(fleet.destroys, "Destroy"),
        volumes=draft.overlay(fleet.volumes, "Volume"),
    )
    for host in going:
        rows = tuple(departed(host, fleet, now))
        put_all(rows, draft, fleet.operations)
        gone = draft.get(Host, host.name) or host
        for effect in moves(gone, fleet, now):
            effects.write(effect, draft, "", now)
        if gone.life is not host.life:
            draft.note(now, "host", host.name, {"life": gone.life, "status": gone.status, "reason": gone.reason})


def forget_words(fleet: Fleet, draft: Draft, now: datetime) -> None:
    """Holds and releases that ended, and questions that are over."""
    for hold in fleet.operator_holds.values():
        if now - hold.until > KEEP_WORDS:
            draft.delete(hold)
    for release in fleet.releases.values():
        if now - release.until > KEEP_WORDS:
            draft.delete(release)
    for question in fleet.approvals.values():
        over = question.answer in (Answer.VOID, Answer.USED) and now > question.expires_at
        if over and now - (question.answered_at or question.expires_at) > KEEP_WORDS:
            draft.delete(question)
