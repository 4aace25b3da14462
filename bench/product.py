"""The product as `./dev run` starts it, in a directory of its own."""
import json
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import tenants
from loads import ROOT

SETTLE_S_MAX = 300


def free_block():
    for first in range(20000, 30000, 10):
        try:
            for offset in (0, 2, 4, 6):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", first + offset))
            return first
        except OSError:
            continue
    raise SystemExit("no free block of ports")


def walk(tree):
    yield tree
    for child in tree["children"]:
        yield from walk(child)


class Site:
    """`checkout` is another one for the control."""

    def __init__(self, data, checkout=ROOT):
        self.data, self.dev = pathlib.Path(data), checkout / "dev"
        self.data.mkdir(parents=True)
        self.port, self.process, self.token = free_block(), None, None
        self.url = f"http://127.0.0.1:{self.port}"
        self.clients = self.data / "clients.txt"

    def start(self, *options):
        """Returns the seconds until it was ready, as ./dev run says."""
        out = self.data / "dev-run.log"
        with open(out, "wb") as log:
            self.process = subprocess.Popen([self.dev, "run", "--data", self.data / "node", "--port", str(self.port), *options],
                                            stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        until = time.monotonic() + 1800
        while time.monotonic() < until and self.process.poll() is None:
            said = out.read_text()
            if "Ctrl-C stops" in said:
                return float(re.search(r"ready in ([\d.]+) s", said)[1])
            time.sleep(0.2)
        raise SystemExit("the node did not start:\n" + out.read_text()[-2000:])

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def make_tenants(self, organizations, users):
        print(f"making {users} users in {organizations} organizations", file=sys.stderr)
        tenants.make(self.port, self.data / "node/demo.json", organizations, users, self.clients)

    def populate(self, organizations, users):
        """Many more, for a node that is ready to start and does not run. Their tokens are good for an hour."""
        print(f"making {users} users in {organizations} organizations", file=sys.stderr)
        self.postgres("start")
        with open(self.clients, "wb") as out:
            subprocess.run([ROOT / "build/release/bench_population", self.conninfo(), self.data / "node/token-key.pem",
                            str(organizations), str(users)], stdout=out, check=True)
        self.postgres("stop")

    def postgres(self, what):
        subprocess.run([self.dev, "postgres", what, "--data", self.data / "node"], stdout=subprocess.DEVNULL, check=True)

    def settle(self):
        """Until PostgreSQL has written what is new to its files and has looked after it."""
        self.ask_postgres("checkpoint")
        for _ in range(SETTLE_S_MAX // 5):
            time.sleep(5)
            if self.ask_postgres("select count(*) from pg_stat_activity where backend_type = 'autovacuum worker'") == "0":
                return
        print(f"PostgreSQL is still busy after {SETTLE_S_MAX} s", file=sys.stderr)

    def ask_postgres(self, statement):
        return subprocess.run(["psql", "-XAtq", self.conninfo(), "-c", statement], capture_output=True, text=True,
                              check=True).stdout.strip()

    def some_clients(self, name, lines):
        """Another file for the load, with these of the clients only."""
        file = self.data / f"{name}.txt"
        file.write_text("".join(lines), encoding="ascii")
        return file

    def client_lines(self):
        return self.clients.read_text(encoding="ascii").splitlines(keepends=True)

    def conninfo(self):
        return subprocess.run([self.dev, "postgres", "conninfo", "--data", self.data / "node"], capture_output=True, text=True,
                              check=True).stdout.strip()

    def resident_bytes(self):
        pid = (self.data / "node/run.pid").read_text().split()[1]
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) * 1024

    def get(self, path, token=None):
        """Status and text of the answer."""
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {token}"} if token else {})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()

    def raw_answer(self, method, path, body, token):
        """All bytes of the answer, head included."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as to:
            to.sendall((f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
                        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode())
            got = b""
            while b"\r\n\r\n" not in got:
                got += to.recv(65536)
            head, _, rest = got.partition(b"\r\n\r\n")
            length = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE)[1])
            while len(rest) < length:
                rest += to.recv(65536)
        if not head.startswith(b"HTTP/1.1 2"):
            raise SystemExit(f"{method} {path}: {head.decode()} {rest.decode()}")
        return head + b"\r\n\r\n" + rest

    def refusals(self):
        """What the node has refused since its start, by its own count."""
        wanted = re.compile(r'(http_requests_total\{.*status="[45].*|admission_refused_total.*|http_refused_total.*) [1-9]')
        status, text = self.get("/metrics")
        return [line for line in text.splitlines() if wanted.match(line)] if status == 200 else [f"/metrics: {status}"]

    def entities(self):
        """How many actors of entities there are now."""
        if self.token is None:
            self.token = tenants.platform_token(self.port, self.data / "node/demo.json")
        return sum(node["children_count"] for node in walk(json.loads(self.get("/ops/supervision", self.token)[1])) if node["kind"] == "shard")

    def orders_agree(self):
        """Whether journal, broker's log and read models agree on every order, how many there are, and what was said. What rests
        goes on trading against the feed, so the market has to stand still."""
        self.stop()
        self.start("--feed", "external")
        checks = subprocess.run([self.dev, "exec", "replay", "--only-checks", "--data", self.data / "node", "--url", self.url],
                                capture_output=True, text=True, check=False)
        stored = re.search(r"no order waits for its outcome \((\d+) checked\)", checks.stdout)
        return checks.returncode == 0, int(stored[1]) if stored else 0, checks.stdout[-3000:] + checks.stderr[-2000:]
