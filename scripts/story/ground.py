"""The ground the story is played on: store, remediator, probers, hosts; started, killed and stopped by process id."""

import asyncio
import contextlib
import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import aiohttp
from aiohttp import web

from remediator.store_binary import StoreKind, scrape_config, store_command
from scripts.story.api import Api, until
from scripts.story.fronts import Chassis
from scripts.story.layout import Layout, Site
from scripts.story.processes import Gone, Started, start
from scripts.story.provider import Provider
from scripts.story.settings import write_settings

BIN = Path(sys.executable).parent
CAPACITY = "cpus=32,memory_mb=16384,disk_mb=64"
DISK_MB = 96
# The longest that a program may take to answer on a busy machine.
START_SECONDS = 60
# Folder, layout, hosts' folders, the provider's token and the store's address.
WriteSettings = Callable[[Path, Layout, dict[str, Path], str, str], None]


@dataclass(frozen=True, slots=True)
class StoreChoice:
    """Which store: a program of ours to start, or the address of one that runs already."""

    kind: StoreKind
    binary: Path | None
    url: str = ""


@dataclass(slots=True)
class Ground:
    """Everything that runs in one demo; ``folder`` holds all it writes."""

    layout: Layout
    folder: Path
    store: StoreChoice
    public_fds: tuple[int, ...]
    session: aiohttp.ClientSession
    write: WriteSettings = write_settings
    capacity: str = CAPACITY
    # More of them for each host.
    flags: tuple[str, ...] = ()
    fronts: dict[str, Chassis] = field(default_factory=dict)
    parts: dict[str, Started] = field(default_factory=dict)
    provider: Provider | None = None
    _runner: web.AppRunner | None = None
    _next: int = 121

    @property
    def data(self) -> Path:
        return self.folder / "remediator" / "data"

    @property
    def api(self) -> Api:
        return Api(self.session, self.layout.api, lambda: (self.data / "operator.token").read_text().strip())

    async def start(self) -> None:
        """Bring up everything; returns when every host has joined and the gate is open."""
        config = self.folder / "remediator"
        config.mkdir(parents=True, exist_ok=True)
        token = secrets.token_urlsafe(24)
        sites = self.layout.sites
        hosts = {site.name: self.folder / site.name for site in sites}
        self.write(config, self.layout, hosts, token, self.store_url)
        await self.start_store()
        await self.start_remediator()
        self.provider = Provider(token, self.grow, self.shrink)
        self._runner = await self.provider.serve(self.layout.provider)
        await self._start_exporters()
        await asyncio.gather(*(self.raise_(site, self.layout.bmc[site.name]) for site in sites))
        await until(self._all_well, 2 * START_SECONDS, "every host in touch, every vantage reporting, the gate open")

    @property
    def store_url(self) -> str:
        return self.store.url or f"http://127.0.0.1:{self.layout.store}"

    async def start_store(self) -> None:
        """Start the store, unless it is somebody else's."""
        if self.store.binary is None:
            return
        config = self.folder / "store.yml"
        config.write_text(scrape_config(self.store.kind, self.layout.api, timedelta(seconds=1)))
        place = f"127.0.0.1:{self.layout.store}"
        command = store_command(self.store.kind, self.store.binary, self.folder / "store", place, config)
        self.parts["store"] = await start("store", command, self._log("store"))
        await until(self._store_answers, START_SECONDS, "the store answers")

    async def start_remediator(self) -> None:
        command = [str(BIN / "fleetmend"), "run", "--config", str(self.folder / "remediator" / "fleetmend.yml")]
        if self.public_fds:
            places = ",".join(f"fd:{fd}" for fd in self.public_fds)
            command += ["--listen", f"127.0.0.1:{self.layout.public},{places}"]
        self.parts["remediator"] = await start(
            "remediator", command, self._log("remediator"), pass_fds=self.public_fds
        )
        await until(self._remediator_answers, START_SECONDS, "the remediator answers")

    async def _start_exporters(self) -> None:
        state = [*self._exporter("orchestrator"), "--state-url", self.layout.api]
        listen = ["--listen", f"127.0.0.1:{self.layout.orchestrator}"]
        self.parts["orchestrator"] = await start("orchestrator", [*state, *listen], self._log("orchestrator"))
        await asyncio.gather(*(self._start_prober(rack, region) for rack, region in self.layout.racks))

    async def _start_prober(self, rack: str, region: str) -> None:
        name = f"p-{rack}"
        token = await self.join_token(name)
        place = f"127.0.0.1:{self.layout.probers[rack]}"
        command = [*self._exporter("probe"), "--vantage", name, "--region", region, "--rack", rack]
        command += ["--remediator", self.layout.agents, "--join-token", token]
        command += ["--token-file", str(self.folder / f"{name}.token"), "--listen", place]
        self.parts[name] = await start(name, command, self._log(name))

    async def raise_(self, site: Site, bmc_port: int) -> None:
        """Build a host and switch it on."""
        await self._front(site, bmc_port, await self.join_token(site.name))

    async def _front(self, site: Site, bmc_port: int, token: str) -> None:
        data = self.folder / site.name
        data.mkdir(exist_ok=True)
        layout = self.layout
        command = [str(BIN / "fleetmend-agent"), "front", "--mode", layout.mode, "--data", str(data)]
        command += ["--name", site.name, "--region", site.region, "--rack", site.rack]
        command += ["--address", layout.address(site.number), "--gateway", layout.address(1)]
        command += ["--bmc-listen", f"127.0.0.1:{bmc_port}", "--remediator", layout.agents, "--join-token", token]
        command += ["--snapshots", str(self.folder / "snapshots"), "--capacity", self.capacity]
        command += ["--disk-mb", str(DISK_MB), *self.flags]
        command += [word for label in site.labels for word in ("--label", label)]
        process = await start(site.name, command, self._log(site.name), speaks=True)
        front = Chassis(site, process, "", data / "bmc.token", self.session)
        await front.ready()
        self.fronts[site.name] = front

    async def grow(self, name: str, region: str, token: str) -> None:
        """A new host, as the provider was asked for it."""
        number, self._next = self._next, self._next + 1
        rack = next(rack for rack, place in self.layout.racks if place == region)
        await self._front(Site(name, region, rack, number), 0, token)

    async def shrink(self, name: str) -> None:
        """A host is taken back by its provider: its power goes, and it with it."""
        await self.fronts.pop(name).process.stop(15)

    async def join_token(self, name: str) -> str:
        answer = await self.api.ask("POST", "/v1/join-tokens", {"name": name})
        if answer.status not in (200, 201):
            raise Gone(f"no join token for {name}: {answer.body}")
        return str(answer.body["token"])

    async def murder_remediator(self, after: float) -> None:
        """kill -9 the remediator after so many seconds, and start it again."""
        await asyncio.sleep(after)
        await self.parts["remediator"].kill()
        await asyncio.sleep(0.5)
        await self.start_remediator()

    async def command(self, *words: str) -> tuple[int, str]:
        """Run a `fleetmend` command as an operator would; its exit code and output."""
        process = await asyncio.create_subprocess_exec(
            str(BIN / "fleetmend"), *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        told, _ = await process.communicate()
        return process.returncode or 0, told.decode()

    async def stop(self) -> None:
        """Stop everything, hosts first; nothing is left behind."""
        await asyncio.gather(*(front.process.stop(15) for front in self.fronts.values()))
        await asyncio.gather(*(part.stop() for part in self.parts.values()))
        if self._runner:
            await self._runner.cleanup()

    def dead_parts(self) -> list[str]:
        """Processes that ended although nobody stopped them."""
        fronts = [front.process for front in self.fronts.values()]
        return [f"{part.name}: {part.last_words()}" for part in (*self.parts.values(), *fronts) if not part.running]

    def _exporter(self, module: str) -> Sequence[str]:
        return [str(BIN / "fleetmend-exporter"), module]

    def _log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    async def _store_answers(self) -> bool:
        return await self._answers(f"http://127.0.0.1:{self.layout.store}/api/v1/query?query=1", self.parts["store"])

    async def _remediator_answers(self) -> bool:
        return await self._answers(f"{self.layout.api}/healthz", self.parts["remediator"])

    async def _answers(self, url: str, part: Started) -> bool:
        if not part.running:
            raise Gone(f"{part.name} ended: {part.last_words()}")
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with self.session.get(url, timeout=aiohttp.ClientTimeout(total=1)) as answer:
                return answer.status == 200
        return False

    async def _all_well(self) -> bool:
        dead = self.dead_parts()
        if dead:
            raise Gone("; ".join(dead))
        status = await self.api.status()
        ok = [host for host in status["hosts"] if host["status"] == "ok"]
        return len(ok) == len(self.layout.sites) and status["gate"]["open"]
