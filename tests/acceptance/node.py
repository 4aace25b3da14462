"""A node of the real binary, as a process of its own."""
import ctypes
import json
import os
import re
import signal
import subprocess
import threading

import requests

from paper_log import PaperLog
from waiting import eventually

REQUEST_DEADLINE_S = 60
PR_SET_PDEATHSIG = 1
LISTENING = re.compile(r"listening on \S+ gateway (\d+), user (\d+), trade (\d+), metrics (\d+)")
# Cheap passwords, ports that the system chooses, and patience with our own client threads: hundreds of them share one
# interpreter, which may take seconds from a request's header to its body.
BASE_SETTINGS = {"web.port": 0, "web.body_bytes_per_s_min": 0, "web.header_deadline_ms": 60000, "web.body_deadline_ms": 60000,
                 "auth.argon2_memory_kib": 8192, "auth.argon2_iterations": 1, "broker.feed": "external"}


def environment(settings, conninfo=None):
    """Ours without any STOCKSBLITZ_ variable of the caller's, plus these settings: {"orders.grace_ms": 0, ...}."""
    made = {name: value for name, value in os.environ.items() if not name.startswith("STOCKSBLITZ_")}
    for key, value in settings.items():
        made["STOCKSBLITZ_" + key.replace(".", "_").upper()] = str(value)
    if conninfo is not None:
        made["STOCKSBLITZ_DATABASE"] = conninfo
    return made


def end_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Client:
    """Requests in the name of one token; safe to use from many threads, each of which has its own connection."""

    def __init__(self, node, token=None):
        self.node = node
        self.token = token
        self.local = threading.local()

    def session(self):
        if not hasattr(self.local, "session"):
            self.local.session = requests.Session()
            self.local.session.trust_env = False
        return self.local.session

    def request(self, method, path, headers=None, **more):
        sent = dict(headers or {})
        if self.token is not None:
            sent.setdefault("Authorization", "Bearer " + self.token)
        return self.session().request(method, self.node.url + path, headers=sent, timeout=REQUEST_DEADLINE_S, **more)

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.request("POST", path, json=body, **more)

    def put(self, path, body, **more):
        return self.request("PUT", path, json=body, **more)

    def delete(self, path, **more):
        return self.request("DELETE", path, **more)

    def place(self, order, **headers):
        return self.post("/trades/place-order", order, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def order(self, order_id):
        answer = self.get("/trades/" + order_id)
        assert answer.status_code == 200, f"{order_id}: {answer.status_code} {answer.text}"
        return answer.json()


class Node:
    def __init__(self, binary, root, directory, conninfo, settings):
        self.binary = binary
        self.root = root
        self.data = directory
        self.data.mkdir(parents=True, exist_ok=True)
        self.conninfo = conninfo
        self.settings = {**BASE_SETTINGS, **settings}
        self.log = directory / "node.log"
        self.process = None
        self.ports = ()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.ports[0]}"

    @property
    def database(self):
        return re.search(r"dbname=(\S+)", self.conninfo)[1]

    def command(self, *arguments, settings=None, timeout=240):
        """Runs the binary to its end with this node's database."""
        return subprocess.run([self.binary, *map(str, arguments)], cwd=self.root, env=environment(settings or {}, self.conninfo),
                              capture_output=True, text=True, timeout=timeout)

    def start(self, **settings):
        """Returns when it is ready. `settings` stay for later starts: start(orders__grace_ms=0)."""
        self.settings.update({name.replace("__", "."): value for name, value in settings.items()})
        begin = self.log.stat().st_size if self.log.exists() else 0
        self.launch()

        def listens():
            assert self.process.poll() is None, f"the node ended with {self.process.returncode}: {self.log_text(begin)[-3000:]}"
            return LISTENING.search(self.log_text(begin))

        found = eventually(listens, "the node listens", within=120)
        self.ports = tuple(int(port) for port in found.groups())
        eventually(self.is_ready, "the node is ready", within=120)
        return self

    def launch(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [self.binary, "serve", "--config", "config/stocksblitz.yaml", "--data", self.data], cwd=self.root,
                env=environment(self.settings, self.conninfo), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=end_with_parent)

    def metrics(self):
        """The text that Prometheus reads."""
        answer = requests.get(f"http://127.0.0.1:{self.ports[0]}/metrics", timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.text

    def log_text(self, begin=0):
        with open(self.log, "rb") as log:
            log.seek(begin)
            return log.read().decode("utf-8", errors="replace")

    def is_ready(self):
        try:
            return requests.get(self.url + "/health/ready", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process.wait(timeout=60)

    def stop(self):
        """As a person does it; the exit status."""
        self.process.terminate()
        return self.process.wait(timeout=90)

    def close(self):
        if self.is_running():
            self.kill()

    def client(self, token=None):
        return Client(self, token)

    def log_in(self, email, password):
        answer = self.client().post("/auth/login", {"email": email, "password": password})
        assert answer.status_code == 200, answer.text
        return self.client(answer.json()["access_token"])

    def make_demo(self):
        made = self.command("demo", "--base-url", self.url, "--data", self.data)
        assert made.returncode == 0, made.stdout + made.stderr
        return made.stdout

    def demo(self):
        return json.loads((self.data / "demo.json").read_text(encoding="utf-8"))

    def paper_log(self):
        return PaperLog(self.data / "paper" / "book.log")

    def check_books(self):
        """The product's own comparison of journal, broker's log and read models, which waits until nothing moves."""
        checked = self.command("replay", "--only-checks", "--data", self.data)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        return checked.stdout
