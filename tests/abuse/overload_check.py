"""More than the node can do, while fifty tenants go on trading at a quiet pace of their own. What they and the node can do is measured
first: how many connections reach the peak, then the tenants alone. Then one user with twenty times the requests in flight that he may
have; then, after the peak has been measured again, he and a crowd with ten times those connections. What is done must stay near that
peak, and the fifty must not pay for the others.

Beside the one user the fifty's p99 may be twice that of the calm: the node has room. The calm is measured right before, and for as long
as the overload: a machine that others use as well holds everything up now and then, and the slowest hundredth is made of that; in one
minute of calm it may be 10 ms, in the next one 30. Beside the crowd p99 may be twice that of the peak: the node is full before the
overload begins, and is full after it. Calm and peak are measured once more afterwards, a minute of each, for a reader who wants to know
what the machine itself did meanwhile; only those before count.

Only placed orders count, in figures per second and in percentiles: a refusal is quick and does nobody any good."""
import json
import os
import pathlib
import resource
import subprocess
import time

import tenants
from scene import ROOT, end_of, processor_wait_s, resident_mb
from steady import SteadyTenants

HERE = pathlib.Path(__file__).resolve().parent
# The peak is looked for among these; the crowd has ten times the fewest that come near it.
PEAK_CONNECTIONS = (32, 64, 128, 256)
NEAR_THE_PEAK = 0.9
TIMES_THE_CAPACITY = 10
CREDITS_OF_A_USER = 64  # admission.per_user as shipped
GREEDY_CONNECTIONS = 20 * CREDITS_OF_A_USER
# The greedy user's program is no faster than this between an answer and its next try: 20 x 64 connections then offer
# many thousands of requests a second, and the load generators leave the node a share of the machine.
GREEDY_PACE_MS = 100
# The load's programs stand for other machines: what they need of the processors comes after what the node and PostgreSQL need. The fifty
# are served like the node, because their clock is what is read.
NICE = 10
CROWD_ORGANIZATIONS, CROWD_USERS = 20, 200
QUIET_TENANTS, QUIET_ORDERS_PER_S = 50, 100
CALM_AFTER_SECONDS, SEARCH_SECONDS, PEAK_SECONDS = 60, 12, 60
MEMORY_FROM_S = 60
REASONS_SHOWN = 10


class Load:
    """One wrk that runs until its time is over."""

    def __init__(self, node, clients, connections, seconds, run, pace_ms=0):
        env = dict(os.environ, CLIENTS=str(clients), INSTRUMENTS=str(ROOT / "config/instruments.csv"), RUN=run, PACE_MS=str(pace_ms))
        self.seconds = seconds
        self.process = subprocess.Popen(
            ["nice", "-n", str(NICE), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s",
             "-s", str(HERE / "place_order.lua"), node.url],
            env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def result(self):
        out, err = self.process.communicate(timeout=self.seconds + 120)
        line = next((text for text in out.splitlines() if text.startswith("WRKJSON ")), None)
        assert line is not None, f"wrk: {out[-500:]}{err[-500:]}"
        told = json.loads(line[8:])
        assert told["timed"] == told["placed"], "an answer that names no order of ours"
        told["per_s"] = told["placed"] / told["seconds"]
        return told

    def running(self):
        return self.process.poll() is None


class Site:
    """The node and who trades there: the fifty, the crowd, and the one."""

    def __init__(self, scene, report):
        self.report = report
        self.node = scene.node(broker__feed="random")
        quiet, everybody, self.crowd, self.greedy = (self.node.data / f"{name}.txt" for name in ("quiet", "everybody", "crowd", "greedy"))
        for organizations, users, out in ((QUIET_TENANTS, QUIET_TENANTS, quiet), (CROWD_ORGANIZATIONS, CROWD_USERS, everybody)):
            tenants.make(self.node.ports[0], self.node.data / "demo.json", organizations, users, out)
        self.quiet_lines = quiet.read_text(encoding="ascii").splitlines()
        lines = everybody.read_text(encoding="ascii").splitlines(keepends=True)
        self.greedy.write_text(lines[0], encoding="ascii")
        self.crowd.write_text("".join(lines[1:]), encoding="ascii")

    def crowd_load(self, connections, seconds, run):
        return Load(self.node, self.crowd, connections, seconds, run)

    def greedy_load(self, seconds, run):
        return Load(self.node, self.greedy, GREEDY_CONNECTIONS, seconds, run, GREEDY_PACE_MS)

    def phase(self, run, seconds, *starts):
        """The fifty, and beside them what `starts` begin: their results, in that order, and megabytes once a second."""
        waited = -processor_wait_s(self.node)
        quiet = SteadyTenants(self.node.ports[0], self.quiet_lines, QUIET_ORDERS_PER_S, run)
        loads = [start(seconds, run) for start in starts]
        memory = watch_memory(self.node, seconds)
        results = [load.result() for load in loads]
        quiet.stop()
        self.report.row("overload", f"{run}: s that the node's threads waited for a processor, in one s",
                        round((waited + processor_wait_s(self.node)) / seconds, 2))
        return quiet, results, memory


def watch_memory(node, seconds):
    begin, seen = time.monotonic(), []
    while time.monotonic() - begin < seconds and node.is_running():
        time.sleep(1)
        seen.append(resident_mb(node))
    return seen


def run(scene, report):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 16384)), hard))
    site = Site(scene, report)
    report.row("overload", f"load of the machine before, {os.cpu_count()} processors", os.getloadavg()[0])
    site.crowd_load(PEAK_CONNECTIONS[1], 5, "warm").result()
    enough, at_first = find_peak(site, report)
    crowd_connections = TIMES_THE_CAPACITY * enough
    seconds = scene.minutes * 60

    calm = calm_alone(site, report, "calm before", seconds)
    quiet, [one], memory = site.phase("one", seconds, site.greedy_load)
    calm_alone(site, report, "calm after", CALM_AFTER_SECONDS)
    what = f"one user, {GREEDY_CONNECTIONS} connections, {scene.minutes} min"
    report_others(report, what, quiet, calm, calm)
    report_one_user(report, what, one)
    report_memory(report, what, memory)

    at_peak, before = peak_again(site, report, "just before", enough)
    report.at_least("overload", "just before: orders/s, for a journal that one user made longer", round(before), round(0.75 * at_first))
    quiet, [crowd, one], memory = site.phase(
        "crowd", seconds, lambda *when: site.crowd_load(crowd_connections, *when), site.greedy_load)
    _, after = peak_again(site, report, "just after", enough)
    report.at_least("overload", "just after: orders/s, as before", round(after), round(0.75 * before))
    what = f"he and a crowd, {crowd_connections} connections, {scene.minutes} min"
    report.at_least("overload", f"{what}: orders/s without his", round(crowd["per_s"] + quiet.per_s()), round(0.9 * before))
    report.row("overload", "the crowd's p99 ms", crowd["p99_ms"])
    report_refusals(report, f"{what}: the crowd", crowd)
    report_others(report, what, quiet, calm, at_peak)
    report_one_user(report, what, one)
    report_memory(report, what, memory)
    end_of(report, "overload", site.node)


def calm_alone(site, report, when, seconds):
    calm, _, _ = site.phase(when.replace(" ", "-"), seconds)
    report.row("overload", f"{when}, {QUIET_TENANTS} quiet tenants alone: orders/s", round(calm.per_s(), 1))
    report.row("overload", f"{when}: p50 ms", calm.p50_ms())
    report.row("overload", f"{when}: p99 ms", calm.p99_ms())
    return calm


def find_peak(site, report):
    """The fewest connections of the crowd that come near the best that it and the fifty can do, and what they did."""
    found = {}
    for connections in PEAK_CONNECTIONS:
        _, found[connections] = crowd_alone(site, report, "at first", connections, SEARCH_SECONDS)
    best = max(found.values())
    enough = min(connections for connections, per_s in found.items() if per_s >= NEAR_THE_PEAK * best)
    return enough, found[enough]


def peak_again(site, report, when, connections):
    """The better of two minutes: in one of them PostgreSQL may write its checkpoint or look after a table."""
    minutes = [crowd_alone(site, report, f"{when} {number}", connections, PEAK_SECONDS) for number in (1, 2)]
    return max(minutes, key=lambda minute: minute[1])


def crowd_alone(site, report, when, connections, seconds):
    quiet, [crowd], _ = site.phase(f"{when.replace(' ', '-')}-{connections}", seconds,
                                   lambda *run: site.crowd_load(connections, *run))
    per_s = crowd["per_s"] + quiet.per_s()
    report.row("overload", f"{when}: orders/s with a crowd of {connections} connections", round(per_s))
    report.row("overload", "quiet tenants' p99 ms", quiet.p99_ms())
    return quiet, per_s


def report_others(report, what, quiet, calm, before):
    """A refusal of any kind costs the fifty an order."""
    report.at_least("overload", f"{what}: quiet tenants' orders/s", round(quiet.per_s(), 1), round(0.9 * calm.per_s(), 1))
    bound = None if before.p99_ms() is None else round(2 * before.p99_ms(), 1)
    report.at_most("overload", f"{what}: quiet tenants' p99 ms", quiet.p99_ms(), bound)
    report.row("overload", "their p50 ms", quiet.p50_ms())
    refused = quiet.refused.total()
    report.at_most("overload", f"{what}: quiet tenants' refused or lost orders, of {len(quiet.took_ms) + refused}", refused, 0)
    show_reasons(quiet.refused)


def report_one_user(report, what, one):
    offered = (one["placed"] + one["limited"] + one["refused"]) / one["seconds"]
    report.row("overload", f"his tries/s, of which {one['limited']} in all were answered 429", round(offered))
    report.row("overload", "his orders/s", round(one["per_s"]))
    report_refusals(report, f"{what}: he", one)


def report_refusals(report, whose, load):
    report.at_most("overload", f"{whose}: answers that are neither 2xx nor 429, lost connections", load["refused"] + load["lost"], 0)
    show_reasons(load["why"])


def show_reasons(counts):
    for what, count in sorted(counts.items(), key=lambda pair: -pair[1])[:REASONS_SHOWN]:
        print(f"  {count} times {what}", flush=True)


def report_memory(report, what, memory):
    """In megabytes once a second: what it was after a minute, and the most it was afterwards."""
    if len(memory) <= MEMORY_FROM_S + 1:
        report.at_most("overload", f"{what}: resident memory, % above that after a minute", None, 20)
        return
    after_a_minute, most = memory[MEMORY_FROM_S], max(memory[MEMORY_FROM_S:])
    report.at_most("overload", f"{what}: resident memory, % above the {after_a_minute:.0f} MB after a minute",
                   round(100 * (most / after_a_minute - 1), 1), 20)
