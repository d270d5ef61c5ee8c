"""What verdicts make of hosts, written down: lives, statuses, and the votes behind each change of a verdict."""

from datetime import datetime
from typing import Any

from remediator.engine.evidence.lives import LifeTimes, next_host
from remediator.model.evidence import Sighting, Verdict, VerdictKind
from remediator.model.fleet import Fleet
from remediator.runtime.ledger import Draft

# Every start of ours, and every host that is well, would tell these.
_UNTOLD = frozenset({VerdictKind.ALIVE, VerdictKind.NO_EVIDENCE})


def live(fleet: Fleet, times: LifeTimes, draft: Draft, now: datetime) -> None:
    """Put down what has changed of whoever was judged anew."""
    for name in fleet.hosts if fleet.judged is None else sorted(fleet.judged):
        host, verdict, sighting = fleet.hosts.get(name), fleet.verdicts.get(name), fleet.sightings.get(name)
        if host is None or verdict is None or sighting is None or not host.joined:
            continue
        if verdict.since >= now and verdict.kind not in _UNTOLD:
            draft.note(
                now, "votes", name, {"kind": verdict.kind, "reason": verdict.reason, **_heard(verdict, sighting)}
            )
        after = next_host(host, verdict, sighting, times, now)
        if after == host:
            continue
        draft.put(after)
        if (after.life, after.status, after.fence) != (host.life, host.status, host.fence):
            body = {"life": after.life, "status": after.status, "reason": after.reason, "fence": after.fence}
            told = {"votes": _votes(fleet, host.name), "suspect_since": verdict.suspect_since}
            draft.note(now, "host", host.name, body | told)


def _heard(verdict: Verdict, sighting: Sighting) -> dict[str, Any]:
    """Kept once per change of a verdict: who heard what, how much each is believed, and what is claimed."""
    claims = {claim.by: claim.text for claim in sighting.claims}
    votes = {vote.vantage: vote.outcome.value if vote.outcome else "" for vote in sighting.votes}
    return {"votes": votes, "weights": dict(verdict.weights), "claims": claims}


def _votes(fleet: Fleet, host: str) -> dict[str, str]:
    return {vote.vantage: vote.outcome.value if vote.outcome else "" for vote in fleet.sightings[host].votes}
