import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "acceptance"))

ROOT = pathlib.Path(os.environ.get("SB_ROOT", pathlib.Path(__file__).resolve().parents[2]))
BINARY = pathlib.Path(os.environ.get("SB_BINARY", ROOT / "build" / "release" / "stocksblitz"))


@pytest.fixture
def new_trial():
    """new_trial(...) begins a trial; in the end whatever it found is a failure, with the place of its files."""
    assert BINARY.is_file(), f"no binary at {BINARY}: ./dev chaos builds it, SB_BINARY names another"
    from trial import Trial
    begun = []

    def begin(**how):
        begun.append(Trial(BINARY, ROOT, **how))
        return begun[-1]

    yield begin
    for trial in begun:
        trial.close()
    for trial in begun:
        assert not trial.findings, "\n".join([*trial.findings.lines()[:20], f"files in {trial.directory}"])


@pytest.fixture
def as_root():
    """What only root can do: mount a small disk, trace another user's processes."""
    if os.geteuid() != 0:
        if os.environ.get("CI") == "true":
            pytest.fail("needs root")
        print("SKIPPED: needs root")
        pytest.skip("needs root")
