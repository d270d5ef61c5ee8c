"""What a machine is told to do, and what is asked of its inside."""

from aiohttp import web

from remediator.api.answers import answer
from remediator.api.bodies import checked, flag, read_object, read_optional_object, wrong
from remediator.api.machine_docs import ExecDoc, OkDoc, ProcessDoc, StartedDoc
from remediator.api.machines.bodies import LONGEST_EXEC, Exec, Signal, Stop, signal_of, span_of
from remediator.api.machines.shared import ONE, Desk, nonce_of
from remediator.api.requests import Endpoint, Query
from remediator.model.asks import VerbAsk

# Beyond what a command itself may take.
ANSWER_SECONDS = 10.0
RESTART = (
    Query("timeout", "string", "How long it may take to end, as 30s; 0s is the machine's own."),
    Query("signal", "string", "What ends it, by name."),
    Query("force_stop", "boolean", "Kills it at once."),
)
SORTED = (
    Query("sort_by", "string", "A field of the entries; pid if it is not said."),
    Query("order", "string", "asc or desc."),
)
FIELDS = ("pid", "command", "directory", "rss", "cpu", "stime", "rtime")


class VerbsApi:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def endpoints(self) -> list[Endpoint]:
        def verb(word: str) -> tuple[str, str]:
            return "POST", f"{ONE}/{word}"

        # What needs a machine that runs comes first: whoever reads the document in order asks in it.
        return [
            Endpoint(*verb("exec"), self.exec, "machines.exec", guarded=True, body=Exec, answers=ExecDoc),
            Endpoint("GET", f"{ONE}/ps", self.ps, "machines.ps", True, None, list[ProcessDoc], SORTED),  # noqa: FBT003
            Endpoint(*verb("signal"), self.signal, "machines.signal", guarded=True, body=Signal, answers=OkDoc),
            Endpoint(*verb("uncordon"), self.uncordon, "machines.uncordon", guarded=True, answers=OkDoc),
            Endpoint(*verb("cordon"), self.cordon, "machines.cordon", guarded=True, answers=OkDoc),
            Endpoint(*verb("restart"), self.restart, "machines.restart", guarded=True, answers=OkDoc, query=RESTART),
            Endpoint(*verb("suspend"), self.suspend, "machines.suspend", guarded=True, answers=OkDoc),
            Endpoint(*verb("stop"), self.stop, "machines.stop", guarded=True, body=Stop, answers=OkDoc),
            Endpoint(*verb("start"), self.start, "machines.start", guarded=True, answers=StartedDoc),
        ]

    async def start(self, request: web.Request) -> web.Response:
        was = self._desk.machine(request)
        await read_optional_object(request)
        await self._run(request, "start", {})
        return answer({"previous_state": was.state, "migrated": False, "new_host": ""})

    async def stop(self, request: web.Request) -> web.Response:
        asked = checked(Stop, await read_optional_object(request))
        return await self._run(request, "stop", asked.args())

    async def restart(self, request: web.Request) -> web.Response:
        # The documentation has it in the query; one public client sends it as the body, as with a stop.
        args, query = checked(Stop, await read_optional_object(request)).args(), request.query
        if query.get("timeout"):
            args["timeout_s"] = span_of(query["timeout"])
        if query.get("signal"):
            args["signal"] = signal_of(query["signal"])
        return await self._run(request, "restart", args | ({"signal": 9} if flag(request, "force_stop") else {}))

    async def suspend(self, request: web.Request) -> web.Response:
        await read_optional_object(request)
        return await self._run(request, "suspend", {})

    async def signal(self, request: web.Request) -> web.Response:
        asked = checked(Signal, await read_object(request))
        return await self._run(request, "signal", {"signal": asked.signal})

    async def exec(self, request: web.Request) -> web.Response:
        asked = checked(Exec, await read_object(request))
        machine = self._desk.machine(request)
        within = (asked.timeout or LONGEST_EXEC) + ANSWER_SECONDS
        return answer(await self._desk.life.ask(VerbAsk(machine.id, "exec", asked.args(), nonce_of(request)), within))

    async def ps(self, request: web.Request) -> web.Response:
        by, order = request.query.get("sort_by") or "pid", request.query.get("order") or "asc"
        if by not in FIELDS or order not in ("asc", "desc"):
            raise wrong(f"sort_by: must be one of {', '.join(FIELDS)}", "order: must be asc or desc")
        machine = self._desk.machine(request)
        told = await self._desk.life.ask(VerbAsk(machine.id, "ps"), ANSWER_SECONDS)
        return answer(sorted(told["processes"], key=lambda each: each[by], reverse=order == "desc"))

    async def cordon(self, request: web.Request) -> web.Response:
        return await self._cordon(request, cordoned=True)

    async def uncordon(self, request: web.Request) -> web.Response:
        return await self._cordon(request, cordoned=False)

    async def _cordon(self, request: web.Request, *, cordoned: bool) -> web.Response:
        machine = self._desk.machine(request)
        await read_optional_object(request)
        await self._desk.life.cordon(machine.id, nonce_of(request), cordoned=cordoned)
        return answer({"ok": True})

    async def _run(self, request: web.Request, verb: str, args: dict[str, object]) -> web.Response:
        machine = self._desk.machine(request)
        await self._desk.life.run(VerbAsk(machine.id, verb, args, nonce_of(request)))
        return answer({"ok": True})
