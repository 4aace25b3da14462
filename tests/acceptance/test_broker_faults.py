"""Each thing that a broker can do wrong, on every order: what the client hears, what the books hold, what the broker has."""
import pytest

from desk import Desk, in_threads
from waiting import eventually

QUICK = {"orders.client_wait_ms": 300, "orders.send_window_ms": 2000, "orders.grace_ms": 120000,
         "orders.unknown_retry_ms": "100,200,400"}
NO_FAULTS = {f"broker_faults.{name}_pct": 0 for name in
             ("reject", "slow", "accept_then_hang", "drop_before_accept", "late_accept", "duplicate_fill")}
ORDER_VALUE = 5000.00


@pytest.fixture(scope="module")
def trial_node(shared_plant):
    """One node for all trials; in the end journal, broker and read models must agree about every one of them."""
    node = shared_plant.new_node(QUICK)
    yield node
    node.check_books()
    assert node.stop() == 0


@pytest.fixture
def with_faults(trial_node):
    """Starts the node again with these faults on every order, and gives a desk on it."""
    def begin(id_mode, settings):
        assert trial_node.stop() == 0
        trial_node.settings.update({**QUICK, **NO_FAULTS, "broker.id_mode": id_mode, "broker.feed": "external", **settings})
        trial_node.start()
        return Desk(trial_node, trial_node.platform)

    return begin


def held(desk):
    usage = desk.usage("organization")
    return usage["open_orders"], usage["reserved_value"], usage["used_value"]


def becomes(desk, order_id, *states):
    return eventually(lambda: (lambda order: order if order["state"] in states else None)(desk.trader.order(order_id)),
                      f"{order_id} becomes {' or '.join(states)}, it is {desk.trader.order(order_id)['state']}")


both_modes = pytest.mark.parametrize("id_mode", ["unique", "tag_only"])


@both_modes
def test_reject(with_faults, id_mode):
    """The broker's refusal is an answer like another: 201 with state rejected, and the capacity is free again."""
    desk = with_faults(id_mode, {"broker_faults.reject_pct": 100})
    answer = desk.trader.place(desk.order(), Prefer="wait=10")
    assert answer.status_code == 201 and answer.json()["state"] == "rejected", answer.text
    assert answer.json()["reason"] and answer.json()["reservation"]["reserved"] == 0
    eventually(lambda: held(desk) == (0, 0.0, 0.0), "the capacity is released")
    assert len(desk.node.paper_log().rejected[answer.json()["order_id"]]) == 1
    again = desk.trader.delete("/trades/" + answer.json()["order_id"])
    assert again.status_code == 409 and again.json()["code"] == "ORDER_CLOSED"


@both_modes
def test_slow(with_faults, id_mode):
    """Who does not want to wait hears 202 with the order; a twin with more patience gets the outcome. One order at the broker."""
    desk = with_faults(id_mode, {"broker_faults.slow_pct": 100, "broker_faults.slow_ms": 1500})
    order = desk.order(client_order_id="slow-1")
    answer = desk.trader.place(order, Prefer="respond-async")
    assert answer.status_code == 202 and answer.json()["state"] in ("pending_new", "unknown"), answer.text
    twin = desk.trader.place(order, Prefer="wait=30")
    assert twin.headers["Idempotent-Replayed"] == "true" and twin.json()["order_id"] == answer.json()["order_id"]
    accepted = becomes(desk, answer.json()["order_id"], "new")
    assert accepted["broker_order_id"]
    assert held(desk)[:2] == (1, ORDER_VALUE)
    assert len(desk.node.paper_log().placed[accepted["order_id"]]) == 1


@both_modes
def test_accept_then_hang(with_faults, id_mode):
    """The broker has the order and never says so. 202, capacity held all the time, and the order is found, not sent again."""
    desk = with_faults(id_mode, {"broker_faults.accept_then_hang_pct": 100})
    answers = in_threads(5, lambda number: desk.trader.place(desk.order(client_order_id=f"hang-{number}")))
    for answer in answers:
        assert answer.status_code == 202 and answer.json()["state"] in ("pending_new", "unknown"), answer.text
    assert held(desk)[:2] == (5, 5 * ORDER_VALUE)
    for answer in answers:
        found = becomes(desk, answer.json()["order_id"], "new")
        assert len(desk.node.paper_log().placed[found["order_id"]]) == 1
    assert held(desk)[:2] == (5, 5 * ORDER_VALUE)
    assert desk.fill(found["order_id"], 500.00, 10).status_code == 200
    eventually(lambda: held(desk) == (4, 4 * ORDER_VALUE, ORDER_VALUE), "the fill is counted once")


def test_drop_before_accept_with_unique_ids(with_faults):
    """The broker never got it. Its id is blocked there, so that it can never arrive, and only then the capacity is released."""
    desk = with_faults("unique", {"broker_faults.drop_before_accept_pct": 100})
    answer = desk.trader.place(desk.order())
    assert answer.status_code == 202, answer.text
    becomes(desk, answer.json()["order_id"], "canceled")
    eventually(lambda: held(desk) == (0, 0.0, 0.0), "the capacity is released")
    broker = desk.node.paper_log()
    assert answer.json()["order_id"] in broker.blocked and answer.json()["order_id"] not in broker.placed


def test_drop_before_accept_with_tags_only(with_faults):
    """A broker that cannot block an id: held as unknown through window and grace and three empty reads, then absent."""
    desk = with_faults("tag_only", {"broker_faults.drop_before_accept_pct": 100, "orders.grace_ms": 1000})
    answer = desk.trader.place(desk.order())
    assert answer.status_code == 202, answer.text
    order_id = answer.json()["order_id"]
    becomes(desk, order_id, "unknown")
    assert held(desk)[:2] == (1, ORDER_VALUE), "held while nothing is known"
    becomes(desk, order_id, "absent")
    eventually(lambda: held(desk) == (0, 0.0, 0.0), "the capacity is released")
    assert order_id not in desk.node.paper_log().placed
    again = desk.trader.place(desk.order(client_order_id=answer.json()["client_order_id"]))
    assert again.json()["order_id"] == order_id and again.json()["state"] == "absent", "never sent a second time"


def test_within_the_grace_nothing_is_released(with_faults):
    """Tags only, and the grace not over: however often the broker says that it knows nothing, the order stays unknown."""
    desk = with_faults("tag_only", {"broker_faults.drop_before_accept_pct": 100})
    order_id = desk.trader.place(desk.order()).json()["order_id"]
    becomes(desk, order_id, "unknown")
    desk.node.kill()
    desk.node.start()
    assert desk.trader.order(order_id)["state"] == "unknown"
    assert held(desk)[:2] == (1, ORDER_VALUE)
    # A start with grace 0 counts the whole window again from the take-over, then gives it up.
    assert desk.node.stop() == 0
    desk.node.start(orders__grace_ms=0)
    becomes(desk, order_id, "absent")


@both_modes
def test_late_accept(with_faults, id_mode):
    """Nothing is answered and the order shows up at the broker later: it is found, and it is there once."""
    desk = with_faults(id_mode, {"broker_faults.late_accept_pct": 100, "broker_faults.late_accept_ms": 1500})
    answer = desk.trader.place(desk.order())
    assert answer.status_code == 202, answer.text
    order_id = answer.json()["order_id"]
    # With unique ids a query that comes too early blocks the id: then the late one is refused. Never both.
    state = becomes(desk, order_id, *(("new", "canceled") if id_mode == "unique" else ("new",)))["state"]
    broker = desk.node.paper_log()
    if state == "new":
        assert len(broker.placed[order_id]) == 1 and held(desk)[:2] == (1, ORDER_VALUE)
    else:
        assert order_id in broker.blocked and order_id not in broker.placed


def test_late_accept_comes_too_late_where_ids_are_unique(with_faults):
    """The id is blocked before the order can arrive: it is canceled for good, also after the time of its arrival."""
    desk = with_faults("unique", {"broker_faults.late_accept_pct": 100, "broker_faults.late_accept_ms": 15000})
    order_id = desk.trader.place(desk.order()).json()["order_id"]
    becomes(desk, order_id, "canceled")
    assert order_id in desk.node.paper_log().blocked
    assert order_id not in desk.node.paper_log().placed


def test_cancel_while_the_outcome_is_unknown(with_faults):
    """A cancel always passes: 202, kept as a wish, and carried out as soon as the order is found."""
    desk = with_faults("tag_only", {"broker_faults.accept_then_hang_pct": 100})
    order_id = desk.trader.place(desk.order()).json()["order_id"]
    answer = desk.trader.delete("/trades/" + order_id, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202 and answer.json()["cancel_requested"] is True, answer.text
    becomes(desk, order_id, "canceled")
    eventually(lambda: held(desk) == (0, 0.0, 0.0), "the capacity is released")
    assert list(desk.node.paper_log().closed.values()).count("canceled") >= 1


def test_duplicate_fill(with_faults):
    """Every fill is told twice. It counts once: in the order, in the usage, in the position."""
    desk = with_faults("unique", {"broker_faults.duplicate_fill_pct": 100, "broker.feed": "random"})

    def wait_filled(order):
        answer = desk.trader.place(order, Prefer="wait=10")
        assert answer.status_code in (201, 202), answer.text
        return becomes(desk, answer.json()["order_id"], "filled")

    eventually(lambda: is_priced(desk), "a first price")
    filled = wait_filled(desk.order(order_type="MARKET", price=None, quantity=7))
    assert filled["filled_quantity"] == 7
    broker = desk.node.paper_log()
    assert broker.repeated >= 1 and broker.filled_quantity(filled["order_id"]) == 7
    eventually(lambda: held(desk)[:2] == (0, 0.0), "the capacity is settled")
    assert round(held(desk)[2], 4) == round(filled["average_price"] * 7, 4)

    def position():
        rows = desk.trader.get(f"/api/positions?trading_account_id={desk.account}").json()["data"]
        return [row["net_quantity"] for row in rows] == [7]
    eventually(position, "a position of 7")


def is_priced(desk):
    """From a MARKET order's check: allowed only when there is a price."""
    check = desk.trader.post("/api/trading-limits/validate", desk.order(order_type="MARKET", price=None))
    assert check.status_code == 200, check.text
    return check.json()["allowed"]
