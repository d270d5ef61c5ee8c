"""Requests of tenants and operators, through the real doors where there are any."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from remediator.clock import Clock
from remediator.engine.machines.refusals import Refused
from remediator.model.asks import LaunchAsk
from remediator.model.errors import FleetmendError
from remediator.model.host import Host
from remediator.model.people import Scope
from remediator.model.request import Origin
from remediator.model.said import Accept, Approve, Deny, Keep, LetGo, Maintain, Retire, Said, Word
from remediator.runtime.agents.watch import Watch
from remediator.runtime.ledger import Ledger
from remediator.runtime.machines.requests import Requests
from remediator.runtime.people.spoken import People
from remediator.runtime.rewound import Rewound
from remediator.settings import Settings
from remediator.simulate.world.judge import Answer, Ask
from remediator.simulate.world.told import Told
from remediator.simulation.gauge import StoreGauge
from remediator.simulation.keeping import at_once
from remediator.simulation.sending import Sender

_NOWHERE = Path("nowhere")
# So long after a start a person waits for agents to greet before the gap is taken for what it is.
LISTENS = timedelta(seconds=30)


class Desk:
    """Answers asks; each is durable when it is answered."""

    def __init__(
        self, ledger: Ledger, watch: Watch, outbox: Sender, clock: Clock, gauge: StoreGauge, told: Told
    ) -> None:
        settings = Settings(_NOWHERE, _NOWHERE, _NOWHERE)
        self._ledger = ledger
        self._gauge = gauge
        self._told = told
        self.people: People
        self.rewound: Rewound
        self._requests = Requests(ledger, watch, outbox, clock, settings)

    def asked(self, ask: Ask, now: datetime) -> Answer:
        try:
            return self._answer(ask, now)
        except Refused as no:
            return Answer(accepted=False, text=str(no), retry_after=no.terms.retry_after)
        except FleetmendError as error:
            return Answer(accepted=False, text=str(error))

    def _answer(self, ask: Ask, now: datetime) -> Answer:
        match ask.kind:
            case "destroy":
                origin = Origin.OPERATOR if ask.who == "operator" else Origin.OWNER
                at_once(self._requests.destroy_machine(ask.subject, force=True, origin=origin, who=ask.who))
            case "create":
                self._create(ask)
            case "freeze":
                self._gauge.frozen_why = ask.subject
            case "thaw":
                self._gauge.frozen_why = ""
            case "cordon" | "uncordon":
                at_once(self._on_host(ask))
            case "reconcile" if now - self.rewound.term.began < LISTENS:
                return Answer(accepted=False, text="agents are still telling what they hold", retry_after=2.0)
            case "reconcile":
                at_once(self.rewound.accept(ask.who, "simulated", silent=len(self._ledger.all(Host))))
            case _:
                at_once(self.people.hear(Said(_word(ask), ask.who, "simulated", _until(ask, now))))
        return Answer(accepted=True)

    def _create(self, ask: Ask) -> None:
        guest = {"cpus": 1, "memory_mb": ask.args["memory_mb"]}
        config = {"guest": guest, "metadata": {"recoverable": "true"}}
        name = f"{ask.subject}-{ask.args['number']}"
        machine = at_once(self._requests.create_machine(LaunchAsk(ask.subject, config, name, ask.args["region"])))
        self._told.created[ask.id] = machine.id

    async def _on_host(self, ask: Ask) -> None:
        async with self._ledger.writing() as draft:
            host = draft.get(Host, ask.subject)
            if host is None:
                raise FleetmendError(f"no host {ask.subject}")
            draft.put(replace(host, cordoned="by hand" if ask.kind == "cordon" else ""))


def _until(ask: Ask, now: datetime) -> datetime | None:
    span = ask.args["for"]
    return None if span is None else now + timedelta(seconds=span)


def _word(ask: Ask) -> Word:
    """A story's word as the real door takes it.

    Raises:
        FleetmendError: there is no such word.
    """
    subject = ask.subject
    words: dict[str, Word] = {
        "maintenance": Maintain((subject,)),
        "hold": Keep(Scope.HOST, subject),
        "release": LetGo((subject,)),
        "approve": Approve(subject),
        "deny": Deny(subject),
        "retire": Retire(subject, "wiped"),
        "replaced": Accept(subject, "replaced"),
    }
    if ask.kind not in words:
        raise FleetmendError(f"{ask.kind} cannot be asked for here")
    return words[ask.kind]
