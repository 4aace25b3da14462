"""The servers that are abused: each check gets nodes of its own with the limits and deadlines of the shipped settings."""
import os
import pathlib
import re

from conftest import Plant
from private_postgres import PrivatePostgres

ROOT = pathlib.Path(os.environ["SB_ROOT"])
SHARED = pathlib.Path(os.environ.get("SB_SHARED", ROOT.parent / "shared"))
# The acceptance tests are patient with their own slow clients; here slow clients are the subject.
SHIPPED = {"web.header_deadline_ms": 5000, "web.body_deadline_ms": 10000, "web.body_bytes_per_s_min": 1024}
COMPLAINT = re.compile(r"ERROR: \w+Sanitizer|runtime error:|SUMMARY: \w+Sanitizer|terminate called")


class Scene:
    def __init__(self, minutes, seconds):
        self.minutes, self.seconds = minutes, seconds
        self.postgres = PrivatePostgres((ROOT / "config/postgresql.conf").read_text(encoding="ascii"))
        self.plants = []

    def __enter__(self):
        self.postgres.start()
        self.postgres.query((ROOT / "config/make_wal_files.sql").read_text(encoding="ascii"), "postgres")
        return self

    def __exit__(self, *_):
        for plant in self.plants:
            plant.close()
        self.postgres.close()

    @staticmethod
    def binary(preset):
        """SB_BINARY names another one."""
        binary = pathlib.Path(os.environ.get("SB_BINARY", ROOT / "build" / preset / "stocksblitz"))
        assert binary.is_file(), f"no binary at {binary}"
        return binary

    def node(self, preset="release", **settings):
        plant = Plant(self.binary(preset), ROOT, self.postgres)
        self.plants.append(plant)
        return plant.new_node({**SHIPPED, **{name.replace("__", "."): value for name, value in settings.items()}})


def end_of(report, check, node):
    """The node is still the one that was started, its books agree, it ends when asked, and it complained of nothing."""
    alive = node.is_running() and node.is_ready()
    report.row(check, "the node is there and ready afterwards", alive, "True", alive)
    if not alive:
        print(node.log_text()[-3000:], flush=True)
        return
    checked = node.command("replay", "--only-checks", "--data", node.data)
    report.row(check, "journal, broker and read models agree", checked.returncode == 0, "True", checked.returncode == 0)
    if checked.returncode != 0:
        print(checked.stdout[-3000:] + checked.stderr[-3000:], flush=True)
    status = node.stop()
    report.row(check, "exit status when asked to end", status, "0", status == 0)
    complaints = [line for line in node.log_text().splitlines() if COMPLAINT.search(line)]
    report.row(check, "lines of the log in which a sanitizer complains", len(complaints), "0", not complaints)
    for line in complaints[:10]:
        print("  " + line[:300], flush=True)


def resident_mb(node):
    with open(f"/proc/{node.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) / 1024


def open_files(node):
    return len(os.listdir(f"/proc/{node.process.pid}/fd"))


def processor_wait_s(node):
    """Seconds that its threads were ready to run and did not, all together: what others on the machine, the load's programs among
    them, took from it."""
    waited = 0
    for thread in pathlib.Path(f"/proc/{node.process.pid}/task").iterdir():
        try:
            waited += int((thread / "schedstat").read_text(encoding="ascii").split()[1])
        except FileNotFoundError:
            pass  # it has just ended
    return waited / 1e9
