"""What clients remember of what they were told: an answer of an earlier time is noticed, and one that may be is not."""
import itertools
import types

import pytest
from ledger import Knowledge, Ledger, Trader, View, why_older

SENT = {"client_order_id": "c-1", "trading_account_id": 31, "trade_type": "BUY", "quantity": 10, "price": 500.0}
NEW = View(2, "new", 0)
PART = View(3, "partially_filled", 4)
CANCELED = View(5, "canceled", 4)

OLDER = [
    ("a version back", View(3, "new", 0), NEW, 0), ("a state back", NEW, View(1, "pending_new", 0), 0),
    ("another state", NEW, View(2, "rejected", 0), 0), ("from its end back", CANCELED, View(6, "new", 4), 0),
    ("a denial taken back", View(2, "denied", 0), View(3, "new", 0), 0),
    ("filled, then canceled", View(4, "filled", 10), View(5, "canceled", 10), 0),
    ("found, then pending", NEW, View(3, "pending_new", 0), 0), ("a smaller fill", PART, View(4, "partially_filled", 3), 0),
    ("without an acknowledged fill", NEW, NEW, 4), ("without a fill, never seen before", None, NEW, 4)]
LATER = [
    ("nothing known", None, NEW, 0), ("the same", PART, PART, 4), ("a fill", NEW, PART, 0),
    ("a cancel asked for", NEW, View(3, "new", 0), 0), ("a fill that crossed the cancel", CANCELED, View(6, "filled", 10), 4),
    ("unknown, then filled", View(2, "unknown", 0), View(5, "filled", 9), 9),
    ("late found", View(3, "absent", 0), View(4, "new", 0), 0)]


@pytest.mark.parametrize("what, before, now, filled", OLDER, ids=[row[0] for row in OLDER])
def test_an_answer_of_an_earlier_time(what, before, now, filled):
    assert why_older(Knowledge(before, filled), now)


@pytest.mark.parametrize("what, before, now, filled", LATER, ids=[row[0] for row in LATER])
def test_an_answer_that_may_be(what, before, now, filled):
    assert why_older(Knowledge(before, filled), now) is None


class Desk:
    """Answers what the test says, once, in that order."""

    def __init__(self):
        self.answers = []
        self.trader = types.SimpleNamespace(get=self.next, place=self.next, delete=self.next)
        self.platform = types.SimpleNamespace(post=self.next)
        self.left_behind = False

    def next(self, *_, **__):
        status, body = self.answers.pop(0)
        return types.SimpleNamespace(status_code=status, json=lambda: body, text=str(body))

    def is_left_behind(self):
        return self.left_behind


def shown(view, **more):
    return {**SENT, "order_id": "O-1", "version": view.version, "state": view.state, "filled_quantity": view.filled, **more}


@pytest.fixture
def trader(tmp_path):
    ledger = Ledger(tmp_path / "calls.jsonl")
    made = Trader(Desk(), ledger)
    made.desk.answers.append((201, shown(NEW)))
    made.place(SENT)
    assert not ledger.stale and not ledger.surprises
    yield made
    ledger.close()


def test_a_node_that_woke_tells_what_was(trader):
    """A cancel was acknowledged by another, and the read was asked for afterwards."""
    trader.desk.answers += [(200, shown(CANCELED)), (200, shown(NEW))]
    trader.cancel("O-1")
    assert not trader.ledger.stale
    trader.desk.left_behind = True
    trader.read("O-1")
    assert len(trader.ledger.stale) == 1
    assert trader.ledger.left_behind == {200: 1}


def test_an_answer_that_was_under_way_may_be_older(trader):
    """Both were asked for before either was answered."""
    inner = trader.desk.trader.get

    def slow(path):
        trader.cancel("O-1")
        return inner(path)

    trader.desk.trader.get = slow
    trader.desk.answers += [(200, shown(CANCELED)), (200, shown(NEW))]
    trader.read("O-1")
    assert not trader.ledger.stale and trader.ledger.views["O-1"] == CANCELED


def test_a_repeated_order_is_not_answered_with_what_was(trader):
    trader.desk.answers += [(200, shown(PART)), (201, shown(NEW))]
    trader.read("O-1")
    trader.place(SENT)
    assert len(trader.ledger.stale) == 1


def test_a_fill_that_was_acknowledged_is_read(trader):
    """Told twice it counts once."""
    fill = {"fill_id": "PB1-1", "quantity": 4, "price": 500.0}
    trader.desk.answers += [(200, fill), (200, fill), (200, shown(PART)), (200, shown(View(4, "canceled", 0)))]
    trader.fill("O-1", 500.0, 4, "k")
    trader.fill("O-1", 500.0, 4, "k")
    trader.read("O-1")
    assert not trader.ledger.stale
    trader.read("O-1")
    assert len(trader.ledger.stale) == 1


def test_an_order_that_is_not_there_any_more(trader):
    trader.desk.answers.append((404, {}))
    trader.read("O-1")
    assert trader.ledger.missed == {"O-1"}


@pytest.mark.parametrize("status, changes", [(200, {"quantity": 11}), (200, {"client_order_id": "c-2"}), (500, {})])
def test_a_read_of_something_else(trader, status, changes):
    trader.desk.answers.append((status, shown(NEW, **changes)))
    trader.read("O-1")
    assert trader.ledger.surprises


@pytest.mark.parametrize("status", [429, 503])
def test_no_answer_is_no_finding(trader, status):
    trader.desk.answers.append((status, {}))
    assert trader.read("O-1") is None
    assert not trader.ledger.stale and not trader.ledger.missed and not trader.ledger.surprises


def test_denials_are_counted_by_order(trader):
    answers = itertools.repeat((403, {"order_id": "O-2", "code": "LIMIT"}), 2)
    trader.desk.answers += answers
    for _ in range(2):
        trader.place({**SENT, "client_order_id": "c-2"})
    assert trader.ledger.denials == {"LIMIT": 1}
