"""More than the node can do: a crowd of ten times the connections that reach its peak, and beside it one user with twenty times the
requests in flight that he may have. What is done must stay near the peak, and the others must not pay for the one."""
import json
import os
import pathlib
import subprocess
import time

import tenants
from scene import ROOT, end_of, resident_mb

HERE = pathlib.Path(__file__).resolve().parent
PEAK_CONNECTIONS = 64
CROWD_CONNECTIONS = 10 * PEAK_CONNECTIONS
CREDITS_OF_A_USER = 64  # admission.per_user as shipped
GREEDY_CONNECTIONS = 20 * CREDITS_OF_A_USER
# The greedy user's program is no faster than this between an answer and its next try: 20 x 64 connections then offer
# many thousands of requests a second, and the load generators leave the node a share of the machine.
GREEDY_PACE_MS = 100
ORGANIZATIONS, USERS = 20, 1000
PEAK_SECONDS = 20
BEFORE_SECONDS = 40


class Load:
    """One wrk that runs until its time is over."""

    def __init__(self, node, clients, connections, seconds, run, pace_ms=0):
        env = dict(os.environ, CLIENTS=str(clients), INSTRUMENTS=str(ROOT / "config/instruments.csv"), RUN=run, PACE_MS=str(pace_ms))
        self.seconds = seconds
        self.process = subprocess.Popen(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "--latency", "-s", str(HERE / "place_order.lua"), node.url],
            env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def result(self):
        out, err = self.process.communicate(timeout=self.seconds + 120)
        line = next((text for text in out.splitlines() if text.startswith("WRKJSON ")), None)
        assert line is not None, f"wrk: {out[-500:]}{err[-500:]}"
        told = json.loads(line[8:])
        told["per_s"] = told["placed"] / told["seconds"]
        return told

    def running(self):
        return self.process.poll() is None


def run(scene, report):
    node = scene.node(broker__feed="random")
    everybody, crowd, greedy = (node.data / f"{name}.txt" for name in ("everybody", "crowd", "greedy"))
    tenants.make(node.ports[0], node.data / "demo.json", ORGANIZATIONS, USERS, everybody)
    lines = everybody.read_text(encoding="ascii").splitlines(keepends=True)
    greedy.write_text(lines[0], encoding="ascii")
    crowd.write_text("".join(lines[1:]), encoding="ascii")

    Load(node, crowd, PEAK_CONNECTIONS, 5, "warm").result()
    peak = Load(node, crowd, PEAK_CONNECTIONS, PEAK_SECONDS, "peak").result()
    report.row("overload", f"peak: orders/s at {PEAK_CONNECTIONS} connections", round(peak["per_s"]))
    report.row("overload", "peak: p99 ms", peak["p99_ms"])
    before = Load(node, crowd, CROWD_CONNECTIONS, BEFORE_SECONDS, "before").result()
    report.row("overload", f"{CROWD_CONNECTIONS} connections: orders/s", round(before["per_s"]), f">= {0.9 * peak['per_s']:.0f}",
               before["per_s"] >= 0.9 * peak["per_s"])
    report.row("overload", f"{CROWD_CONNECTIONS} connections: p99 ms", before["p99_ms"])

    seconds = scene.minutes * 60
    others = Load(node, crowd, CROWD_CONNECTIONS, seconds, "others")
    one = Load(node, greedy, GREEDY_CONNECTIONS, seconds, "greedy", GREEDY_PACE_MS)
    memory = watch_memory(node, [others, one])
    others, one = others.result(), one.result()
    both = others["per_s"] + one["per_s"]
    offered = (one["placed"] + one["limited"] + one["refused"]) / one["seconds"]
    report.row("overload", f"and one user with {GREEDY_CONNECTIONS}, {scene.minutes} minutes: orders/s of all", round(both),
               f">= {0.9 * peak['per_s']:.0f}", both >= 0.9 * peak["per_s"])
    report.row("overload", "of these the one user's", round(one["per_s"]))
    report.row("overload", f"his tries/s; refused with 429: {one['limited']}", round(offered))
    report.row("overload", "p99 ms of the others", others["p99_ms"], f"<= {2 * before['p99_ms']:.2f}", others["p99_ms"] <= 2 * before["p99_ms"])
    for what, load in (("others", others), ("one user", one)):
        report.row("overload", f"{what}: answers that are neither 2xx nor 429, lost connections", load["refused"] + load["lost"], "0",
                   load["refused"] + load["lost"] == 0)
    if memory:
        grown = max(memory[1:], default=memory[0]) / memory[0] - 1
        report.row("overload", f"resident memory: {memory[0]:.0f} MB after a minute, most afterwards, % more", round(100 * grown, 1), "<= 20",
                   grown <= 0.2)
    end_of(report, "overload", node)


def watch_memory(node, loads):
    """Megabytes once a second, from the first minute on."""
    begin, seen = time.monotonic(), []
    while any(load.running() for load in loads):
        time.sleep(1)
        if time.monotonic() - begin >= 60 and node.is_running():
            seen.append(resident_mb(node))
    return seen
