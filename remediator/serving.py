"""From settings to a remediator that runs: rules and inventory read, signals heard, stints one after the other."""

import asyncio
import gc
import signal
from contextlib import AsyncExitStack
from dataclasses import replace

from remediator.actions import ACTIONS
from remediator.app import Remediator
from remediator.clock import SystemClock
from remediator.model.errors import BadInput
from remediator.policy.check import patience_problems
from remediator.policy.configuration import load_inventory
from remediator.policy.load import load_policy
from remediator.runtime.reload import Reloads
from remediator.settings import Settings
from remediator.turns.house import take_turns
from remediator.turns.joining import our_part
from remediator.turns.seat import Seat


async def serve(settings: Settings) -> None:
    """Run a remediator until SIGTERM or SIGINT.

    Raises:
        BadInput, JournalUnusable: before anything was changed; one clear text each.
    """
    policy = load_policy(settings.rules, ACTIONS, settings.liveness_playbook)
    if problems := patience_problems(settings, policy, settings.rules / "limits.yml"):
        raise BadInput(problems)
    policy = replace(policy, limits=replace(policy.limits, patience=settings.patience))
    inventory = {host.name: host for host in load_inventory(settings.hosts)}
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    clock, reloads = SystemClock(), Reloads()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reloads.ask)

    async def stint(seat: Seat) -> None:
        await _serve(Remediator(settings, policy, our_part(inventory, seat), clock), seat, reloads, stopped)

    await take_turns(settings, inventory, clock, stopped, stint)


async def _serve(remediator: Remediator, seat: Seat, reloads: Reloads, stopped: asyncio.Event) -> None:
    """From the opening of every part to the closing of the last."""
    gc.unfreeze()
    async with AsyncExitStack() as stack:
        await remediator.open(stack, seat)
        # What was read from the journal is here to stay: looking through a large fleet for garbage stops everything.
        gc.freeze()
        stack.enter_context(reloads.having(remediator.reload))
        await remediator.listen(stack)
        await remediator.work_until(stopped)
