"""The random mix: rounds of traffic, one fault, and all checks, until the time is over. The seed decides which faults come in
which order and with which figures; when they strike is up to the machine."""
import random
import time

from faults import MIX, TAKE_OVER
from history import CONTRADICTED, UNTRIED, check_limit_reached
from trial import Trial

ROUNDS_A_DESK = 5
DISK_BYTES = 512 << 20
# Chance of each fault of the broker's own, drawn for each desk's rounds; the broker's side of "node and broker".
BROKER_FAULTS = ("reject", "slow", "accept_then_hang", "drop_before_accept", "late_accept", "duplicate_fill")


def broker_settings(dice):
    chosen = {f"broker_faults.{name}_pct": dice.choice([0, 0, 2, 5]) for name in BROKER_FAULTS}
    return {**chosen, "broker_faults.slow_ms": 300, "broker_faults.late_accept_ms": 700}


def plan(seed, number):
    """What the n-th round does: name, fault and the dice that it draws from."""
    dice = random.Random(f"{seed}/{number}")
    name, fault, _ = dice.choices(MIX, weights=[weight for _, _, weight in MIX])[0]
    return name, fault, dice


def run_mix(binary, root, seed, minutes, say):
    """0 when nothing was found."""
    begin = time.monotonic()
    until = begin + 60 * minutes
    trial = Trial(binary, root, seed, broker_settings(random.Random(f"{seed}/broker")), disk_bytes=DISK_BYTES)
    rounds = 0
    try:
        while time.monotonic() < until and not trial.findings:
            rounds += 1
            if rounds > 1 and rounds % ROUNDS_A_DESK == 1:
                trial.new_desk()
            name, fault, dice = plan(seed, rounds)
            began = time.monotonic()
            try:
                green = trial.under_traffic(lambda fault=fault, dice=dice: fault(trial, dice), name)
            except AssertionError as failure:  # something did not come to be: no liveness
                trial.findings.add(CONTRADICTED, f"round {rounds}, {name}: {failure}")
                green = False
            say(f"round {rounds:3}  {time.monotonic() - began:5.1f} s  {name}{'' if green else '  NOT GREEN'}")
    finally:
        calls, acknowledged = trial.sum_up()
        trial.look_for_crashes()
        if not trial.findings:
            check_tried(trial, time.monotonic() - begin)
        report(trial, seed, rounds, calls, acknowledged, say)
        trial.close()
    return 1 if trial.findings else 0


def check_tried(trial, seconds):
    """A run in which what is to be tried never came says nothing."""
    check_limit_reached(trial.denials, seconds, trial.findings)
    if trial.faults[TAKE_OVER] and not trial.asked_replaced_nodes():
        trial.findings.add(UNTRIED, "no client asked a node that had been replaced")


def report(trial, seed, rounds, calls, acknowledged, say):
    say(f"\nseed {seed}, {rounds} rounds, {trial.desks} organizations\n\nfaults")
    for name, _, _ in MIX:
        say(f"  {name:45} {trial.faults[name]:5}")
    say("  one by one, by the proxy")
    for name, count in sorted(trial.proxy.taken().items()):
        say(f"    {name:43} {count:5}")
    say(f"\ncalls {sum(calls.values())} ({', '.join(f'{count} {name}' for name, count in sorted(calls.items()))})")
    say(f"acknowledged {acknowledged}, journal rows {trial.journal.rows}")
    say(f"denied {counts(trial.denials)}")
    say(f"answers of replaced nodes {counts(trial.left_behind)}; orders whose client never came back {trial.left_uncertain}")
    say(f"orders that a sleeper sent and the broker refused by their id {trial.refused_late}, "
        f"nodes that ended by themselves {trial.site.ended_by_themselves}")
    say(",  ".join(f"{kind} {len(found)}" for kind, found in trial.findings.of.items()))
    for line in trial.findings.lines()[:40]:
        say(f"  {line}")
    if trial.findings:
        say(f"NOT green: rerun with --seed {seed}; files in {trial.directory}")
    else:
        say("green")


def counts(of):
    return ", ".join(f"{count} {what}" for what, count in of.most_common()) or "none"
