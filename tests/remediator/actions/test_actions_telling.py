"""The plans of drain and webhook, and the webhook's operation in the outbox."""

from dataclasses import replace
from datetime import timedelta

from remediator.actions import ACTIONS
from remediator.actions.effects import Call, Cordon, Migrate
from remediator.actions.spec import Planned
from remediator.engine.decide import decide
from remediator.model.decision import Hold, Remediation
from remediator.model.fleet import Fleet
from remediator.model.policy import EvidenceGuard, Policy, Step
from remediator.model.request import Operation, Stage
from remediator.runtime.effects import written as effects
from remediator.runtime.ledger import Draft
from tests.remediator.builders import NOON, case, fleet, host, machine, operation, playbook

HOT = playbook("host_overheating", evidence=EvidenceGuard())
ROLLOUT = playbook("rollout_failing", target="version", steps=(Step("webhook", {"to": "rollout"}),))
OPENED = Remediation("rollout_failing", "1.2", NOON)
KEY = f"webhook:rollout:rollout_failing:1.2:{NOON.timestamp():.3f}"


def drained(known: Fleet) -> Planned:
    found = ACTIONS["drain"].plan(case(known, "h1", HOT), ACTIONS["drain"].params())
    assert isinstance(found, Planned)
    return found


def test_a_drain_shuts_the_door_first_and_then_moves_an_apps_machines_one_by_one() -> None:
    found = drained(fleet(host(), machine("m1"), machine("m2")))
    assert [type(effect) for effect in found.effects] == [Cordon, Migrate]
    assert found.waiting == "2 machines still here"


def test_a_drain_ends_with_an_empty_host_that_takes_no_work() -> None:
    assert drained(fleet(host(cordoned="host_overheating"))) == Planned()
    assert drained(fleet(host())).effects == (Cordon("h1", "host_overheating"),)


def called(*operations: Operation, done: bool = False) -> Planned | Hold:
    remediation = replace(OPENED, steps={"webhook": NOON}) if done else OPENED
    asked = case(fleet(*operations), "1.2", ROLLOUT, remediation=remediation)
    return ACTIONS["webhook"].plan(asked, ACTIONS["webhook"].params.model_validate({"to": "rollout"}))


def test_a_webhook_is_called_once_for_each_opening() -> None:
    found = called()
    assert isinstance(found, Planned)
    (wish,) = found.effects
    assert isinstance(wish, Call)
    assert wish.key == KEY
    later = replace(OPENED, opened_at=NOON + timedelta(seconds=1))
    again = ACTIONS["webhook"].plan(
        case(fleet(), "1.2", ROLLOUT, remediation=later), ACTIONS["webhook"].params(to="it")
    )
    assert isinstance(again, Planned)
    assert again.effects[0].key != wish.key


def test_it_waits_for_an_answer_and_tells_of_a_refusal() -> None:
    assert called(operation(KEY, "webhook", on="")) == Planned(waiting="webhook rollout has not answered yet")
    assert called(operation(KEY, "webhook", on="", stage=Stage.DONE)) == Planned()
    assert called(done=True) == Planned()
    refused = operation(KEY, "webhook", on="", stage=Stage.FAILED, error="it answered 404")
    assert called(refused) == Hold("WebhookFailed", "webhook rollout: it answered 404")


def test_what_is_written_down_is_what_the_driver_sends() -> None:
    draft = Draft({"Operation": {}})
    effects.write(Call("rollout", "rollout_failing", "1.2", "hold it", "7"), draft, "d1", NOON)
    written = draft.get(Operation, "webhook:rollout:rollout_failing:1.2:7")
    assert written is not None
    assert (written.verb, written.host, written.open) == ("webhook", "", True)
    told = {"to": "rollout", "playbook": "rollout_failing", "target": "1.2", "text": "hold it", "decision": "d1"}
    assert written.args == told


def test_a_version_is_a_target_like_any_other() -> None:
    assert decide(Policy(playbooks={"rollout_failing": ROLLOUT}), ACTIONS, "host_dead", fleet(), NOON).decisions == ()
