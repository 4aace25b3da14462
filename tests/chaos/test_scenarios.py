"""Fixed scenarios on a real site under traffic. After each, client log, journal and broker's log agree."""
import itertools
import time

import pytest
import requests
from chaos_postgres import FsyncTrap
from fake_clock import FakeClock
from fault_proxy import FAULTS
from faults import APPEND
from history import late_lines
from trial import lease_over
from waiting import eventually

RESTARTS = 30
DAY_S = 86_400


def test_thirty_restarts_of_the_database(new_trial):
    """`pg_ctl restart -m immediate` thirty times under traffic. The node is the same process all the time and nobody needed to
    help it."""
    trial = new_trial()
    process = trial.site.node.process

    def fault():
        for _ in range(RESTARTS):
            trial.traders.run_on(10)
            trial.postgres.crash()

    assert trial.under_traffic(fault, "restart")
    assert trial.postgres.crashes == RESTARTS
    assert trial.site.node.process is process and trial.ledger.answers[503] > 0


@pytest.mark.parametrize("fault", FAULTS)
def test_a_statement_meets_the_proxy(new_trial, fault):
    """Ten appends and five other statements, each with this fault."""
    trial = new_trial()

    def strike():
        for _ in range(10):
            trial.proxy.arm(fault, match=APPEND, ms=300)
            eventually(lambda: not trial.proxy.tell("stats")["armed"], f"an append meets {fault}")
        trial.proxy.arm(fault, times=5, ms=300)
        eventually(lambda: not trial.proxy.tell("stats")["armed"], f"statements meet {fault}")

    assert trial.under_traffic(strike, fault)
    assert trial.proxy.taken()[fault] == 15


@pytest.mark.parametrize("state", ["stall", "half_open"])
def test_a_silent_database(new_trial, state):
    """The connections stay and nothing comes, until the lease has run out. No read is served then, and all of it heals."""
    trial = new_trial()

    def fault():
        trial.proxy.tell(state)
        lease_over(trial.site)

    assert trial.under_traffic(fault, state)


def test_disk_full_and_freed(new_trial, as_root):
    """No row can be written; orders are refused with 503, nothing is acknowledged that is not stored. When there is room again,
    PostgreSQL is started by whoever runs it, if it has ended, and the node goes on by itself."""
    trial = new_trial(disk_bytes=320 << 20)
    process = trial.site.node.process

    def fault():
        for _ in range(3):
            refused = trial.ledger.answers[503]
            trial.postgres.fill_disk()
            eventually(lambda refused=refused: trial.ledger.answers[503] >= refused + 12, "clients are refused", within=120)
            trial.postgres.free_disk()
            trial.postgres.revive()
            trial.traders.run_on(30, within=120)

    assert trial.under_traffic(fault, "disk full")
    assert trial.site.node.process is process and trial.site.node.is_running()


def test_slow_fsync(new_trial, as_root):
    """Each fsync takes 20, 200, then 2,000 ms longer: slower answers or 503, never a wrong one."""
    trial = new_trial()
    struck = []

    def fault():
        for delay_ms in (20, 200, 2000):
            with FsyncTrap(trial.postgres, delay_ms=delay_ms) as trap:
                time.sleep(5)
            struck.append(trap.struck)

    assert trial.under_traffic(fault, "slow fsync")
    assert all(struck), struck


def test_failing_fsync(new_trial, as_root):
    """PostgreSQL cannot make its WAL durable, and crashes rather than say that it had. What it had confirmed is there."""
    trial = new_trial()
    struck = []

    def fault():
        for nth in (1, 3, 10):
            with FsyncTrap(trial.postgres, fail_from=nth) as trap:
                eventually(lambda trap=trap: trap.trace.exists() and b"(INJECTED)" in trap.trace.read_bytes(), "an fsync fails")
                time.sleep(1)
            struck.append(trap.struck)
            trial.postgres.revive()
            trial.traders.run_on(20, within=120)

    assert trial.under_traffic(fault, "failing fsync")
    assert all(struck), struck


@pytest.mark.parametrize("id_mode", ["unique", "tag_only"])
def test_the_second_takes_over_while_the_first_sleeps(new_trial, id_mode):
    """Three times. Each sleeper wakes among clients that never let go of it: what it answers then is never what was so before,
    and it sends nothing any more that a broker would take a second time."""
    trial = new_trial(settings={"broker.id_mode": id_mode})
    site = trial.site

    def fault():
        for number in range(3):
            order_id = working_order(trial, f"stale-{number}")
            first = site.node
            first.sleep()
            site.stand_in()
            eventually(lambda order_id=order_id: canceled(trial, order_id), "the order is canceled on the second node")
            with trial.traders.asking(first):
                trial.traders.run_on(20)
                first.wake()
                check_not_stale(trial, first.url, order_id)
                trial.traders.run_on(20)
            first.kill()

    assert trial.under_traffic(fault, "take-over")
    assert len(site.retired) == 3 and trial.asked_replaced_nodes()


def test_a_node_that_is_cut_off(new_trial):
    """Its connections to PostgreSQL are there and say nothing. Another, which reaches PostgreSQL by another way, takes over while
    the first one lives and is talked to; when it can speak again it finds its shards gone."""
    trial = new_trial()
    site = trial.site
    first = site.node

    def fault():
        order_id = working_order(trial, "cut-off")
        trial.proxy.tell("half_open")
        lease_over(site)
        site.stand_in(past_proxy=True)
        eventually(lambda: canceled(trial, order_id), "the order is canceled on the second node")
        with trial.traders.asking(first):
            check_not_stale(trial, first.url, order_id)
            trial.traders.run_on(20)
            trial.proxy.heal()
            check_not_stale(trial, first.url, order_id)
            trial.traders.run_on(60)
        assert first.is_running() and not first.is_ready(), "it lives, and owns nothing"
        first.kill()

    assert trial.under_traffic(fault, "cut off")
    assert trial.asked_replaced_nodes()
    late = [line for path, taken, _ in site.retired for line in late_lines(path, taken)]
    assert not [line for line in late if line[0] == "placed"], "it sent nothing that was not its any more"


def working_order(trial, name):
    """One that no limit stood in the way of."""
    desk, attempts = trial.traders.desk, itertools.count(1)

    def placed():
        order = desk.order(client_order_id=f"{name}-{next(attempts)}", trading_account_id=desk.accounts[1])
        answer = trial.traders.trader.place(order)
        return answer.json()["order_id"] if answer is not None and answer.status_code == 201 else None

    return eventually(placed, "an order works")


def canceled(trial, order_id):
    trial.traders.trader.cancel(order_id)
    answer = trial.traders.trader.read(order_id)
    return answer is not None and answer.json().get("state") == "canceled"


def check_not_stale(trial, url, order_id):
    """The woken node refuses, or says what is so now."""
    token = trial.traders.desk.trader.token
    for _ in range(40):
        answer = requests.get(f"{url}/trades/{order_id}", headers={"Authorization": f"Bearer {token}"}, timeout=8)
        assert answer.status_code == 503 or (answer.status_code == 200 and answer.json()["state"] == "canceled"), answer.text
        time.sleep(0.02)


def test_a_sleep_that_nobody_notices(new_trial):
    """Stopped for longer than its lease, and nobody takes over: it is the owner still, and must not send what is too old."""
    trial = new_trial()

    def fault():
        for _ in range(3):
            trial.site.node.sleep()
            time.sleep(4)
            trial.site.node.wake()
            trial.traders.run_on(20)

    assert trial.under_traffic(fault, "sleep")


def test_the_node_is_killed_again_and_again(new_trial):
    trial = new_trial(settings={"broker_faults.slow_pct": 10, "broker_faults.slow_ms": 400, "broker_faults.accept_then_hang_pct": 10,
                                "broker_faults.drop_before_accept_pct": 10, "broker_faults.late_accept_pct": 10,
                                "broker_faults.late_accept_ms": 700, "broker_faults.duplicate_fill_pct": 10})

    def fault():
        for _ in range(10):
            trial.traders.run_on(15)
            trial.site.restart_killed()

    assert trial.under_traffic(fault, "kill -9")


def test_the_nodes_clock_jumps(new_trial):
    """An hour forth, ten minutes back, a day forth: it has no lease while its clock is not the database's, and takes up its
    work when the clock is right again. A second more or less is no jump."""
    clock = FakeClock()
    trial = new_trial(clock=clock)

    def fault():
        for seconds in (3_000, -600, DAY_S):
            clock.jump(seconds)
            lease_over(trial.site)
            clock.jump(0)
            eventually(trial.site.node.is_ready, "it trusts its clock again")
            trial.traders.run_on(20)
        clock.jump(1)
        trial.traders.run_on(40)
        clock.jump(0)

    assert trial.under_traffic(fault, "clock")
    clock.close()


def test_all_clocks_jump(new_trial):
    """The date of node and database is set to tomorrow, back to today, and to the day after. Orders of the day expire, limits
    begin anew once a day, tokens of another time are asked for again; what has begun does not go back."""
    clock = FakeClock()
    trial = new_trial(clock=clock, database_clock=clock)
    trial.days_pass = True

    def fault():
        for seconds, days in ((DAY_S, 2), (600, 2), (2 * DAY_S, 3)):
            clock.jump(seconds)
            eventually(lambda seconds=seconds: abs(ahead_s(trial) - seconds) < 10, "PostgreSQL has seen the jump")
            eventually(lambda days=days: len(days_rolled(trial)) == days, f"day {days} has begun")
            trial.traders.run_on(60, within=120)

    assert trial.under_traffic(fault, "clocks")
    assert days_rolled(trial) == sorted(set(days_rolled(trial))) and len(days_rolled(trial)) == 3
    clock.close()


def days_rolled(trial):
    """The days that the traders' risk book has begun, in that order."""
    book = f"{trial.traders.desk.id}/book/{trial.traders.desk.id}"
    rows = trial.postgres.query("select body ->> 'day' from journal_event "
                                f"where type = 'risk.day_rolled' and stream = '{book}' order by version", trial.site.database)
    return [int(row[0]) for row in rows]


def ahead_s(trial):
    [[now]] = trial.postgres.query("select extract(epoch from clock_timestamp())", trial.site.database)
    return float(now) - time.time()
