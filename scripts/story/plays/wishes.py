"""What owners and operators ask for in a story, asked at the real doors until it is answered."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from remediator.simulate.world.story import Wish
from scripts.story.api import NotSeen
from scripts.story.plays.deeds import Scene

WHY = ("--why", "the story says so")
TRIES = 60


def wished(wish: Wish) -> Callable[[Scene], Coroutine[Any, Any, None]]:
    """How a wish is asked for."""

    async def ask(scene: Scene) -> None:
        for subject in wish.subjects:
            await _ASKED[wish.kind](scene, subject)

    return ask


async def _destroy(scene: Scene, subject: str) -> None:
    """Refusals are asked again when they say so."""
    machines = (await scene.ground.api.status())["machines"]
    machine = next(each for each in machines if scene.watch.called.get(each["name"]) == subject)
    path = f"/v1/apps/{machine['app']}/machines/{machine['id']}?force=true"
    for _ in range(TRIES):
        answer = await scene.ground.api.ask("DELETE", path)
        if answer.status == 200:
            return
        if not answer.retry_after:
            break
        await asyncio.sleep(answer.retry_after)
    raise NotSeen(f"the destroy of {subject} was not accepted: {answer.status} {answer.body}")


def _said(*words: str, subject: bool = True) -> Callable[[Scene, str], Coroutine[Any, Any, None]]:
    async def ask(scene: Scene, name: str) -> None:
        where = ("--url", scene.ground.layout.api, "--data", str(scene.ground.data))
        code, told = await scene.ground.command(*words, *([name] if subject and name else []), *where)
        # Hosts that are lost confirm nothing.
        if code != 0 and "remediator: confirmed" not in told:
            raise NotSeen(f"{' '.join(words)} {name}: {told[-300:]}")

    return ask


_ASKED: dict[str, Callable[[Scene, str], Coroutine[Any, Any, None]]] = {
    "destroy": _destroy,
    "freeze": _said("freeze", *WHY, subject=False),
    "thaw": _said("thaw", subject=False),
    "reconcile": _said("reconcile", "--from-agents", "--accept", "--silent", "99", *WHY, subject=False),
    "retire": _said("retire", "--attest", "wiped", *WHY),
    "release": _said("release", *WHY),
    "hold": _said("hold", "--host", *WHY),
    "maintenance": _said("maintenance", "start", "--for", "1h", *WHY),
}
KNOWN = frozenset(_ASKED)
