"""A PostgreSQL that can be crashed, run out of disk, and have its fsync slowed or failed."""
import errno
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from private_postgres import BINARIES, PrivatePostgres, as_owner
from waiting import eventually

# Small files, so that a small disk does and recovery is quick.
SETTINGS = """
min_wal_size = 32MB
max_wal_size = 96MB
checkpoint_timeout = 30s
wal_sync_method = fdatasync
"""


class ChaosPostgres(PrivatePostgres):
    """`disk_bytes`: its data lies on a file system of that size in memory (root only). `clock`: a FakeClock it runs under."""

    def __init__(self, disk_bytes=None, clock=None):
        super().__init__()
        self.clock = clock
        self.crashes = 0
        self.disk = None
        with open(self.data / "postgresql.conf", "a", encoding="ascii") as settings:
            settings.write(SETTINGS)
        if disk_bytes is not None:
            self._move_to_small_disk(disk_bytes)

    def _move_to_small_disk(self, size):
        self.disk = pathlib.Path(tempfile.mkdtemp(prefix="stocksblitz-disk."))
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700,uid=postgres,gid=postgres", "tmpfs", self.disk], check=True)
        subprocess.run(as_owner("cp", "-a", self.data, self.disk / "data"), cwd="/", check=True)
        shutil.rmtree(self.data)
        self.data = self.disk / "data"

    @property
    def socket(self):
        return self.directory / ".s.PGSQL.5432"

    def start(self):
        # For the server alone: libfaketime's shared memory belongs to whoever it begins with.
        clock = [f"{name}={value}" for name, value in self.clock.environment().items()] if self.clock else []
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(as_owner("env", *clock, BINARIES / "postgres", "-D", self.data), cwd="/",
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        eventually(self.answers, "PostgreSQL answers", within=120)

    def runs(self):
        return self.process is not None and self.process.poll() is None

    def crash(self):
        """`pg_ctl restart -m immediate` in its two halves: no checkpoint, then recovery. Our own child all the time, so that
        it ends with us."""
        self.crashes += 1
        if self.runs():
            self.stop("immediate")
        self.start()

    def revive(self):
        """After a fault that may have ended it: it answers again."""
        if self.runs():
            try:
                eventually(self.answers, "PostgreSQL recovers by itself", within=60)
                return
            except AssertionError:
                if self.runs():
                    self.stop("immediate")
        self.start()

    def fill_disk(self):
        """Takes all that is left; free_disk() gives it back."""
        assert self.disk is not None
        ballast = os.open(self.disk / "ballast", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            for piece in (1 << 20, 1 << 12):
                try:
                    while os.write(ballast, bytes(piece)):
                        pass
                except OSError as full:
                    assert full.errno == errno.ENOSPC, full
        finally:
            os.close(ballast)

    def free_disk(self):
        (self.disk / "ballast").unlink(missing_ok=True)

    def processes(self):
        """The postmaster's and its children's ids."""
        found = [self.process.pid]
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit() and parent_of(int(entry.name)) == self.process.pid:
                found.append(int(entry.name))
        return found

    def close(self):
        super().close()
        if self.disk is not None:
            subprocess.run(["umount", "-l", self.disk], check=False)
            self.disk.rmdir()


def parent_of(pid):
    try:
        return int(pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):  # it has ended meanwhile
        return None


def tracer_of(pid):
    try:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("TracerPid:"):
                return int(line.split()[1])
    except OSError:
        pass
    return None


class FsyncTrap:
    """While it is entered, every fsync and fdatasync of the server is slower by `delay_ms`, or from the `fail_from`-th one of
    each process on fails with EIO. `struck` tells how many there were."""

    def __init__(self, postgres, delay_ms=None, fail_from=None):
        self.postgres = postgres
        self.how = f"delay_enter={delay_ms * 1000}" if delay_ms is not None else f"error=EIO:when={fail_from}+"
        self.mark = "(DELAYED)" if delay_ms is not None else "(INJECTED)"
        self.process = None
        self.struck = 0
        self.trace = postgres.directory / "fsync.trace"

    def __enter__(self):
        pids = self.postgres.processes()
        self.process = subprocess.Popen(
            ["strace", "-f", "-qq", "-e", "trace=fsync,fdatasync", "-e", f"inject=fsync,fdatasync:{self.how}", "-o", self.trace,
             *(part for pid in pids for part in ("-p", str(pid)))],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        eventually(lambda: tracer_of(self.postgres.process.pid) == self.process.pid, "strace is attached", within=30)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # it lets go of all of them
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(timeout=30)
        self.struck = self.trace.read_text(encoding="ascii", errors="replace").count(self.mark)
        self.trace.unlink()
