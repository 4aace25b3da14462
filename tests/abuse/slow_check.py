"""A thousand clients that never finish: slow headers, slow bodies, many ranges, slow readers. A calm client must not notice."""
import resource
import subprocess
import threading
import time

from api_routes import Door
from desk import Desk
from report import percentile
from scene import end_of, open_files, resident_mb

SOCKETS = 1000
CALM_PER_S = 50
# Below this the client's own interpreter, which shares the machine with the attack, is what is measured.
NOISE_MS = 5.0
KINDS = {
    "slow headers (-H)": ["-H", "-i", "2", "-r", "200", "-t", "GET", "-x", "24", "-p", "3", "-u", "{url}/trades"],
    "slow bodies (-B)": ["-B", "-i", "2", "-r", "200", "-s", "8192", "-t", "POST", "-x", "10", "-p", "3", "-u", "{url}/auth/login"],
    "ranges (-R)": ["-R", "-r", "200", "-t", "GET", "-a", "10", "-b", "3000", "-p", "3", "-u", "{url}/openapi.json"],
    "slow readers (-X)": ["-X", "-r", "200", "-w", "512", "-y", "1024", "-n", "5", "-z", "32", "-k", "3", "-p", "3", "-u", "{url}/openapi.json"],
}


class CalmClient:
    """Asks at a steady pace over one connection; what was late because the answer before it was late counts from when it was due."""

    def __init__(self, node, desk):
        self.door = Door(node.ports[0], desk.trader.token)
        self.desk = desk
        self.stopping = threading.Event()
        self.took_ms, self.refused = [], []

    def __enter__(self):
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join(timeout=120)
        assert not self.thread.is_alive(), "the calm client hangs"

    def _run(self):
        due = time.monotonic()
        while not self.stopping.is_set():
            due += 1 / CALM_PER_S
            if self.stopping.wait(max(0.0, due - time.monotonic())):
                return
            try:
                answer = self.door("POST", "/api/trading-limits/validate", self.desk.order())
                status = answer.status
            except OSError as lost:
                status = repr(lost)
            self.took_ms.append((time.monotonic() - due) * 1000)
            if status != 200:
                self.refused.append(status)

    def p99(self):
        return percentile(self.took_ms, 99)


def attack(url, arguments, seconds):
    """slowhttptest for so long; it ends early when the server has closed every socket, and then begins again."""
    until = time.monotonic() + seconds
    connected = 0
    while (left := int(until - time.monotonic())) > 0:
        command = ["slowhttptest", "-c", str(SOCKETS), "-l", str(left), *[each.format(url=url) for each in arguments]]
        try:
            ended = subprocess.run(command, capture_output=True, text=True, timeout=left + 60, check=False)
        except subprocess.TimeoutExpired:
            break
        connected += 1
        if ended.returncode != 0:
            print("  " + (ended.stdout + ended.stderr)[-500:], flush=True)
            break
        time.sleep(0.2)
    return connected


def run(scene, report):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 8192)), hard))
    node = scene.node()
    desk = Desk(node, node.platform)
    with CalmClient(node, desk) as calm:
        time.sleep(min(scene.seconds, 30))
    before = calm.p99()
    files, memory = open_files(node), resident_mb(node)
    report.row("slow", f"calm: p99 ms of {len(calm.took_ms)} requests, {CALM_PER_S}/s", round(before, 2))
    bound = max(2 * before, before + NOISE_MS)
    for kind, arguments in KINDS.items():
        most = 0
        with CalmClient(node, desk) as calm:
            attacker = threading.Thread(target=attack, args=(node.url, arguments, scene.seconds), daemon=True)
            attacker.start()
            while attacker.is_alive():
                most = max(most, open_files(node) - files)
                attacker.join(timeout=0.5)
        report.row("slow", f"{kind}: sockets held at once", most, ">= 200", most >= 200)
        report.row("slow", f"{kind}: p99 ms of the calm client", round(calm.p99(), 2), f"<= {bound:.2f}", calm.p99() <= bound)
        report.row("slow", f"{kind}: calm requests refused, of {len(calm.took_ms)}", len(calm.refused), "0", not calm.refused)
        report.row("slow", f"{kind}: resident memory, MB over the calm", round(resident_mb(node) - memory, 1), "<= 128",
                   resident_mb(node) - memory <= 128)
    end_of(report, "slow", node)
