"""./dev abuse: bad input and overload against live servers. Prints a row for each figure and leaves them all as a table in
build/log/abuse.md; exit status 1 when one fails."""
import argparse
import datetime
import os
import pathlib
import subprocess
import sys
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "acceptance"), str(HERE.parents[1] / "bench")]
import corpora_check  # noqa: E402
import overload_check  # noqa: E402
import schema_check  # noqa: E402
import slow_check  # noqa: E402
from report import Report  # noqa: E402
from scene import ROOT, Scene  # noqa: E402

MINUTES_MAX = 15  # three times that, and the minutes between
CHECKS = {"schema": schema_check.run, "corpora": corpora_check.run, "slow": slow_check.run, "overload": overload_check.run}


def run_one(name, scene, report):
    """A check that breaks off has not measured what it was to measure; the others go on."""
    try:
        CHECKS[name](scene, report)
    except Exception as broken:  # noqa: B902 - whatever it is
        traceback.print_exc()
        report.row(name, "the check came to its end", type(broken).__name__, "True", False)


def write_table(report, chosen):
    """With what it was measured on, so that it can be copied as it is."""
    described = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False).stdout.strip()
    out = ROOT / "build" / "log" / "abuse.md"
    out.parent.mkdir(parents=True, exist_ok=True)
    head = (f"`./dev abuse {' '.join(chosen.checks)}` at {described}, {datetime.date.today()}, {os.cpu_count()} processors, "
            f"{chosen.minutes} minutes of each overload, {chosen.seconds} s of each kind of slow client.\n\n")
    out.write_text(head + report.table(), encoding="utf-8")
    print(f"the table: {out}")


def main():
    options = argparse.ArgumentParser(prog="./dev abuse", description=__doc__)
    options.add_argument("--minutes", type=int, default=5,
                         help="of each of the two overloads and of the calm before (5); with one the memory cannot be measured, and fails")
    options.add_argument("--seconds", type=int, default=120, help="of each kind of slow client (120)")
    options.add_argument("checks", nargs="*", choices=CHECKS, default=[*CHECKS])
    chosen = options.parse_args()
    if not 1 <= chosen.minutes <= MINUTES_MAX:
        options.error(f"--minutes must be 1 to {MINUTES_MAX}: the tenants' tokens are good for an hour")
    report = Report()
    with Scene(chosen.minutes, chosen.seconds) as scene:
        for name in chosen.checks:
            run_one(name, scene, report)
        write_table(report, chosen)
    print(report.last_line())
    return 1 if report.failed() else 0


if __name__ == "__main__":
    sys.exit(main())
