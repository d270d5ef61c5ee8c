"""Whether an agent has heard more of us than our journal holds: then an older copy of it was restored. PURE."""

from collections.abc import Mapping
from dataclasses import dataclass

from remediator.model.enrolment import Term

# When each term began, as its welcomes told it, by incarnation and number.
History = Mapping[tuple[str, int], str]


@dataclass(frozen=True, slots=True)
class Heard:
    """The highest authority that an agent has heard, and when its term began, as it was told; empty when never.

    ``epoch`` is the one that its host was given, 0 where that is not told or says nothing of the host that we know.
    """

    incarnation: str = ""
    term: int = 0
    sequence: int = 0
    began: str = ""
    epoch: int = 0


def ahead(heard: Heard, term: Term, history: History, epoch: int) -> str:
    """How the agent is ahead of us, in words for people; empty when it is not. ``epoch`` is that of its host with us.

    A copy that was restored and started more often than the journal was since has higher terms than any agent has
    heard: then it is the moment at which a term began that tells the two apart. One that was made within the term
    of which agents have heard last lacks what was given in it since.
    """
    if not heard.incarnation:
        return ""
    if heard.incarnation != term.incarnation:
        # They begin with the moment of their birth: one that is older than ours came before it.
        older = heard.incarnation < term.incarnation
        return "" if older else f"it has heard incarnation {heard.incarnation}, ours is {term.incarnation}"
    if heard.term > term.number:
        return f"it has heard term {heard.term}, ours is {term.number}"
    began = history.get((heard.incarnation, heard.term), "")
    if heard.began and began and heard.began != began:
        return f"it has heard a term {heard.term} that began {heard.began}, ours began {began}"
    return f"its host was given epoch {heard.epoch}, ours is {epoch}" if heard.epoch > epoch else ""
