"""Who the clients are: some never come back, some hold on to a node, orders at the market slip."""
import collections
import random
import types

import pytest
from ledger import DENIED, Ledger
from traders import MARKET, REFERENCE_PRICE, SLIP, Seat, Traders, fill_price
from trading_site import HeldAddress

CLIENTS = 400


class Desk:
    accounts = [31, 32]

    @staticmethod
    def order(**changes):
        return {name: value for name, value in {"order_type": "LIMIT", **changes}.items() if value is not None}


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(tmp_path / "calls.jsonl")
    yield made
    made.close()


def test_some_never_come_back(ledger):
    """About 15 of 100; each for all its orders. The others send again what they got no answer to."""
    traders = Traders(Desk(), ledger, "seed")
    keys = [f"r1-{client}-{count}" for client in range(CLIENTS) for count in (1, 2)]
    for key in keys:
        ledger.orders[key] = {"sent": {"client_order_id": key}, "told": "uncertain", "firm": False, "ids": set(), "code": None}
    placed = []

    def place(order):
        placed.append(order["client_order_id"])
        ledger.orders[placed[-1]]["told"] = DENIED
        return True

    traders.trader = types.SimpleNamespace(place=place)
    left = traders.settle()
    assert 0.08 * len(keys) < left < 0.25 * len(keys) and left == len(keys) - len(placed)
    by_client = collections.Counter(key.rpartition("-")[0] for key in placed)
    assert set(by_client.values()) == {2}
    assert traders.settle() == left and not ledger.surprises


def test_who_comes_back_in_vain_is_a_finding(ledger):
    traders = Traders(Desk(), ledger, "seed", stay_away=0)
    ledger.orders["r1-1-1"] = {"sent": {"client_order_id": "r1-1-1"}, "told": "uncertain", "firm": False, "ids": set(), "code": None}
    traders.trader = types.SimpleNamespace(place=lambda order: True)
    assert traders.settle() == 1 and ledger.surprises


def test_orders_and_their_fills(ledger):
    """Some are at the market and slip, beyond what was reserved too; the others are filled at their price or a better one."""
    dice = random.Random(1)
    traders = Traders(Desk(), ledger, "seed")
    orders = [traders.order(dice, str(number)) for number in range(2000)]
    at_market = [order for order in orders if order["order_type"] == "MARKET"]
    assert abs(len(at_market) / len(orders) - MARKET) < 0.05
    slipped = [fill_price(order, dice) / REFERENCE_PRICE for order in at_market]
    assert SLIP[0] - 0.001 <= min(slipped) < 1 and 1.05 < max(slipped) <= SLIP[1] + 0.001
    for order in orders:
        if order["order_type"] == "LIMIT":
            gain = (fill_price(order, dice) - order["price"]) * (1 if order["trade_type"] == "SELL" else -1)
            assert 0 <= gain <= 0.02 * order["price"] + 0.05


class Process:
    def __init__(self, url):
        self.url, self.runs = url, True

    def is_running(self):
        return self.runs


def test_a_client_holds_on_to_its_node():
    """As long as it lives, asleep or not; then it takes the present one."""
    first, second = Process("first"), Process("second")
    site = types.SimpleNamespace(node=first)
    held = HeldAddress(site)
    assert held.url == "first" and not held.is_left_behind()
    site.node = second
    assert held.url == "first" and held.is_left_behind()
    first.runs = False
    assert held.url == "second" and not held.is_left_behind()


def test_whoever_holds_on_has_the_token_of_the_others(monkeypatch):
    """Also a newer one."""
    sent = []
    monkeypatch.setattr("traders.Client.request", lambda self, method, path, headers, **more: sent.append((self.node.url, headers)))
    desk = types.SimpleNamespace(trader=types.SimpleNamespace(token="old"), platform=types.SimpleNamespace(token="p"), renew=None)
    seat = Seat(desk, HeldAddress(types.SimpleNamespace(node=Process("first"))))
    seat.trader.get("/trades/O-1")
    desk.trader.token = "new"
    seat.trader.get("/trades/O-1")
    assert sent == [("first", {"Authorization": "Bearer old"}), ("first", {"Authorization": "Bearer new"})]
