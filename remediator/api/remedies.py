"""What would change a hold: one sentence per reason, for people."""

_SENTENCES = {
    "Acting": "nothing: it is under way",
    "Approve": "a person's approval",
    "NeedsApproval": "a person's approval, or mode auto in its playbook",
    "ModeShadow": "mode auto (or approve) in its playbook; in shadow it only says what it would do",
    "Backlog": "time: the window after the start or the change of rules must end, or fewer must ask at once",
    "BudgetInFlight": "an open remediation in the same scope coming to its end, or a wider budget in the playbook",
    "BudgetRate": "time: the oldest act must leave the budget's window; or a wider budget in the playbook",
    "BudgetNewlyUnhealthy": "fewer hosts that newly fell in the window, or a person's release of the incident",
    "Cooldown": "time: the same step may be repeated on this target when its cooldown is over",
    "BurstStuck": "a provider that answers (see its note), or time: it is asked again after the cooldown",
    "CordonedFor": "a person who says that the work on the host is over: take the playbook out of 'not_by'",
    "Correlated": "fewer suspects under that label, proof that the group is down, or a person's release",
    "Disabled": "another mode in its playbook: shadow, approve or auto",
    "EvidenceDisagrees": "direct evidence: heartbeats and probes must say what the rule says",
    "EvidenceStale": "fresh probe results from the assigned vantages",
    "Frozen": "an operator's 'fleetmend thaw'",
    "GateClosed": "a metrics store that can be trusted again (60 s good), or proof of power-off as second witness",
    "GateClosedOneAtATime": "the end of the other remediation in this region, or a metrics store that can be trusted",
    "GuardFailed": "a repair of that guard: one that fails blocks",
    "Lost": "its return: it is lost already, and its explanation tells what is done about it",
    "Maintenance": "the end of the maintenance, and the host seen healthy once",
    "NotAdmitted": "its condemned machines seen absent, and the originals that stay seen running again",
    "NoPlaybook": "a playbook of that name, or another liveness_playbook in the settings",
    "NoRoom": "room: a host that joins (a burst is asked for where the playbook says so) or work that leaves",
    "NotAsked": "a rule that fires (see what is missing), or direct evidence, where the playbook asks for it",
    "NotJoined": "that it joins: an agent with a join token",
    "QuorumTooSmall": "more assigned vantages outside its rack that agree",
    "Retired": "nothing: it is not to come back",
    "SecondWitnessMissing": "a second witness: a firing rule with the gate open, or proof of power-off",
    "Settling": "time: the signal must hold unbroken a little longer",
    "TooFewVantages": "probers in more racks: two at least must hear nothing",
    "WebhookFailed": "an address under webhooks in the settings, and a system behind it that accepts the call",
    "held": "what its reason asks for, a person, or the return of its host",
    "waiting": "the return of its host, proof that the source is off, or a person's word",
}


def what_would_help(reason: str, text: str) -> str:
    """The sentence for a hold's reason; an unknown reason is told in its own words."""
    return _SENTENCES.get(reason) or f"that this is no longer so: {text}"
