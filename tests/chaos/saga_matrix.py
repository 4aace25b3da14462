"""kill -9 and SIGSTOP of the node at each step of the saga. The node itself pauses at the step (a build with SB_PAUSE_POINTS), so
there is no timing in it; tests/chaos/pause_points.cpp has the plan's format."""
import collections
import multiprocessing
import pathlib
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from chaos_postgres import ChaosPostgres
from history import (CONTRADICTED, CRASHED, BrokerHistory, Findings, Journal, check_acknowledged, check_broker, check_reads,
                     check_sleepers, tail_of)
from ledger import Ledger, Trader
from scenes import SITE, UNREACHED, WORLDS, Stage, scene_of
from traders import ChaosDesk, Traders
from trading_site import Site
from waiting import eventually

MODES = ("kill", "stop")
ATTEMPTS_MAX = 12
AWAKE_S = 0.4  # how long a sleeper that lost its shards is left among the living
CELLS_A_DESK = 10
DAILY_VALUES_MAX = (3_000_000, 3_000_000)  # no cell comes near it
FINDINGS_SHOWN = 8

Cell = collections.namedtuple("Cell", "step mode number reached seconds attempts findings")


class PausingSite(Site):
    """Its nodes look for a plan at each step."""

    def __init__(self, binary, root, directory, postgres, world):
        self.plan = directory / "plan"
        self.reached_file = directory / "plan.reached"
        super().__init__(binary, root, directory, postgres, settings={**SITE, **WORLDS[world]}, more={"SB_PAUSE_PLAN": self.plan})

    def arm(self, step, mode):
        self.reached_file.unlink(missing_ok=True)
        fresh = self.plan.with_suffix(".new")
        fresh.write_text(f"{step} 1 {mode}\n", encoding="ascii")
        fresh.rename(self.plan)

    def disarm(self):
        """A plan that was not reached is withdrawn."""
        self.plan.unlink(missing_ok=True)

    def reached(self):
        return self.reached_file.exists()

    def paused(self):
        return not self.node.is_running() or self.node.sleeps()


class World:
    """A site with one kind of broker, and everything that is told and checked on it."""

    def __init__(self, binary, root, postgres, directory, name):
        self.name = name
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"{name.replace(', ', '-')}.", dir=directory))
        self.site = PausingSite(binary, root, self.directory, postgres, name)
        try:
            self.site.open()
        except BaseException:
            self.site.close()
            raise
        self.limits = {}  # by account
        self.journal = Journal(tail_of(postgres, self.site.database), self.limits)
        self.cells = 0
        self.ledger = None

    def _new_desk(self):
        if self.ledger is not None:
            self.ledger.close()
        self.ledger = Ledger(self.directory / f"calls-{self.cells}.jsonl")
        self.desk = ChaosDesk(self.site, DAILY_VALUES_MAX)
        self.limits.update(self.desk.limits)
        self.trader = Trader(self.desk, self.ledger)

    def play(self, step, mode, number):
        """One cell of the matrix."""
        began = time.monotonic()
        if self.cells % CELLS_A_DESK == 0:
            self._new_desk()
        self.cells += 1
        scene = scene_of(step)
        findings = Findings()
        attempts = 0
        reached = False
        stage = Stage(self.site, self.desk, self.trader, f"c{self.cells}")
        try:
            while not reached and attempts < ATTEMPTS_MAX:
                attempts += 1
                reached = self._attempt(scene, stage, step, mode, number)
            self._tidy(stage)
            self._check(findings)
        except AssertionError as failure:
            findings.add(CONTRADICTED, f"{step}, {mode}: {failure}")
        if not reached:
            findings.add(CONTRADICTED, f"{step}, {mode}: not reached in {attempts} attempts")
        return Cell(step, mode, number, reached, time.monotonic() - began, attempts, findings.lines())

    def _attempt(self, scene, stage, step, mode, number):
        site = self.site
        player = None
        try:
            if scene.at_start:
                scene.play(stage)
                if site.node.is_running():
                    site.disarm()
                    return False
                site.node.look_at_end(ended_by_us=True)
                site.arm(step, mode)
                site.node.launch()
                patience_until = time.monotonic() + 30
            else:
                site.arm(step, mode)
                player = threading.Thread(target=scene.play, args=(stage,), daemon=True)
                player.start()
                patience_until = None
            while not site.paused():
                if patience_until is None and not player.is_alive():
                    patience_until = time.monotonic() + scene.patience_s
                if patience_until is not None and time.monotonic() > patience_until:
                    break
                time.sleep(0.01)
            reached = site.reached()
            site.disarm()
            stage.accept_rows()
            self._recover(mode, number, reached)
        finally:
            if not scene.at_start:
                player.join(timeout=90)
                assert not player.is_alive(), "the scene hangs"
        return reached

    def _recover(self, mode, number, reached):
        site = self.site
        if not site.node.is_running():
            assert reached, f"the node ended by itself: {site.node.log_text(site.node.began)[-3000:]}"
            assert mode == "kill" and site.node.process.returncode == -signal.SIGKILL
            site.node.look_at_end(ended_by_us=True)
            site.node.start()
        elif site.node.sleeps():
            eventually(site.reached, "it stopped because of the plan", within=5)
            if number % 2 == 0:  # nobody noticed, but its lease is over
                time.sleep(1.3 * SITE["cluster.ttl_ms"] / 1000)
                site.node.wake()
                site.node.await_listening()
            else:
                sleeper = site.stand_in()
                sleeper.wake()
                time.sleep(AWAKE_S)
                sleeper.kill()
        else:
            site.node.await_listening()
        site.node.await_ready()

    def _tidy(self, stage):
        """What works is canceled: it can be operated, and nothing is left that counts against limits."""
        for order_id in stage.orders:
            answer = stage.trader.read(order_id)
            if answer is not None and answer.json().get("state") in ("new", "partially_filled"):
                stage.cancel(order_id)

    def _check(self, findings):
        settling = Traders(self.desk, self.ledger, "settle", stay_away=0)
        settling.settle()
        for line in self.site.check_books():
            findings.add(CONTRADICTED, line)
        self.journal.read_on(findings)
        broker = BrokerHistory(self.site.node.book)
        check_acknowledged(self.ledger, self.journal, findings)
        check_reads(self.ledger, self.journal, findings)
        check_broker(broker, self.journal, findings, self.limits, True)
        check_sleepers(self.site.retired, broker, findings, self.site.unique_ids, self.site.send_window_ms)
        for surprise in self.ledger.surprises:
            findings.add(CONTRADICTED, surprise)
        for crash in self.site.crashes():
            findings.add(CRASHED, crash)
        self.ledger.surprises.clear()

    def close(self):
        if self.ledger is not None:
            self.ledger.close()
        self.site.close()


def work(binary, root, postgres, directory, jobs, results):
    """A worker process: one world at a time."""
    world = None
    try:
        while job := jobs.get():
            name, step, mode, repeat = job
            for number in range(repeat):
                if world is None or world.name != name:
                    if world is not None:
                        world.close()
                    world = World(binary, root, postgres, directory, name)
                cell = world.play(step, mode, number)
                results.put(cell)
                if cell.findings:  # the next cell begins with a world of its own
                    world.close()
                    world = None
    finally:
        if world is not None:
            world.close()
        results.put(None)


def all_steps(binary):
    listed = subprocess.run([binary.parent / "saga_steps"], capture_output=True, text=True, check=True, timeout=30)
    return listed.stdout.split()


def run_matrix(binary, root, repeat, workers, pattern, say):
    """0 when every step was reached each time and nothing was found."""
    steps = all_steps(binary)
    chosen = [step for step in steps if pattern in step]
    reachable = [step for step in chosen if scene_of(step)]
    directory = pathlib.Path(tempfile.mkdtemp(prefix="stocksblitz-matrix."))
    postgres = ChaosPostgres()
    context = multiprocessing.get_context("fork")
    jobs, results = context.SimpleQueue(), context.Queue()
    for step, mode in sorted(((step, mode) for step in reachable for mode in MODES), key=lambda job: scene_of(job[0]).world):
        jobs.put((scene_of(step).world, step, mode, repeat))
    for _ in range(workers):
        jobs.put(None)
    cells = collections.defaultdict(list)
    red = []
    running = 0
    try:
        postgres.start()
        processes = [context.Process(target=work, daemon=True,
                                     args=(binary, root, OnePostgres(postgres, number), directory, jobs, results))
                     for number in range(workers)]
        for process in processes:
            process.start()
        running = len(processes)
        while running:
            try:
                cell = results.get(timeout=5)
            except queue.Empty:
                assert all(process.is_alive() or process.exitcode == 0 for process in processes), "a worker ended by itself"
                continue
            if cell is None:
                running -= 1
                continue
            cells[(cell.step, cell.mode)].append(cell)
            if cell.findings:
                red.append(cell)
                say(f"NOT green: {cell.step} {cell.mode} #{cell.number}")
                for line in cell.findings[:FINDINGS_SHOWN]:
                    say(f"  {line[:600]}")
            if len(cells[(cell.step, cell.mode)]) == repeat:
                of_it = cells[(cell.step, cell.mode)]
                good = sum(not one.findings for one in of_it)
                say(f"{cell.step:50} {cell.mode}  {good}/{repeat}  {sum(one.seconds for one in of_it) / repeat:.1f} s each")
        for process in processes:
            process.join(timeout=60)
    finally:
        postgres.close()
    complete = table(chosen, reachable, cells, repeat, say)
    if red or not complete:
        say(f"NOT green; files in {directory}")
        return 1
    shutil.rmtree(directory, ignore_errors=True)
    say("green")
    return 0


class OnePostgres:
    """The server as a worker sees it: databases with names of its own, and no say over the process."""

    def __init__(self, server, worker):
        self.server, self.worker, self.databases = server, worker, 0

    def new_database(self):
        self.databases += 1
        name = f"w{self.worker}n{self.databases}"
        self.server.query(f"create database {name}", "postgres")
        return f"host={self.server.directory} dbname={name} user=stocksblitz"

    def query(self, sql, database):
        return self.server.query(sql, database)


def table(chosen, reachable, cells, repeat, say):
    """True when every reachable step has all its cells."""
    complete = True
    say(f"\n{'step':52}{'kill':>8}{'stop':>8}")
    for step in chosen:
        if step not in reachable:
            continue
        counts = []
        for mode in MODES:
            of_it = cells[(step, mode)]
            good = sum(one.reached and not one.findings for one in of_it)
            complete = complete and good == repeat
            counts.append(f"{good}/{repeat}")
        say(f"{step:52}{counts[0]:>8}{counts[1]:>8}")
    unreached = sorted({step.rpartition("/")[0] for step in chosen if step not in reachable})
    if unreached:
        say("\nnot reached by a node with the paper broker")
        for fact in unreached:
            say(f"  {fact:40} {UNREACHED[fact]}")
    played = [cell for of_it in cells.values() for cell in of_it]
    say(f"\n{len(chosen)} steps, {len(reachable)} reached; {len(played)} cells, {sum(bool(cell.findings) for cell in played)} not green")
    return complete
