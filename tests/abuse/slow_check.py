"""A thousand clients that never finish: slow headers, slow bodies, many ranges, slow readers. A calm client must not notice."""
import re
import resource
import subprocess
import threading
import time

from api_routes import Door
from desk import Desk
from report import percentile
from scene import end_of, open_files, processor_wait_s, resident_mb

SOCKETS = 1000
CALM_PER_S = 50
# Below this the client's own interpreter, which shares the machine with the attack, is what is measured.
NOISE_MS = 5.0
COLOR = re.compile(r"\x1b\[[0-9;]*m")
# Many ranges make a header that is too long: it is refused at once, and nothing is held.
HOLDS_NOTHING = "ranges (-R)"
KINDS = {
    "slow headers (-H)": ["-H", "-i", "2", "-r", "200", "-t", "GET", "-x", "24", "-p", "3", "-u", "{url}/trades"],
    "slow bodies (-B)": ["-B", "-i", "2", "-r", "200", "-s", "8192", "-t", "POST", "-x", "10", "-p", "3", "-u", "{url}/auth/login"],
    HOLDS_NOTHING: ["-R", "-r", "200", "-t", "GET", "-a", "10", "-b", "3000", "-p", "3", "-u", "{url}/openapi.json"],
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


class Attack(threading.Thread):
    """slowhttptest for so long; it ends early when the server has closed every socket, and then begins again."""

    def __init__(self, url, arguments, seconds):
        super().__init__(daemon=True)
        self.command = ["slowhttptest", "-c", str(SOCKETS), *[each.format(url=url) for each in arguments]]
        self.seconds = seconds
        self.lasted = 0.0  # as long as the program ran and did not fail
        self.made = 0  # connections, as it says every five seconds; those of the last few are not in it
        self.unavailable = 0  # times that its own probe, a thousand and first client, had no answer within 3 s

    def run(self):
        until = time.monotonic() + self.seconds
        while (left := int(until - time.monotonic())) > 0:
            begin = time.monotonic()
            try:
                ended = subprocess.run([*self.command, "-l", str(left)], capture_output=True, text=True, timeout=left + 60, check=False)
            except subprocess.TimeoutExpired:
                return
            if ended.returncode != 0:
                print("  " + (ended.stdout + ended.stderr)[-500:], flush=True)
                return
            self.lasted += time.monotonic() - begin
            self.note(COLOR.sub("", ended.stdout))
            time.sleep(0.2)

    def note(self, told):
        last = dict(re.findall(r"^(connected|closed): +(\d+)$", told, re.M))  # of the last status
        self.made += sum(map(int, last.values()))
        self.unavailable += len(re.findall(r"^service available: +NO$", told, re.M))


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
        most, waited = 0, -processor_wait_s(node)
        with CalmClient(node, desk) as calm:
            attack = Attack(node.url, arguments, scene.seconds)
            attack.start()
            while attack.is_alive():
                most = max(most, open_files(node) - files)
                attack.join(timeout=0.5)
        waited += processor_wait_s(node)
        report.at_least("slow", f"{kind}: seconds under attack", round(attack.lasted), round(0.8 * scene.seconds))
        report.at_least("slow", f"{kind}: connections made", attack.made, SOCKETS)
        report.at_most("slow", f"{kind}: times that a further client had no answer", attack.unavailable, 0)
        if kind == HOLDS_NOTHING:
            report.at_most("slow", f"{kind}: sockets held at once", most, SOCKETS // 10)
        else:
            report.at_least("slow", f"{kind}: sockets held at once", most, 200)
        report.row("slow", "s that the node's threads waited for a processor, in one s", round(waited / scene.seconds, 2))
        report.at_most("slow", f"{kind}: p99 ms of the calm client", round(calm.p99(), 2), round(bound, 2))
        report.at_most("slow", f"{kind}: calm requests refused, of {len(calm.took_ms)}", len(calm.refused), 0)
        report.at_most("slow", f"{kind}: resident memory, MB over the calm", round(resident_mb(node) - memory, 1), 128)
    end_of(report, "slow", node)
