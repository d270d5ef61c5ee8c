"""A person's word on who stands under a known name. PURE."""

from remediator.engine.evidence import identity
from remediator.engine.machines.refusals import precondition
from remediator.engine.people.spoken import Change, Ground, host_named, told_by
from remediator.model.said import Accept, Said


def accepted(word: Accept, said: Said, ground: Ground) -> Change:
    """The other identity becomes the host's own, and comes in at its next try.

    Raises:
        Refused: no such host, or nobody else has greeted under its name.
    """
    host = host_named(word.host, ground)
    if host.identity_claim is None:
        if host.boot_id == f"{word.answer} by {said.by}":
            return Change(host.name, f"{host.name} is taken as {word.answer} already")
        raise precondition(f"no other identity has greeted as {host.name}")
    after = identity.answered(host, identity.Word(word.answer), said.by, ground.now)
    told = f"{host.name}: who greets under this name is taken as {word.answer}{told_by(said)}"
    return Change(host.name, told, (after,))
