"""Software RAID as /proc/mdstat tells it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

MEMBER = re.compile(r"^[^\[\s]+\[\d+\](?P<marks>(?:\([A-Z]\))*)$")
BLOCKS = re.compile(r"^(\d+) blocks")
# "[3/2]": so many members are wanted, so many work.
MEMBERS = re.compile(r"\[(\d+)/(\d+)\]")
ACTION = re.compile(r"\b(resync|recovery|recover|check|reshape|repair)\s*=\s*(\S+)")
DONE = re.compile(r"\((\d+)/\d+\)")
# What an array does, in the words of node_md_state. A reshaping array serves, and nobody has a word for it.
STATES = {"recovery": "recovering", "recover": "recovering", "check": "check", "resync": "resync", "repair": "resync"}
# Personalities that lose everything with the first member, and so do not count them.
WHOLE = frozenset({"raid0", "linear"})


@dataclass(frozen=True, slots=True)
class Array:
    """One array. ``required`` counts the members of a whole one, 0 if it is unknown; blocks are of 1 KiB.

    A member that was removed is neither active nor failed nor spare: it is missing from ``required``.
    """

    device: str
    state: str
    active: int
    failed: int
    spare: int
    required: int
    blocks: int
    synced: int


def parse_mdstat(text: str) -> list[Array]:
    """In the file's order. An array is a line that begins with its name, and the indented ones below it."""
    return [_parse_array(lines) for lines in _sections(text)]


def _sections(text: str) -> Iterator[list[str]]:
    lines: list[str] = []
    for line in text.splitlines():
        if line[:1].isspace() and lines:
            lines.append(line.strip())
        elif line.partition(" ")[2].startswith(": ") and not line.startswith("Personalities"):
            if lines:
                yield lines
            lines = [line]
    if lines:
        yield lines


def _parse_array(lines: list[str]) -> Array:
    words = lines[0].split()
    marks = [found["marks"] for word in words if (found := MEMBER.match(word))]
    blocks = next((int(found[1]) for line in lines if (found := BLOCKS.match(line))), 0)
    array = Array(
        device=words[0],
        # A "broken" array has lost a member that it cannot do without.
        state="active" if words[2] == "active" else "inactive",
        active=0,
        failed=sum("(F)" in mark for mark in marks),
        spare=sum("(S)" in mark for mark in marks),
        required=0,
        blocks=blocks,
        synced=blocks,
    )
    return _with_action(_with_members(array, words, len(marks), lines[1:]), lines[1:])


def _with_members(array: Array, words: list[str], listed: int, lines: list[str]) -> Array:
    if array.state == "inactive":
        return array
    if WHOLE & set(words):
        return replace(array, active=listed - array.failed, required=listed)
    # The last one: a bitmap's line has brackets too, but no fraction.
    found = next((found for line in lines if BLOCKS.match(line) and (found := MEMBERS.search(line))), None)
    return replace(array, required=int(found[1]), active=int(found[2])) if found else array


def _with_action(array: Array, lines: list[str]) -> Array:
    """A resync that waits (PENDING, DELAYED, REMOTE) has synced nothing yet."""
    for line in lines:
        if found := ACTION.search(line):
            done = DONE.search(line)
            state = STATES.get(found[1], array.state)
            return replace(array, state=state, synced=int(done[1]) if done else 0)
    return array
