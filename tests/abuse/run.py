"""./dev abuse: bad input and overload against live servers. Prints a row for each figure; exit status 1 when one fails."""
import argparse
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "acceptance"), str(HERE.parents[1] / "bench")]
import corpora_check  # noqa: E402
import overload_check  # noqa: E402
import schema_check  # noqa: E402
import slow_check  # noqa: E402
from report import Report  # noqa: E402
from scene import Scene  # noqa: E402

CHECKS = {"schema": schema_check.run, "corpora": corpora_check.run, "slow": slow_check.run, "overload": overload_check.run}


def main():
    options = argparse.ArgumentParser(prog="./dev abuse", description=__doc__)
    options.add_argument("--minutes", type=int, default=5, help="of overload (5)")
    options.add_argument("--seconds", type=int, default=120, help="of each kind of slow client (120)")
    options.add_argument("checks", nargs="*", choices=CHECKS, default=[*CHECKS])
    chosen = options.parse_args()
    report = Report()
    with Scene(chosen.minutes, chosen.seconds) as scene:
        for name in chosen.checks:
            CHECKS[name](scene, report)
    print(report.last_line())
    return 1 if report.failed() else 0


if __name__ == "__main__":
    sys.exit(main())
