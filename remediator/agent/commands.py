"""Carrying out commands: twice is once, the stale are refused, and one thing at a time happens to each machine."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

from nacl.signing import VerifyKey

from remediator.agent.ceilings import Keeper
from remediator.agent.frozen import Frozen
from remediator.agent.life_verbs import ASKED, LIFE_VERBS
from remediator.agent.record import Authority
from remediator.agent.state import RESULTS_KEPT, Store, forget_old_results, put_result
from remediator.agent.verbs import VERBS, Hands, Value, Verb, subject
from remediator.model.errors import FleetmendError, PermanentError, TransientError
from remediator.model.request import Origin
from remediator.wire.messages import Command, parse_command, refusal_of, result_of
from remediator.wire.statements import check_command

_ALL: dict[str, Verb] = {**VERBS, **LIFE_VERBS, **ASKED}


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose orders count here and how far: the pinned signer, this identity, the freeze and the ceilings."""

    signer: VerifyKey
    data_id: str
    frozen: Frozen
    keeper: Keeper


class Commands:
    """Results are kept by key, so that a command sent again after a crash of either side has one effect."""

    def __init__(self, hands: Hands, store: Store, trust: Trust, log: logging.Logger) -> None:
        self._hands = hands
        self._store = store
        self._trust = trust
        self._log = log
        self._results = store.results()
        self._under_way: dict[str, asyncio.Task[Value]] = {}

    async def carry_out(self, message: dict[str, Any], incarnation: str, began: str = "") -> Value:
        """The result message for a command message; it never raises for what the sender did wrong.

        ``incarnation`` and ``began`` are those of the sender's welcome.
        """
        key = str(message.get("key") or "")
        if done := self._results.get(key):
            return self._refreshed(done)
        if key not in self._under_way:
            try:
                # Before the first await, so that orders are judged as they came.
                command = parse_command(message)
                rank = self._judge(command, incarnation, began)
            except FleetmendError as error:
                return refusal_of(key, error)
            task = self._under_way[key] = asyncio.create_task(self._once(command, rank))
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        # As it stands when it is told: meanwhile a report may have told more.
        return self._refreshed(await asyncio.shield(self._under_way[key]))

    def _judge(self, command: Command, incarnation: str, began: str) -> Authority:
        if command.verb not in _ALL:
            raise PermanentError(f"unknown verb {command.verb!r}")
        if command.signature:
            check_command(command, incarnation, self._trust.signer)
        if command.origin is Origin.AUTOMATIC and self._trust.frozen.text:
            raise TransientError(f"frozen: {self._trust.frozen.text}")
        rank = self._hands.standing.check(command, incarnation, (self._hands.name, self._trust.data_id), began)
        self._hands.standing.highest = rank
        return rank

    async def _once(self, command: Command, rank: Authority) -> Value:
        try:
            await self._hands.standing.heard(rank)
            if command.verb in ASKED:
                # Neither its turn nor its result is kept: a long question holds up nothing, and may be private.
                return result_of(command.key, await ASKED[command.verb](self._hands, command))
            async with self._hands.machines.turn(subject(command)):
                await self._within_ceilings(command)
                value = await _ALL[command.verb](self._hands, command)
            return await self._keep(command.key, result_of(command.key, value))
        except PermanentError as error:
            self._log.warning("%s refused: %s", command.verb, error)
            refused = refusal_of(command.key, error)
            return refused if command.verb in ASKED else await self._keep(command.key, refused)
        except (TransientError, OSError) as error:
            self._log.warning("%s not done: %s", command.verb, error)
            return refusal_of(command.key, error)

    async def _within_ceilings(self, command: Command) -> None:
        """Automatic destroys of what runs are counted; so is one whose origin nobody signed."""
        counted = command.origin is Origin.AUTOMATIC or not command.signature
        record = self._hands.machines.records.get(subject(command)) if command.verb == "destroy" else None
        if not counted or record is None or record.running is None:
            return
        now, keeper = self._hands.clock.now(), self._trust.keeper
        # What automatic decisions added a moment ago they may take back: a replacement whose original returned.
        if record.made_by == Origin.AUTOMATIC.value and keeper.recent(record.created_at, now):
            return
        await keeper.spend(len(self._hands.machines.records), now)

    async def _keep(self, key: str, result: Value) -> Value:
        stored = _without_secrets(result)
        try:
            await self._store.write(put_result(key, stored), forget_old_results())
        except TransientError as error:
            return refusal_of(key, error)
        self._results[key] = stored
        while len(self._results) > RESULTS_KEPT:
            del self._results[next(iter(self._results))]
        return result

    def _refreshed(self, result: Value) -> Value:
        kept = result.get("value", {}).get("record")
        record = self._hands.machines.records.get(kept["id"]) if kept else None
        return {**result, "value": {"record": record.told()}} if record else result


def _without_secrets(result: Value) -> Value:
    """The result as it is kept: full configs live in their machine's record only, and go when it goes."""
    record = result.get("value", {}).get("record")
    if record is None:
        return result
    return {**result, "value": {"record": {**record, "config": {}}}}
