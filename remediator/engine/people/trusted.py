"""A person trusts a playbook again that helped too seldom: it acts by itself, and is judged from here on. PURE."""

from remediator.engine.guards.effectiveness import fallen
from remediator.engine.people.spoken import Change, Ground, told_by, unknown
from remediator.model.said import Said, Trust


def trusted(word: Trust, said: Said, ground: Ground) -> Change:
    """One playbook, by its name.

    Raises:
        Refused: no playbook is called so.
    """
    playbook, record = ground.playbooks.get(word.playbook), ground.fleet.records.get(word.playbook)
    if playbook is None:
        raise unknown("playbook", word.playbook, ground.playbooks)
    if record is None or not fallen(playbook, record):
        return Change(word.playbook, f"{word.playbook} is trusted to act by itself already")
    told = f"{word.playbook} acts by itself again{told_by(said)}"
    return Change(word.playbook, told, (record.trusted_again(said.by, said.why, ground.now),))
