"""What was acknowledged survives the end of any process."""
import signal
import subprocess

import pytest

from desk import Desk
from private_postgres import PrivatePostgres
from traffic import WORKING, Traffic
from waiting import eventually


@pytest.fixture
def own_postgres():
    server = PrivatePostgres()
    try:
        server.start()
        yield server
    finally:
        server.close()


def test_killed_in_the_middle_of_traffic(plant):
    """kill -9 three times while eight clients trade. Each time the node comes back with everything that it had told anybody,
    the broker has no order twice, and no reservation leaks."""
    node = plant.new_node()
    desk = Desk(node, node.platform)
    traffic = Traffic(desk, "kill")
    for round_number in range(3):
        traffic.name = f"kill{round_number}"
        with traffic:
            traffic.wait_for(150)
            node.kill()
        node.start()
        traffic.resolve()
        traffic.check()
    assert len(traffic.acknowledged) >= 450 and traffic.lost > 0
    node.check_books()


def test_database_crashes_under_traffic(plant, own_postgres):
    """PostgreSQL is stopped as by a power cut and started again. Meanwhile clients soon hear 503 with Retry-After and `check`,
    never another 5xx; then all goes on by itself and the same keys are safe to send again."""
    node = plant.new_node(postgres=own_postgres)
    desk = Desk(node, node.platform)
    traffic = Traffic(desk, "outage")
    with traffic:
        for _ in range(2):
            traffic.wait_for(100)
            own_postgres.stop("immediate")
            heard = len(traffic.refused)
            # Client's wait 2 s, statement deadline 5 s; the rest is for a loaded machine.
            eventually(lambda heard=heard: len(traffic.refused) >= heard + traffic.clients, "503 for every client", within=30)
            probe = desk.trader.place(desk.order(client_order_id=f"probe-{heard}"))
            assert probe.status_code == 503, probe.text
            assert probe.json()["order_id"] and probe.json()["client_order_id"] == f"probe-{heard}"
            own_postgres.start()
            eventually(lambda: desk.trader.place(desk.order(client_order_id=f"probe-{heard}")).status_code in (201, 202, 403),
                       "the node takes orders again", within=60)
    assert traffic.lost == 0, "the node itself was not down"
    for answer in traffic.refused:
        problem = answer.json()
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        assert int(answer.headers["Retry-After"]) >= 1
        # `retry` is for a node that is starting or stopping. This one does neither: whoever is refused has to look.
        assert (problem["status"], problem["action"]) == (503, "check"), problem

    def beats():
        return int(own_postgres.query("select counter from node", node.database)[0][0])

    # Orders may be taken, and the node be ready, under what is left of the old lease; when that ends reads are refused until the next
    # beat. The second beat from now begins after one that renewed it.
    since = beats()
    eventually(lambda: beats() >= since + 2, "the node beats again")
    eventually(node.is_ready, "ready")
    traffic.check_nothing_done()
    traffic.resolve()
    for row in all_orders(desk):
        if row["client_order_id"].startswith("probe-") and row["state"] in WORKING:
            assert desk.trader.delete("/trades/" + row["order_id"]).status_code in (200, 202)
    traffic.check()
    node.check_books()


def all_orders(desk):
    rows, cursor = [], ""
    while True:
        page = desk.admin.get("/trades?limit=200" + cursor).json()
        rows += page["data"]
        if not page["has_more"]:
            return rows
        cursor = "&cursor=" + page["next_cursor"]


def test_no_node_without_its_database(plant, own_postgres):
    """Reads that need no database still answer, a cancel and a login are refused soon, and readiness says no."""
    node = plant.new_node({"cluster.ttl_ms": 3000, "cluster.heartbeat_ms": 300, "cluster.lease_margin_ms": 500,
                           "orders.send_window_ms": 2000}, postgres=own_postgres)
    desk = Desk(node, node.platform)
    order = desk.trader.place(desk.order()).json()
    own_postgres.stop("immediate")
    refused = desk.trader.delete("/trades/" + order["order_id"])
    assert refused.status_code == 503 and refused.json()["action"] == "check", refused.text
    log_in = node.client().post("/auth/login", {"email": desk.emails["trader"], "password": "correct horse battery 1"})
    assert log_in.status_code == 503 and "Retry-After" in log_in.headers, log_in.text
    eventually(lambda: not node.is_ready(), "readiness turns red once the lease ran out")
    assert node.client().get("/health/live").status_code == 200
    own_postgres.start()
    eventually(node.is_ready, "the node recovers by itself", within=90)
    found = eventually(lambda: (lambda a: a.json() if a.status_code in (200, 202, 409) else None)(
        desk.trader.delete("/trades/" + order["order_id"])), "the cancel is answered")
    assert found
    eventually(lambda: desk.trader.order(order["order_id"])["state"] == "canceled", "the order is canceled")
    node.check_books()


def test_a_node_that_waits_for_the_schema_ends_when_it_is_told(plant, own_postgres):
    """Another node changes the schema, which may take long; this one owns nothing yet."""
    node = plant.new_node(postgres=own_postgres, start=False)
    locks = "select count(*) from pg_locks where locktype = 'advisory' and {}"
    changing = subprocess.Popen(["psql", "-X", "-q", "-c", "select pg_advisory_lock(7305801), pg_sleep(600)", node.conninfo],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: own_postgres.query(locks.format("granted"), node.database) == [["1"]], "the schema is being changed")
        node.launch()
        eventually(lambda: own_postgres.query(locks.format("not granted"), node.database) == [["1"]], "the node waits")
        assert node.stop() == -signal.SIGTERM
    finally:
        changing.kill()
        changing.wait()
    own_postgres.query("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'", node.database)
    node.start()
    assert node.stop() == 0


def test_orders_are_found_again_after_a_stop(plant):
    """SIGTERM drains and ends with 0; the next start finds orders, limits, permissions and positions again at once: shards
    that were released need no time to live to pass."""
    node = plant.new_node({"cluster.ttl_ms": 600000, "cluster.lease_margin_ms": 1000})
    desk = Desk(node, node.platform)
    assert desk.set_limits("account", single_order_value=60000.00, allowed_symbols=["SBIN"]).status_code == 200
    orders = [desk.trader.place(desk.order(client_order_id=f"stop-{number}")).json() for number in range(10)]
    assert desk.fill(orders[0]["order_id"], 499.50, 10).status_code == 200
    assert desk.fill(orders[1]["order_id"], 498.00, 4).status_code == 200
    assert desk.trader.delete("/trades/" + orders[2]["order_id"]).status_code == 200
    path = f"/api/trading-limits?scope=account&scope_id={desk.account}"

    def facts():
        limits = desk.admin.get(path).json()["data"]
        positions = desk.admin.get(f"/api/positions?trading_account_id={desk.account}").json()["data"]
        return [desk.trader.order(order["order_id"]) for order in orders], limits, positions

    eventually(lambda: facts()[1][0]["usage"]["open_orders"] == 8, "settled")
    eventually(lambda: sum(row["net_quantity"] for row in facts()[2]) == 14, "the position is folded")
    before = facts()
    assert node.stop() == 0, node.log_text()[-2000:]
    node.start()
    after = facts()
    for old, new in zip(before[0], after[0]):
        assert new == old
    assert after[1:] == before[1:]
    assert desk.trader.place(desk.order(client_order_id="stop-3")).headers["Idempotent-Replayed"] == "true"
    denied = desk.trader.place(desk.order(symbol="INFY"))
    assert denied.status_code == 403 and denied.json()["code"] == "LIMIT_SYMBOL_NOT_ALLOWED"
    assert desk.fill(orders[1]["order_id"], 500.00, 6).status_code == 200
    assert desk.trader.order(orders[1]["order_id"])["state"] == "filled"
    node.check_books()


def test_stopped_under_traffic(plant):
    """A stop in the middle of traffic ends with 0, and nothing that was acknowledged is missing afterwards."""
    node = plant.new_node()
    desk = Desk(node, node.platform)
    traffic = Traffic(desk, "stop")
    with traffic:
        traffic.wait_for(100)
        node.process.send_signal(signal.SIGTERM)
        assert node.process.wait(timeout=90) == 0, node.log_text()[-2000:]
    node.start()
    traffic.check_nothing_done()
    traffic.resolve()
    traffic.check()
    node.check_books()
