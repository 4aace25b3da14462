"""A PostgreSQL of the tests' own: no TCP, under a temporary directory, gone with the process that started it."""
import os
import pathlib
import shutil
import subprocess
import tempfile

from waiting import eventually

BINARIES = pathlib.Path("/usr/lib/postgresql/15/bin")
SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{socket}'
max_connections = 100
shared_buffers = 128MB
jit = off
log_timezone = 'UTC'
timezone = 'UTC'
"""


def as_owner(*command):
    """PostgreSQL refuses root; it then runs as user postgres, and ends when we end."""
    text = [str(part) for part in command]
    if os.geteuid() != 0:
        return ["setpriv", "--pdeathsig", "INT", "--", *text]
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--pdeathsig", "INT", "--", *text]


class PrivatePostgres:
    def __init__(self, settings=""):
        """`settings`: more lines of its postgresql.conf; the last one of a name counts."""
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="stocksblitz-pg."))
        self.data = self.directory / "data"
        self.log = self.directory / "postgresql.log"
        self.process = None
        self.databases = 0
        if os.geteuid() == 0:
            shutil.chown(self.directory, "postgres", "postgres")
        made = subprocess.run(
            as_owner(BINARIES / "initdb", "-D", self.data, "--username=stocksblitz", "--auth=trust", "--encoding=UTF8",
                     "--locale=C.UTF-8", "--no-sync"),
            cwd="/", capture_output=True, text=True, timeout=120)
        assert made.returncode == 0, made.stdout + made.stderr
        with open(self.data / "postgresql.conf", "a", encoding="ascii") as conf:
            conf.write(SETTINGS.format(socket=self.directory) + settings)

    def start(self):
        """Returns when it answers."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(as_owner(BINARIES / "postgres", "-D", self.data), cwd="/", stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, start_new_session=True)
        eventually(self.answers, "PostgreSQL answers", within=120)

    def answers(self):
        assert self.process.poll() is None, self.log.read_text(errors="replace")[-2000:]
        return subprocess.run([BINARIES / "pg_isready", "-q", "-h", self.directory], check=False).returncode == 0

    def stop(self, mode="fast"):
        """`immediate` is a crash: no checkpoint, recovery at the next start."""
        subprocess.run(as_owner(BINARIES / "pg_ctl", "-D", self.data, "-m", mode, "-w", "-t", "60", "stop"), cwd="/", check=True,
                       capture_output=True, timeout=90)
        self.process.wait(timeout=60)

    def new_database(self):
        """The connection string of a new, empty database."""
        self.databases += 1
        name = f"node{self.databases}"
        self.query(f"create database {name}", "postgres")
        return f"host={self.directory} dbname={name} user=stocksblitz"

    def query(self, sql, database):
        """Rows as lists of texts."""
        asked = subprocess.run(
            [BINARIES / "psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", self.directory, "-U", "stocksblitz",
             "-d", database, "-c", sql], capture_output=True, text=True, timeout=60)
        assert asked.returncode == 0, asked.stderr
        return [line.split("\t") for line in asked.stdout.splitlines()]

    def close(self):
        if self.process is not None and self.process.poll() is None:
            try:
                self.stop("immediate")
            except (subprocess.SubprocessError, OSError):
                self.process.kill()
                self.process.wait(timeout=30)
        shutil.rmtree(self.directory, ignore_errors=True)
