"""The wall clock of processes that run under libfaketime. Their monotonic clocks stay true, as on a real machine whose date
is set."""
import os
import pathlib
import tempfile

REREAD_S = 1  # how soon a running process sees a jump


class FakeClock:
    def __init__(self):
        found = sorted(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        assert found, "libfaketime is not there: ./dev chaos installs it"
        self.library = found[0]
        self.directory = tempfile.TemporaryDirectory(prefix="stocksblitz-clock.")
        os.chmod(self.directory.name, 0o755)  # PostgreSQL reads it too
        self.file = pathlib.Path(self.directory.name) / "offset"
        self.jump(0)

    def jump(self, seconds):
        """From now on the clock is ahead of the true one by so much."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}\n", encoding="ascii")
        fresh.rename(self.file)

    def environment(self):
        return {"LD_PRELOAD": str(self.library), "FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_CACHE_DURATION": str(REREAD_S),
                "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}

    def close(self):
        self.directory.cleanup()
