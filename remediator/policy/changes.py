"""What differs between two sets of rules, and whether their files may have changed at all."""

from collections.abc import Mapping
from pathlib import Path

from remediator.model.alert import Rule
from remediator.model.policy import Policy

Stamps = Mapping[str, tuple[int, int, int]]


def stamp_files(folder: Path) -> Stamps:
    """Size, time of change (ns) and inode of every file below the folder; links are followed, what is gone left out.

    Cheap enough to ask twice a second. An edit that keeps all three is not seen: SIGHUP reads regardless.
    """
    found: dict[str, tuple[int, int, int]] = {}
    for path in sorted(folder.glob("**/*.y*ml")):
        try:
            stat = path.stat()
        except OSError:
            continue
        found[str(path)] = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
    return found


def changed_playbooks(before: Policy, after: Policy) -> frozenset[str]:
    """The playbooks that may now be asked for differently, or act differently: their own files, or rules naming them.

    An annotation, a comment, or a rule's place in its file changes nothing.
    """
    names = before.playbooks.keys() | after.playbooks.keys()
    edited = {name for name in names if before.playbooks.get(name) != after.playbooks.get(name)}
    asked_before, asked_after = _askers(before), _askers(after)
    rules = {name for name in names if asked_before.get(name) != asked_after.get(name)}
    return frozenset(edited | rules)


def _askers(policy: Policy) -> dict[str, frozenset[str]]:
    """By playbook, what its rules ask in words that differ exactly when the asking does."""
    found: dict[str, set[str]] = {}
    for group in policy.groups:
        for rule in group.rules:
            asks = f"{group.file};{group.name};{group.interval};{group.limit};{_asking(rule)}"
            found.setdefault(rule.labels.get("playbook", ""), set()).add(asks)
    return {name: frozenset(asks) for name, asks in found.items()}


def _asking(rule: Rule) -> str:
    return repr(
        (rule.name, rule.expr, rule.hold_for, rule.keep_firing_for, sorted(rule.labels.items()), rule.outcomes)
    )
