"""Many at once: no order is lost, none is answered by a fault, and the books hold afterwards."""
import time

from desk import Desk, in_threads
from waiting import eventually


def settled(desk, open_orders):
    eventually(lambda: desk.usage("organization")["open_orders"] == open_orders, f"{open_orders} open orders")
    return desk.usage("organization")


def test_cancel_races_with_placing(desk):
    """A hundred orders, each canceled by another client while it is being placed. Whoever wins, the order's state, the broker and
    the reservations agree."""
    pairs = 100
    order_ids = {}

    def race(number):
        order = desk.order(client_order_id=f"race-{number // 2}")
        if number % 2 == 0:
            return desk.trader.place(order)
        # The id is known beforehand only to the server: the canceling client learns it from a refused twin.
        known = desk.trader.place(desk.order(client_order_id=f"race-{number // 2}"), Prefer="respond-async")
        return known, desk.trader.delete("/trades/" + known.json()["order_id"])

    for begin in range(0, pairs, 20):
        results = in_threads(40, lambda number, begin=begin: race(begin * 2 + number))
        for number in range(20):
            placed, (known, cancel) = results[2 * number], results[2 * number + 1]
            assert placed.status_code in (201, 202) and known.status_code in (201, 202), (placed.text, known.text)
            assert placed.json()["order_id"] == known.json()["order_id"]
            assert cancel.status_code in (200, 202), cancel.text
            order_ids[placed.json()["order_id"]] = cancel

    def all_canceled():
        return {desk.trader.order(order_id)["state"] for order_id in order_ids} == {"canceled"}
    eventually(all_canceled, "every order is canceled")
    usage = settled(desk, 0)
    assert (usage["reserved_value"], usage["used_value"]) == (0, 0)
    broker = desk.node.paper_log()
    assert not broker.doubled()
    for order_id in order_ids:
        for number in broker.placed.get(order_id, []):
            assert broker.closed[number] == "canceled", f"{order_id} works at the broker after its cancel"
    for order_id, cancel in order_ids.items():
        again = desk.trader.delete("/trades/" + order_id)
        assert (again.status_code, again.json()["code"]) == (409, "ORDER_CLOSED"), again.text


def test_cancel_races_with_fills(desk):
    """A fill and a cancel at the same moment: filled or canceled, with as much filled as the broker says."""
    orders = [desk.trader.place(desk.order(client_order_id=f"fill-{number}")).json()["order_id"] for number in range(20)]

    def race(number):
        order_id = orders[number // 2]
        if number % 2 == 0:
            return desk.fill(order_id, 500.00, 10)
        return desk.trader.delete("/trades/" + order_id)

    results = in_threads(40, race)
    used = 0
    for number, order_id in enumerate(orders):
        fill, cancel = results[2 * number], results[2 * number + 1]
        assert fill.status_code in (200, 409) and cancel.status_code in (200, 202, 409), (fill.text, cancel.text)
        order = eventually(lambda order_id=order_id: (lambda found: found if found["state"] in ("filled", "canceled") else None)(
            desk.trader.order(order_id)), "closed")
        assert (fill.status_code == 200) == (order["state"] == "filled"), (fill.text, order)
        assert order["filled_quantity"] == desk.node.paper_log().filled_quantity(order_id)
        used += order["filled_quantity"] * 500
    usage = settled(desk, 0)
    eventually(lambda: desk.usage("organization")["used_value"] == used, f"{used} used")
    assert usage["reserved_value"] == 0


def test_two_hundred_clients_at_once(node):
    """Two hundred clients of four organizations, each with five orders: placed or asked to come again, never an error of ours."""
    desks = [Desk(node, node.platform) for _ in range(4)]

    def place(number):
        desk = desks[number % 4]
        told = []
        for count in range(5):
            order = desk.order(client_order_id=f"many-{number}-{count}", quantity=1)
            for _ in range(100):
                answer = desk.trader.place(order)
                told.append(answer)
                if answer.status_code != 429:
                    break
                time.sleep(int(answer.headers["Retry-After"]))  # as a good client does
        return told

    answers = [answer for told in in_threads(200, place) for answer in told]
    statuses = {answer.status_code for answer in answers}
    assert statuses <= {201, 202, 429}, [answer.text for answer in answers if answer.status_code not in (201, 202, 429)][:3]
    placed = {answer.json()["order_id"] for answer in answers if answer.status_code != 429}
    assert len(placed) == 1000
    for answer in answers:
        if answer.status_code == 429:
            assert (answer.json()["code"], answer.json()["action"]) == ("OVERLOADED", "retry")
    for desk in desks:
        assert settled(desk, 250)["reserved_value"] == 250 * 500.00
    broker = node.paper_log()
    assert not broker.doubled() and placed <= set(broker.placed)


def test_credits_are_per_user(plant):
    """With few credits the excess of one user hears 429 with Retry-After, and another organization does not notice."""
    node = plant.new_node({"admission.per_user": 2, "admission.per_organization": 4, "broker_faults.slow_pct": 100,
                           "broker_faults.slow_ms": 3000})
    busy, calm = Desk(node, node.platform), Desk(node, node.platform)

    def place(number):  # each holds its credit for the whole wait of 2 s, as the broker is slow
        desk = calm if number == 12 else busy
        return desk.trader.place(desk.order(client_order_id=f"credit-{number}"))

    answers = in_threads(13, place)
    assert answers[12].status_code in (201, 202), answers[12].text
    refused = [answer for answer in answers[:12] if answer.status_code == 429]
    assert refused and {answer.status_code for answer in answers} <= {201, 202, 429}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
    for number in range(12):  # credits come back: what was refused is placed afterwards
        order = busy.order(client_order_id=f"credit-{number}")
        eventually(lambda order=order: busy.trader.place(order, Prefer="respond-async").status_code in (201, 202), "placed in the end")
    eventually(lambda: len(node.paper_log().placed) == 13, "thirteen orders at the broker")
    node.check_books()
