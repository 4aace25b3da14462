"""Nodes on one database, of which one at a time is the one that clients talk to."""
import itertools
import os
import pathlib
import shutil
import signal
import subprocess
import time

import node as acceptance_node
import requests
from history import Retired
from node import LISTENING, Client, Node, end_with_parent, environment
from paper_log import PaperLog
from waiting import eventually

acceptance_node.REQUEST_DEADLINE_S = 8  # a client of a node that sleeps gives up and asks the next one
numbers = itertools.count(1)

# A lease that runs out in seconds, with room for a machine that is busy.
SITE_SETTINGS = {
    "cluster.ttl_ms": 3000, "cluster.heartbeat_ms": 250, "cluster.lease_margin_ms": 500, "orders.send_window_ms": 2000,
    "orders.reserve_deadline_ms": 1200, "orders.client_wait_ms": 1000, "orders.unknown_retry_ms": "100,200,400,1000", "orders.grace_ms": 2000,
    "database.connect_deadline_ms": 1000, "database.statement_deadline_ms": 2000, "database.lock_wait_ms": 500,
    # With the external feed no price follows the one from the start, and it is to do for MARKET orders all the time.
    "orders.reference_price_age_ms": 86_400_000}
STARTS_MAX = 20
COPIED = ("token-key.pem", "demo.json")
GIVEN_UP, NOT_STARTED = 1, 2  # exit codes: the supervision tree has given up; PostgreSQL was not there at the start
LOG_SHOWN = 1500


class Ended(AssertionError):
    """The node ended by itself."""


class ChaosNode(Node):
    """A node that can be stopped in the middle, that may be started without waiting for it, and that may run under another
    clock. `more` are environment variables."""

    def __init__(self, binary, root, directory, conninfo, settings, clock=None, more=None):
        super().__init__(binary, root, directory, conninfo, settings)
        self.clock = clock
        self.more = more or {}
        self.began = 0
        self.starts_in_vain = 0
        self.ended_by_itself = 0
        self.crashes = []  # ends that nothing here explains
        self.looked_at = None  # the process whose end is known
        self.woken_ms = 0

    def launch(self):
        self.look_at_end()
        self.began = self.log.stat().st_size if self.log.exists() else 0
        surroundings = {**environment(self.settings, self.conninfo), **self.more, **(self.clock.environment() if self.clock else {})}
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [self.binary, "serve", "--config", "config/stocksblitz.yaml", "--data", self.data], cwd=self.root, env=surroundings,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, preexec_fn=end_with_parent)

    def look_at_end(self, ended_by_us=False):
        """Each process that has ended is judged once: whoever runs a node starts it again where it gave up, but it must not
        crash."""
        if self.process is None or self.process is self.looked_at or self.process.poll() is None:
            return
        self.looked_at = self.process
        code = self.process.returncode
        if ended_by_us and code == -signal.SIGKILL:
            return
        self.ended_by_itself += 1
        listened = LISTENING.search(self.log_text(self.began))
        if code != GIVEN_UP and (code != NOT_STARTED or listened):
            self.crashes.append(f"{self.data.name} ended by itself with {code}: {self.log_text(self.began)[-LOG_SHOWN:]}")

    def kill(self):
        self.look_at_end()  # it may have ended before
        super().kill()
        self.look_at_end(ended_by_us=True)

    def _require_running(self):
        if not self.is_running():
            raise Ended(f"the node ended with {self.process.returncode}: {self.log_text(self.began)[-3000:]}")

    def await_listening(self):
        def listens():
            self._require_running()
            return LISTENING.search(self.log_text(self.began))

        self.ports = tuple(int(port) for port in eventually(listens, "the node listens", within=120).groups())

    def await_ready(self, within=120):
        def ready():
            self._require_running()
            return self.is_ready()

        eventually(ready, "the node is ready", within=within)

    def start(self, **settings):
        self.settings.update({name.replace("__", "."): value for name, value in settings.items()})
        for _ in range(STARTS_MAX):
            try:
                self.launch()
                self.await_listening()
                self.await_ready()
                return self
            except Ended:  # it needs PostgreSQL to start; whoever runs it starts it again
                self.starts_in_vain += 1
                self.look_at_end()
                if self.crashes:
                    raise
                time.sleep(0.2)
        raise Ended(f"{STARTS_MAX} starts in vain: {self.log_text(self.began)[-1000:]}")

    def is_ready(self):
        try:
            return requests.get(self.url + "/health/ready", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def sleep(self):
        self.process.send_signal(signal.SIGSTOP)
        eventually(self.sleeps, "the node is stopped")

    def sleeps(self):
        try:
            stat = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii", errors="replace")
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            return False
        return stat.rpartition(")")[2].split()[0] == "T"

    def wake(self):
        self.woken_ms = now_ms()
        self.process.send_signal(signal.SIGCONT)

    @property
    def book(self):
        return self.data / "paper" / "book.log"


def now_ms():
    return int(time.time() * 1000)


class HeldAddress:
    """The address of a client that holds on to a node as long as its process lives, whoever owns the shards."""

    def __init__(self, site, node=None):
        self.site, self.node = site, node or site.node

    @property
    def url(self):
        if not self.node.is_running():
            self.node = self.site.node
        return self.node.url

    def is_left_behind(self):
        return self.node is not self.site.node


class Site:
    """What clients and checks see as one place: `url` is the present node's. `successions` are the nodes that lost their shards
    to another while they slept, each with how many bytes of its book that one took over."""

    def __init__(self, binary, root, directory, postgres, proxy=None, settings=None, clock=None, more=None):
        self.binary, self.root, self.directory, self.postgres, self.proxy, self.more = binary, root, directory, postgres, proxy, more
        self.settings = {**SITE_SETTINGS, **(settings or {})}
        self.direct = postgres.new_database()
        self.database = self.direct.partition("dbname=")[2].split()[0]
        self.conninfo = proxy.conninfo(self.database) if proxy else self.direct
        self.successions = []
        self.nodes = []
        self.node = self._new_node(self.conninfo, clock)

    def _new_node(self, conninfo, clock=None):
        name = f"n{next(numbers)}"
        node = ChaosNode(self.binary, self.root, self.directory / name, conninfo, {**self.settings, "node.name": name}, clock, self.more)
        self.nodes.append(node)
        return node

    @property
    def retired(self):
        return [Retired(node.book, taken, node.woken_ms) for node, taken in self.successions]

    @property
    def unique_ids(self):
        return self.settings.get("broker.id_mode", "unique") == "unique"

    @property
    def send_window_ms(self):
        return self.settings["orders.send_window_ms"]

    @property
    def ended_by_themselves(self):
        return sum(node.ended_by_itself for node in self.nodes)

    def crashes(self):
        """How nodes ended that nobody had killed and that had not given up in order."""
        for node in self.nodes:
            node.look_at_end()
        return [crash for node in self.nodes for crash in node.crashes]

    @property
    def url(self):
        return self.node.url

    def open(self):
        """The first start, with the demo's tenants; afterwards `platform` is a client with every right."""
        self.node.start()
        self.node.make_demo()
        self.platform = self.log_in(*(self.node.demo()["users"][0][part] for part in ("email", "password")))
        return self

    def client(self, token=None):
        return Client(self, token)

    def log_in(self, email, password):
        answer = eventually(lambda: self._answer_to_log_in(email, password), f"{email} logs in", within=90)
        return self.client(answer.json()["access_token"])

    def _answer_to_log_in(self, email, password):
        try:
            answer = self.client().post("/auth/login", {"email": email, "password": password})
        except requests.RequestException:
            return None
        assert answer.status_code in (200, 503), answer.text
        return answer if answer.status_code == 200 else None

    def restore(self):
        """Whoever runs a node starts it again when it has ended."""
        try:
            self.node.await_ready()
        except Ended:
            self.node.start()

    def restart_killed(self):
        self.node.kill()
        self.node.start()

    def stand_in(self, past_proxy=False):
        """The present node sleeps, or is cut off and without a lease: another, with a copy of its broker's book as if the broker
        were elsewhere, takes its shards over when they are free, and is the present one from then on. Answers the sleeper.

        What the sleeper writes into its own book after this is what it would have told a broker that both share; the checks
        look at it (history.late_lines)."""
        sleeper = self.node
        fresh = self._new_node(self.direct if past_proxy else self.conninfo)
        (fresh.data / "paper").mkdir(parents=True)
        for name in COPIED:
            if (sleeper.data / name).exists():
                shutil.copy2(sleeper.data / name, fresh.data / name)
        taken = sleeper.book.read_bytes() if sleeper.book.exists() else b""
        taken = taken[:taken.rfind(b"\n") + 1]
        fresh.book.write_bytes(taken)
        os.chmod(fresh.book, 0o600)
        sleeper.woken_ms = now_ms()  # unless it sleeps, and wakes later
        self.successions.append((sleeper, len(taken)))
        fresh.launch()
        fresh.await_listening()
        self.node = fresh
        fresh.await_ready()
        return sleeper

    def paper_log(self):
        return PaperLog(self.node.book)

    def check_books(self, within=240):
        """The product's own comparison of journal, broker and read models, past the proxy. What is wrong, or nothing."""
        checked = subprocess.run([self.binary, "replay", "--only-checks", "--data", self.node.data], cwd=self.root,
                                 env=environment({}, self.direct), capture_output=True, text=True, timeout=within)
        if checked.returncode == 0:
            return []
        wrong = [line.strip() for line in checked.stdout.splitlines() if "FAILED" in line or line.startswith("          ")]
        return wrong or [checked.stdout + checked.stderr]

    def close(self):
        for node in self.nodes:
            if node.is_running():
                node.wake()
            node.close()
