"""The proxy before a PostgreSQL: each fault does what it says, as psql and the table see it."""
import subprocess
import time

import pytest
from chaos_postgres import ChaosPostgres
from fault_proxy import FaultProxy
from private_postgres import BINARIES
from waiting import eventually

DATABASE = "postgres"


@pytest.fixture(scope="module")
def postgres():
    server = ChaosPostgres()
    try:
        server.start()
        server.query("create table line (text text)", DATABASE)
        yield server
    finally:
        server.close()


@pytest.fixture
def proxy(postgres):
    made = FaultProxy(postgres.socket)
    postgres.query("truncate line", DATABASE)
    yield made
    made.close()


def psql(proxy, *statements, timeout=30):
    """True when psql ended well; its output."""
    command = [BINARIES / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", proxy.conninfo(DATABASE)]
    for statement in statements:
        command += ["-c", statement]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    return ran.returncode == 0, ran.stdout.split()


def insert(proxy, text):
    return psql(proxy, f"insert into line values ('{text}') returning text")


def lines(postgres):
    return sorted(row[0] for row in postgres.query("select text from line", DATABASE) if row[0])


def test_nothing_armed(postgres, proxy):
    assert insert(proxy, "plain") == (True, ["plain"])
    big = psql(proxy, "select repeat('x', 300000)")
    assert big[0] and len(big[1][0]) == 300000
    assert lines(postgres) == ["plain"]


@pytest.mark.parametrize("fault, stored", [("cut_request", False), ("cut_in_request", False), ("cut_before_reply", True),
                                           ("cut_in_reply", True)])
def test_a_cut(postgres, proxy, fault, stored):
    """The client hears of no success; whether it was done depends on where the cut is. Others are not touched."""
    proxy.arm(fault, match="insert into line")
    assert psql(proxy, "select 1") == (True, ["1"])
    assert insert(proxy, "cut")[0] is False
    assert lines(postgres) == (["cut"] if stored else [])
    assert insert(proxy, "next") == (True, ["next"]), "armed once, struck once"
    assert proxy.taken()[fault] == 1


def test_cut_after_reply(postgres, proxy):
    """The answer arrives whole, and the next statement finds no connection."""
    proxy.arm("cut_after_reply", match="insert into line")
    done, told = psql(proxy, "insert into line values ('told') returning text", "select 'unsaid'")
    assert done is False and told == ["told"]
    assert lines(postgres) == ["told"]


def test_late(postgres, proxy):
    """The client has lost it, does something else, and only then it arrives."""
    proxy.arm("late", match="insert into line", ms=1500)
    assert insert(proxy, "first")[0] is False
    assert lines(postgres) == []
    assert insert(proxy, "second")[0] is True
    assert lines(postgres) == ["second"]
    eventually(lambda: lines(postgres) == ["first", "second"], "it arrives late")


def test_duplicate(postgres, proxy):
    proxy.arm("duplicate", match="insert into line")
    assert insert(proxy, "twin") == (True, ["twin"])
    eventually(lambda: lines(postgres) == ["twin", "twin"], "it arrives twice")
    eventually(lambda: proxy.taken()["duplicate"] == 1, "it is counted")


def test_what_is_too_much_to_be_sent_again(postgres):
    """It is not counted as doubled, and the next connection takes the fault."""
    proxy = FaultProxy(postgres.socket, recorded_bytes_max=2000)
    try:
        postgres.query("truncate line", DATABASE)
        proxy.arm("duplicate", match="insert into line")
        assert psql(proxy, f"select length('{'x' * 3000}')", "insert into line values ('once')")[0]
        assert proxy.tell("stats")["armed"] == 1 and proxy.taken()["duplicate"] == 0
        assert insert(proxy, "twin")[0]
        eventually(lambda: proxy.taken()["duplicate"] == 1, "the next one is doubled")
        assert lines(postgres) == ["once", "twin", "twin"]
    finally:
        proxy.close()


def test_what_could_not_be_sent_again_is_not_counted(postgres, proxy):
    """PostgreSQL ends the second connection in the middle."""
    postgres.query("create sequence first_time", DATABASE)
    dies = "select case when nextval('first_time') > 1 then pg_terminate_backend(pg_backend_pid()) end"
    proxy.arm("duplicate", match="insert into line")
    assert psql(proxy, dies, "insert into line values ('once')")[0]
    eventually(lambda: int(postgres.query("select last_value from first_time", DATABASE)[0][0]) == 2, "it is sent again")
    time.sleep(0.3)
    assert proxy.taken()["duplicate"] == 0 and lines(postgres) == ["once"]


def test_delay(proxy):
    proxy.tell("delay", ms=100)
    began = time.monotonic()
    assert psql(proxy, "select 1")[0]
    assert time.monotonic() - began >= 0.3  # startup, query and reply at least


@pytest.mark.parametrize("state, arrives", [("stall", True), ("half_open", False)])
def test_silence(postgres, proxy, state, arrives):
    """A connection is accepted and nothing moves; afterwards it goes on, or it is cut without a byte more."""
    proxy.tell(state)
    command = [BINARIES / "psql", "-X", "-q", "-A", "-t", "-d", proxy.conninfo(DATABASE), "-c", "insert into line values ('silent')"]
    client = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    eventually(lambda: proxy.tell("stats")["connections"] == 1, "it is accepted")
    with pytest.raises(subprocess.TimeoutExpired):
        client.wait(timeout=0.5)
    assert lines(postgres) == []
    proxy.heal()
    assert (client.wait(timeout=30) == 0) is arrives
    assert lines(postgres) == (["silent"] if arrives else [])


def test_an_unknown_order_is_refused(proxy):
    with pytest.raises(AssertionError):
        proxy.tell("nonsense")
    with pytest.raises(AssertionError):
        proxy.arm("nonsense")
    assert psql(proxy, "select 1")[0], "and it goes on"
