"""What the steps share: the ground, who plays which part, and the looks that they take."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from scripts.story.api import Api, Json, NotSeen, until
from scripts.story.fronts import Chassis
from scripts.story.ground import Ground
from scripts.story.report import StepResult
from scripts.story.timeline import Timeline
from scripts.story.workload import keeper, worker

# app, region, machines: twenty-eight stateless ones; two more have volumes.
APPS = (("web", "arn", 8), ("api", "arn", 6), ("jobs", "arn", 6), ("edge", "iad", 4), ("batch", "iad", 4))
VOLUME_MB = 8


@dataclass(slots=True)
class Stage:
    """One story under way; ``names`` are the machines that must answer, by app."""

    ground: Ground
    say: Timeline
    names: dict[str, list[str]] = field(default_factory=dict)
    cast: dict[str, str] = field(default_factory=dict)
    result: StepResult = field(default_factory=lambda: StepResult("start"))
    murder: Callable[[], Coroutine[Any, Any, None]] | None = None

    @property
    def api(self) -> Api:
        return self.ground.api

    def front(self, part: str) -> Chassis:
        return self.ground.fronts[self.cast[part]]

    def measured(self, name: str, seconds: float) -> None:
        self.result.seconds[name] = round(seconds, 3)

    async def maybe_murder(self) -> None:
        """In the middle of this step the remediator is killed, when that was asked for."""
        if self.murder is not None:
            murder, self.murder = self.murder, None
            self.say.note("kill -9 of the remediator, then a restart")
            await murder()

    async def serving(self, app: str) -> dict[str, Json]:
        """Routes by machine name."""
        routes = await self.api.get(f"/v1/apps/{app}/routes")
        return {route["name"]: route for route in routes}

    async def all_serving(self) -> bool:
        """Every machine's name is routed once, and answers."""
        return not await self.silent_names()

    async def silent_names(self) -> list[str]:
        found = await asyncio.gather(*(self._silent(app, names) for app, names in self.names.items()))
        return [name for names in found for name in names]

    async def _silent(self, app: str, names: list[str]) -> list[str]:
        routes = await self.serving(app)
        answers = await asyncio.gather(*(self._answers(routes.get(name), name) for name in names))
        return [name for name, answered in zip(names, answers, strict=True) if not answered]

    async def _answers(self, route: Json, name: str) -> bool:
        return route is not None and await self.api.answers(route["url"], name)

    async def names_on(self, host: str, *, stateless: bool = True) -> dict[str, list[str]]:
        """Names of the living machines on a host, by app."""
        found: dict[str, list[str]] = {}
        for app in self.names:
            if stateless and app == "db":
                continue
            routes = await self.serving(app)
            found[app] = [name for name, route in routes.items() if route["host"] == host]
        return {app: names for app, names in found.items() if names}

    async def elsewhere(self, names: dict[str, list[str]], host: str, seconds: float) -> None:
        """Wait until each of the names answers on another host."""

        async def moved() -> bool:
            for app, wanted in names.items():
                routes = await self.serving(app)
                here = {name: route for name, route in routes.items() if route["host"] != host}
                if not set(wanted) <= set(here):
                    return False
                answers = await asyncio.gather(*(self._answers(here[name], name) for name in wanted))
                if not all(answers):
                    return False
            return True

        await until(moved, seconds, f"the machines of {host} answer elsewhere", every=0.05)

    async def host_is(self, part: str, seconds: float, **wanted: str) -> None:
        host = self.cast[part]

        async def so() -> bool:
            seen = await self.api.host(host)
            return all(seen[key] == value for key, value in wanted.items())

        told = ", ".join(f"{key} {value}" for key, value in wanted.items())
        await until(so, seconds, f"{host}: {told}", every=0.05)

    async def well_again(self, seconds: float = 40) -> None:
        """Every host in touch and every machine answering: where each step begins and ends."""

        async def well() -> bool:
            status = await self.api.status()
            hosts = [host for host in status["hosts"] if host["status"] != "ok" or host["life"] != "healthy"]
            return not hosts and status["gate"]["open"] and not await self.silent_names()

        try:
            await until(well, seconds, "all hosts healthy and every machine answering", every=0.3)
        except NotSeen as error:
            status = await self.api.status()
            hosts = [f"{h['name']} {h['status']} {h['life']}" for h in status["hosts"] if h["life"] != "healthy"]
            silent = await self.silent_names()
            raise NotSeen(f"{error}; hosts {hosts}; silent {silent}; gate {status['gate']}") from error


async def prepare(stage: Stage) -> None:
    """Two volumes with machines and snapshots, twenty-eight stateless machines; then the parts are given out."""
    began = time.time()  # noqa: TID251
    volumes = [await _volume(stage, name) for name in ("db-1", "db-2")]
    stage.names["db"] = ["db-1", "db-2"]
    wanted: list[Coroutine[Any, Any, Json]] = [
        stage.api.create("db", name, "arn", keeper(name, volume["id"], f"kept-by-{name}"))
        for name, volume in zip(("db-1", "db-2"), volumes, strict=True)
    ]
    for app, region, count in APPS:
        names = [f"{app}-{number}" for number in range(1, count + 1)]
        stage.names[app] = names
        wanted += [stage.api.create(app, name, region, worker(name)) for name in names]
    await asyncio.gather(*wanted)
    await until(stage.all_serving, 30, "thirty machines answer")
    for volume in volumes:
        await stage.api.ask("POST", f"/v1/apps/db/volumes/{volume['id']}/snapshots")
    await _give_out_parts(stage)
    await stage.well_again()
    stage.say.note(f"30 machines answer after {time.time() - began:.1f} s; two volumes have snapshots")  # noqa: TID251


async def _volume(stage: Stage, name: str) -> Json:
    body = {"name": name.replace("-", "_"), "region": "arn", "size_mb": VOLUME_MB}
    answer = await stage.api.ask("POST", "/v1/apps/db/volumes", body)
    if answer.status != 200:
        raise NotSeen(f"no volume: {answer.status} {answer.body}")
    return answer.body


async def _give_out_parts(stage: Stage) -> None:
    """The host of the first volume loses its power; the others of its region follow as the story needs them."""
    routes = await stage.serving("db")
    first = routes["db-1"]["host"]
    others = [name for name in ("h1", "h2", "h3", "h4") if name != first]
    # The one that is only lost for a moment must not hold the other volume: its machine would wait for it.
    others.sort(key=lambda name: name == routes["db-2"]["host"])
    stage.cast = {"power": first, "network": others[0], "moment": others[1], "full": others[2], "far": "h5"}
