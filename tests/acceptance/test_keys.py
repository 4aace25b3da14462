"""The same order any number of times: one order."""
import pytest

from desk import in_threads


def test_twins_at_once(desk):
    """Twenty clients send the same order at the same moment: all hear of one order, and the broker has one."""
    for attempt in range(5):
        order = desk.order(client_order_id=f"twins-{attempt}")
        answers = in_threads(20, lambda number, order=order: desk.trader.place(order))
        assert {answer.status_code for answer in answers} <= {201, 202}, {answer.text for answer in answers}
        ids = {answer.json()["order_id"] for answer in answers}
        assert len(ids) == 1
        first = [answer for answer in answers if "Idempotent-Replayed" not in answer.headers]
        assert len(first) == 1, "one was the first, all others are told so"
        assert len(desk.node.paper_log().placed[ids.pop()]) == 1
    assert desk.usage("organization")["orders_today"] == 5


def test_the_same_key_again_tells_the_present_state(desk):
    """After a fill the same request answers with the filled order; nothing happens a second time."""
    order = desk.order(client_order_id="again")
    first = desk.trader.place(order)
    assert first.status_code == 201 and "Idempotent-Replayed" not in first.headers
    assert desk.fill(first.json()["order_id"], 499.00, 10).status_code == 200
    second = desk.trader.place(order)
    assert second.status_code == 201 and second.headers["Idempotent-Replayed"] == "true"
    assert (second.json()["order_id"], second.json()["state"]) == (first.json()["order_id"], "filled")


CHANGES = [{"quantity": 11}, {"price": 500.05}, {"trade_type": "SELL"}, {"symbol": "INFY"}, {"product_type": "DELIVERY"},
           {"validity": "IOC"}, {"order_type": "MARKET", "price": None}]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: ",".join(change))
def test_the_same_key_with_another_command(desk, change):
    """A key belongs to one command; with another one it is refused and the first stays as it was."""
    first = desk.trader.place(desk.order(client_order_id="reused")).json()
    refused = desk.trader.place(desk.order(client_order_id="reused", **change))
    assert (refused.status_code, refused.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED"), refused.text
    assert refused.json()["order_id"] == first["order_id"]
    assert desk.trader.order(first["order_id"]) == first


def test_the_fingerprint_is_the_command_and_not_its_bytes(desk):
    """Another order of members, other digits for the same price and a default that is spelled out are the same command."""
    first = desk.trader.place(desk.order(client_order_id="bytes")).json()
    body = dict(reversed(desk.order(client_order_id="bytes", price="500.0000", validity="DAY", variety="REGULAR").items()))
    again = desk.trader.place(body)
    assert again.status_code == 201 and again.json()["order_id"] == first["order_id"], again.text
    assert again.headers["Idempotent-Replayed"] == "true"


def test_the_same_key_on_another_account_is_another_order(desk):
    """A key is valid for an account, so two accounts do not get in each other's way."""
    second = desk.new_account("second")
    ids = {desk.trader.place(desk.order(client_order_id="shared", trading_account_id=account)).json()["order_id"]
           for account in (desk.account, second)}
    assert len(ids) == 2


@pytest.mark.parametrize("form", ['"key-1"', "key-1"])
def test_idempotency_key_as_a_header(desk, form):
    """The header, quoted or bare, is the client_order_id where the body has none."""
    answer = desk.trader.place(desk.order(), Idempotency_Key=form)
    assert answer.status_code == 201 and answer.json()["client_order_id"] == "key-1"
    by_body = desk.trader.place(desk.order(client_order_id="key-1"))
    assert by_body.json()["order_id"] == answer.json()["order_id"]
    both = desk.trader.place(desk.order(client_order_id="key-1"), Idempotency_Key=form)
    assert both.json()["order_id"] == answer.json()["order_id"]


@pytest.mark.parametrize("header, body, status, code", [
    ("a", "b", 400, "IDEMPOTENCY_KEYS_DIFFER"),
    ("", None, 400, "IDEMPOTENCY_KEY_MALFORMED"),
    ('""', None, 400, "IDEMPOTENCY_KEY_MALFORMED"),
    ('"open', None, 400, "IDEMPOTENCY_KEY_MALFORMED"),
    ("has blank", None, 400, "IDEMPOTENCY_KEY_MALFORMED"),
    ("k" * 65, None, 400, "IDEMPOTENCY_KEY_MALFORMED"),
    ("semi;colon", None, 400, "IDEMPOTENCY_KEY_MALFORMED"),
])
def test_keys_that_are_refused(desk, header, body, status, code):
    answer = desk.trader.place(desk.order(client_order_id=body), Idempotency_Key=header)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert desk.usage("organization")["orders_today"] == 0


def test_without_a_key_the_server_makes_one(desk):
    """Two orders without a key are two orders; each answer has a key with which its order can be asked for again."""
    first, second = (desk.trader.place(desk.order()).json() for _ in range(2))
    assert first["order_id"] != second["order_id"]
    again = desk.trader.place(desk.order(client_order_id=first["client_order_id"]))
    assert again.json()["order_id"] == first["order_id"]


@pytest.mark.parametrize("prefer, status", [("wait=0", {201, 202}), ("respond-async", {202, 201}), ("wait=30", {201}),
                                            ("wait=31", {400}), ("wait=-1", {400}), ("wait=soon", {400}), ("handling=lenient", {201})])
def test_prefer(desk, prefer, status):
    """RFC 7240: how long the answer may wait; unknown preferences are none."""
    answer = desk.trader.place(desk.order(client_order_id="prefer"), Prefer=prefer)
    assert answer.status_code in status, answer.text
    if answer.status_code == 400:
        assert [error["code"] for error in answer.json()["errors"]] == ["VALIDATION_HEADER"]
