"""One run: the story's faults and wishes, the judge's looks, and jumps over time in which nothing can happen."""

from dataclasses import dataclass
from math import nextafter
from random import Random

from remediator.simulate.world.befalls import Scene, happened
from remediator.simulate.world.couriers import Couriers
from remediator.simulate.world.ground import Ground
from remediator.simulate.world.house import House
from remediator.simulate.world.population import population_of
from remediator.simulate.world.queue import Queue
from remediator.simulate.world.record import Done, Ran, Requested, Run, Truth
from remediator.simulate.world.senses import QUARTERS, Senses
from remediator.simulate.world.store import Store
from remediator.simulate.world.story import Story
from remediator.simulate.world.tenants import Tenants
from remediator.simulate.world.told import Build, Setting, Told

# The real loop's grain while something is going on; coarser when nothing has moved for a while.
TICK = 0.25
COARSE, COARSER = 1.0, 4.0
STILL, LONG_STILL = 4.5, 15.0
# No witness is silent for longer than this: three seconds make its words stale.
WORDS = 2.0
JOURNAL_EVERY = 10.0
PATIENCE = 120.0


def play(story: Story, build: Build, seed: int | None = None, *, sparse: bool = True) -> Run:
    """The run of a story under a judge; the same three give the same run.

    Without ``sparse`` every host is spoken of all the time, and no time is jumped over: slow, and the same acts.
    """
    return World(story, build, story.seed if seed is None else seed, sparse=sparse).run()


@dataclass(slots=True)
class Pulse:
    """How busy it is: the last moment at which anything moved, and how many looks there were."""

    moved: float = 0.0
    ticks: int = 0
    second: int = -1

    def step(self, now: float) -> float:
        still = now - self.moved
        return TICK if still < STILL else COARSE if still < LONG_STILL else COARSER


class World:
    """All parts of one run, put together."""

    def __init__(self, story: Story, build: Build, seed: int, *, sparse: bool = True) -> None:
        self._sparse = sparse
        self._story, self._seed = story, seed
        chance = Random(seed)  # noqa: S311 - the same chances each time are the point
        self._queue = queue = Queue()
        self._told = told = Told(queue)
        couriers = Couriers(told)
        judge = build(Setting(story, population_of(story), told, couriers.send, self._hang_up))
        self._house = House(judge, queue, chance)
        self._ground = couriers.ground = Ground(story, self._house, queue, chance)
        self._couriers = couriers
        self._senses = Senses(self._ground, story.topology)
        self._store = Store(self._ground, self._senses, told, chance)
        self._pulse = Pulse()
        self._plan(Scene(self._ground, self._senses, self._store), Tenants(self._ground, self._senses, told))

    def _plan(self, scene: Scene, tenants: Tenants) -> None:
        """The beginning, and whatever the story has to come."""
        self._house.on_start = self._started
        self._ground.on_change.append(self._senses.stir)
        self._house.begin()
        self._ground.log = self._told.line
        for fault in self._story.faults:
            self._queue.at(fault.at, lambda fault=fault: scene.begins(fault))  # type: ignore[misc]
        for wish in self._story.wishes:
            self._queue.at(wish.at, lambda wish=wish: tenants.wishes(wish))  # type: ignore[misc]
        if not self._sparse:
            self._senses.stir(self._ground.agents)
        if any(fault.kind == "restored_journal" for fault in self._story.faults):
            self._keep_journal()

    def _keep_journal(self) -> None:
        self._house.kept.append((self._queue.now, self._house.judge.journal()))
        self._queue.after(JOURNAL_EVERY, self._keep_journal)

    def _started(self) -> None:
        """A new process: nobody is connected to it, so every agent greets it anew."""
        self._senses.assign(self._house.judge.assigned(self._house.now()))
        if self._queue.now == 0.0:
            return
        self._told.line("remediator starts")
        self._store.asked_anew()
        self._hang_up()

    def _hang_up(self) -> None:
        """Every agent greets anew; before the world is whole there is nobody to do so."""
        if self._queue.now == 0.0:
            return
        self._senses.stir(self._ground.agents)
        for host, agent in self._ground.agents.items():
            agent.session = False
            if self._ground.in_touch(host):
                self._ground.greet_soon(host, self._ground.chance.uniform(0.05, 0.5))

    def run(self) -> Run:
        """To the story's end."""
        queue, end = self._queue, self._story.seconds
        while queue.now < end:
            coming = queue.next()
            if self._quiet():
                if coming is None or coming >= end:
                    break
                self._jump(coming)
            else:
                self._step(min(end, self._until(coming)))
        queue.run_until(end)
        return self._ended()

    def _quiet(self) -> bool:
        if self._senses.stirred or self._couriers.flying or self._store.sick or not self._house.listens:
            return False
        if self._house.reordered:
            # Each word that comes late is something to come: at each of them all would speak again.
            return False
        return self._store.idle and self._house.judge.gate().open and not self._house.judge.busy(self._house.now())

    def _jump(self, moment: float) -> None:
        self._house.slept(moment - self._queue.now)
        # Nothing is due before; up to then everybody has spoken, and nobody lost a seat by silence.
        self._queue.run_until(nextafter(moment, 0.0))
        self._senses.speak(range(QUARTERS))
        self._senses.assign(self._house.judge.assigned(self._house.now()))
        if self._queue.run_until(moment):
            self._pulse.moved = moment

    def _until(self, coming: float | None) -> float:
        """The next look: on the grid of ticks, sooner than a coarse step where something is planned."""
        now, step = self._queue.now, self._pulse.step(self._queue.now)
        after = (int(now / TICK) + 1) * TICK
        if step == TICK or (coming is not None and coming <= after):
            return after
        grid = (int(now / step) + 1) * step
        return grid if coming is None else max(after, min(grid, int(coming / TICK) * TICK))

    def _step(self, moment: float) -> None:
        """Messages of that quarter, or of the whole second that has passed, and one look."""
        before = self._queue.now
        middle = before + WORDS
        while middle < moment:
            if self._queue.run_until(middle):
                # Something happened on the way: look at once.
                self._pulse.moved = moment = middle
                break
            self._senses.speak(range(QUARTERS))
            middle += WORDS
        if self._queue.run_until(moment):
            self._pulse.moved = moment
        if moment - before > TICK:
            self._house.slept(moment - before)
        self._words(before, moment)
        if int(moment) != self._pulse.second:
            self._pulse.second = int(moment)
            self._store.second()
        self._look()

    def _words(self, before: float, moment: float) -> None:
        passed, last = max(1, round((moment - before) / TICK)), round(moment / TICK)
        self._senses.speak({(last - number) % QUARTERS for number in range(min(QUARTERS, passed))})

    def _look(self) -> None:
        self._pulse.ticks += 1
        if self._house.tick():
            self._pulse.moved = self._queue.now
        if self._house.listens:
            self._senses.assign(self._house.judge.assigned(self._house.now()))
            if self._sparse:
                self._senses.calm_down()

    def _ended(self) -> Run:
        told, ground = self._told, self._ground
        truth = Truth(
            hosts=ground.truths(),
            ran=tuple(Ran(*key[:4], span, key[4]) for key, span in ground.runs.all()),
            faults=tuple(happened(fault) for fault in self._story.faults),
            judge_up=self._house.spans.of("up"),
            gate_open=told.flags.of("gate"),
            frozen=told.flags.of("frozen"),
            rewound=told.flags.of("rewound"),
        )
        done = Done(
            acts=tuple(told.acts),
            held=told.held(),
            stated=tuple(told.states),
            routed=told.routes(),
            requests=tuple(self._finished(each, truth) for each in told.requests.values()),
            sent=tuple(told.sent),
            uses=tuple(told.uses),
            incidents=tuple(told.incidents),
        )
        name = self._house.judge.name
        lines = told.log()
        return Run(
            self._story.name, self._seed, name, self._story.seconds, PATIENCE, truth, done, lines, self._pulse.ticks
        )

    def _finished(self, request: Requested, truth: Truth) -> Requested:
        """Carried out in truth: a destroyed machine is on no host any more, a created one runs."""
        told = self._told.destroyed.get(request.subject)
        if request.kind == "destroy":
            there = any(request.subject in agent.machines for agent in self._ground.agents.values())
            ends = [ran.span.end for ran in truth.ran if ran.machine == request.subject]
            finished = None if there else max(ends, default=request.asked)
            return Requested(*_fields(request), finished, told)
        if request.kind == "create":
            begins = [ran.span.begin for ran in truth.ran if ran.line == self._told.created.get(request.id)]
            return Requested(*_fields(request), min(begins, default=None))
        return Requested(*_fields(request), request.answered)


def _fields(request: Requested) -> tuple[str, str, str, str, float, str, float | None]:
    return (request.id, request.kind, request.subject, request.host, request.asked, request.answer, request.answered)
