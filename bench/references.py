"""The known limits that the product is measured against, in the same minutes on the same machine."""
import json
import os
import pathlib
import re
import subprocess

from loads import HERE, ROOT

BINARIES = pathlib.Path("/usr/lib/postgresql/15/bin")


def baseline(folder, data, connections, seconds):
    """The same job done in the classical way, started, loaded and stopped."""
    env = dict(os.environ, MQ="0", CONNS=str(connections), RUNS="1", DUR=str(seconds), RUN=str(data / "baseline"))
    out = subprocess.run(["bash", folder / "run.sh"], env=env, capture_output=True, text=True, check=False)
    told = json.loads(out.stdout.strip().splitlines()[-1])
    if "error" in told:
        raise SystemExit(f"the baseline did not run: {told['error']}")
    return {"per_s": told[f"c{connections}_orders_s"], "p50_ms": told[f"c{connections}_p50_ms"], "p99_ms": told[f"c{connections}_p99_ms"]}


class SingleInserts:
    """pgbench: a row of an event's size, one INSERT a transaction, prepared, in the product's own PostgreSQL."""

    def __init__(self, site):
        self.parts = dict(part.split("=", 1) for part in site.conninfo().split())
        site.ask_postgres("create table if not exists bench_event (id bigint, at bigint, body bytea)")

    def run(self, clients, seconds):
        """Transactions a second, and the mean of their times in ms."""
        out = subprocess.run([BINARIES / "pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "1", "-T", str(seconds), "-f",
                              HERE / "single_insert.sql", "-h", self.parts["host"], "-U", self.parts["user"], self.parts["dbname"]],
                             capture_output=True, text=True, check=True).stdout
        return float(re.search(r"tps = ([\d.]+)", out)[1]), float(re.search(r"latency average = ([\d.]+)", out)[1])


def fsyncs_per_s(folder):
    """What the disk below `folder` does: fdatasync of 8 kB, one after the other."""
    file = folder / "fsync-test"
    out = subprocess.run([BINARIES / "pg_test_fsync", "-s", "1", "-f", file], capture_output=True, text=True, check=False).stdout
    file.unlink(missing_ok=True)
    found = re.search(r"^\s*fdatasync\s+([\d.]+) ops/sec", out, re.MULTILINE)
    return round(float(found[1])) if found else None


class BareServer:
    """A Beast server that does nothing but check the token and send these bytes."""

    def __init__(self, site, answer, folder):
        folder.mkdir()
        jwks, bytes_of_answer = folder / "jwks.json", folder / "answer"
        jwks.write_text(site.get("/auth/jwks")[1], encoding="utf-8")
        bytes_of_answer.write_bytes(answer)
        self.process = subprocess.Popen([ROOT / "build/release/bench_bare", jwks, bytes_of_answer], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def stop(self):
        self.process.stdin.close()
        self.process.wait(30)
