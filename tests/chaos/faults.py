"""The faults of the random mix. Each takes the trial and dice of its own, does harm for a moment, and leaves the healing to
Trial.heal(). What it draws depends on its dice alone."""
import threading
import time

from chaos_postgres import FsyncTrap
from fake_clock import FakeClock
from fault_proxy import CUTS
from waiting import eventually

APPEND = "journal_append"  # the prepared statement's name, which is in each such request
LEASE_MS = 3000
SHORT_S = 1.5
TAKE_OVER = "node SIGSTOP, another takes over, SIGCONT"


def proxy_cuts(trial, dice):
    """A handful of statements lose their connection somewhere, appends or any."""
    for _ in range(dice.randint(1, 5)):
        trial.proxy.arm(dice.choice(CUTS), match=dice.choice([APPEND, APPEND, ""]), times=dice.randint(1, 3))
    _until_taken(trial)


def proxy_late(trial, dice):
    """An append arrives after its node has given it up, with another connection's claim before it or not."""
    trial.proxy.arm("late", match=APPEND, times=dice.randint(1, 3), ms=dice.choice([50, 500, 1500, 4000]))
    _until_taken(trial)
    time.sleep(SHORT_S)


def proxy_duplicate(trial, dice):
    """What a connection ever sent arrives once more."""
    trial.proxy.arm("duplicate", match=APPEND, times=dice.randint(1, 4))
    _until_taken(trial)


def proxy_delay(trial, dice):
    trial.proxy.tell("delay", ms=dice.choice([5, 20, 60]))
    time.sleep(dice.uniform(1, 3))


def proxy_half_open(trial, dice):
    """Connections that are there and say nothing, for less or more than a lease."""
    trial.proxy.tell(dice.choice(["half_open", "stall"]))
    time.sleep(dice.choice([0.5, 2.5, 1.5 * LEASE_MS / 1000]))


def proxy_cut_all(trial, dice):
    for _ in range(dice.randint(1, 5)):
        trial.proxy.tell("cut_all")
        time.sleep(dice.uniform(0.01, 0.3))


def postgres_crash(trial, dice):
    """pg_ctl restart -m immediate."""
    for _ in range(dice.randint(1, 3)):
        trial.postgres.crash()
        time.sleep(dice.uniform(0, 0.5))


def postgres_disk_full(trial, dice):
    trial.postgres.fill_disk()
    time.sleep(dice.uniform(0.5, 4))
    trial.postgres.free_disk()


def postgres_slow_fsync(trial, dice):
    with FsyncTrap(trial.postgres, delay_ms=dice.choice([20, 100, 400])):
        time.sleep(dice.uniform(1, 3))


def postgres_fsync_fails(trial, dice):
    with FsyncTrap(trial.postgres, fail_from=dice.randint(1, 20)):
        time.sleep(dice.uniform(0.5, 2))


def node_kill(trial, dice):
    for _ in range(dice.randint(1, 2)):
        trial.site.restart_killed()


def node_sleep(trial, dice):
    """Shorter or longer than its lease; nobody takes over."""
    trial.site.node.sleep()
    time.sleep(dice.choice([0.3, 2.2, 1.3 * LEASE_MS / 1000]))
    trial.site.node.wake()


def take_over(trial, dice):
    """The node sleeps, another takes its shards and goes on, it wakes among clients that never let go of it, and is ended,
    sometimes after the last order that it had under way has grown too old to be sent."""
    sleeper = trial.site.node
    sleeper.sleep()
    trial.site.stand_in()
    trial.traders.run_on(20)  # what the sleeper knows is out of date
    with trial.traders.asking(sleeper):
        time.sleep(SHORT_S)
        sleeper.wake()
        time.sleep(dice.choice([dice.uniform(0.2, SHORT_S), trial.site.send_window_ms / 1000 + SHORT_S]))
    sleeper.kill()


def node_and_database(trial, dice):
    """kill -9 of the node while PostgreSQL crashes and statements are on their way."""
    trial.proxy.arm(dice.choice(CUTS), match=APPEND, times=2)
    killing = threading.Timer(dice.uniform(0, 0.3), trial.site.node.kill)
    killing.start()
    trial.postgres.crash()  # on this thread: what a thread starts ends with it
    killing.join()
    trial.site.node.start()


def clock_jump(trial, dice):
    """The node's date is set forth or back while it runs, and put right again."""
    clock = FakeClock()
    try:
        trial.site.node.kill()
        trial.site.node.clock = clock
        trial.site.node.start()
        for _ in range(dice.randint(1, 2)):
            clock.jump(dice.choice([-86_400, -600, -1, 1, 30, 600, 3_000]))
            time.sleep(dice.uniform(1.5, 4))
        clock.jump(0)
        eventually(trial.site.node.is_ready, "the node trusts its clock again", within=60)
        trial.site.node.kill()
        trial.site.node.clock = None
        trial.site.node.start()
    finally:
        clock.close()


def _until_taken(trial):
    """Until traffic has run into everything that is armed; not for ever, for it may wait for something else."""
    until = time.monotonic() + 10
    while trial.proxy.tell("stats")["armed"] and time.monotonic() < until:
        time.sleep(0.05)


# Name, fault, weight among the others.
MIX = [
    ("proxy cuts statements", proxy_cuts, 4),
    ("proxy lets appends come late", proxy_late, 3),
    ("proxy doubles connections", proxy_duplicate, 2),
    ("proxy delays", proxy_delay, 1),
    ("proxy goes half-open or stalls", proxy_half_open, 2),
    ("proxy cuts all", proxy_cut_all, 1),
    ("PostgreSQL restarts -m immediate", postgres_crash, 3),
    ("PostgreSQL's disk is full", postgres_disk_full, 1),
    ("PostgreSQL's fsync is slow", postgres_slow_fsync, 1),
    ("PostgreSQL's fsync fails", postgres_fsync_fails, 1),
    ("node kill -9", node_kill, 4),
    ("node SIGSTOP, SIGCONT", node_sleep, 3),
    (TAKE_OVER, take_over, 4),
    ("node kill -9 and PostgreSQL restart", node_and_database, 2),
    ("node's clock jumps", clock_jump, 1),
]
