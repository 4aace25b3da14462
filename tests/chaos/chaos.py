"""`./dev chaos`: the random mix, or the matrix of the saga's steps. The fixed scenarios are pytest's (test_*.py here)."""
import argparse
import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "acceptance"))

from mix import run_mix  # noqa: E402 - after the path to the acceptance tests' modules
from saga_matrix import run_matrix  # noqa: E402

ROOT = pathlib.Path(os.environ.get("SB_ROOT", pathlib.Path(__file__).resolve().parents[2]))


def say(text):
    print(text, flush=True)


def main():
    parser = argparse.ArgumentParser(prog="./dev chaos")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--matrix", action="store_true")
    parser.add_argument("--repeat", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--step", default="", help="only steps whose name contains this")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # with everything that is to be cleaned up
    binary = pathlib.Path(os.environ["SB_BINARY"])
    if chosen.matrix:
        return run_matrix(binary, ROOT, chosen.repeat, chosen.workers, chosen.step, say)
    return run_mix(binary, ROOT, chosen.seed, chosen.minutes, say)


if __name__ == "__main__":
    sys.exit(main())
