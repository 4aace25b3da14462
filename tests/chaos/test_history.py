"""The checks themselves: a sound history passes, and each thing that can be wrong is found as what it is."""
import collections
import copy
import zlib

import pytest
from history import (CONTRADICTED, DAILY_LIMIT, DOUBLED, LONG_RUN_S, LOST, OVER_LIMIT, STALE, BrokerHistory, Findings, Journal, Limits,
                     Retired, check_acknowledged, check_at_rest, check_broker, check_limit_reached, check_reads, check_sleepers)
from ledger import ACCEPTED, DENIED, Ledger, View

LIMITS = {31: Limits(open_orders_max=2, daily_value_max=20_000)}
SEND_WINDOW_MS = 2000
WOKEN_MS = 1000
REQUEST = {"org": 7, "account": 31, "user": 12, "client_order_id": "c-1", "exchange": "NSE", "symbol": "SBIN", "side": "BUY",
           "type": "LIMIT", "product": "INTRADAY", "qty": 10, "price": 5_000_000}
SENT = {"client_order_id": "c-1", "trading_account_id": 31, "trade_type": "BUY", "quantity": 10, "price": 500.0}
FILL = {"fill": "PB1-1", "qty": 4, "price": 5_000_000}


def reserved(order, account=31, quantity=10, price=5_000_000):
    return {"t": "risk.reserved", "b": {"order": order, "account": account, "qty": quantity, "price": price}}


def settled(*facts):
    return {"t": "risk.settled", "b": {"seq": 1, "facts": [{"seq": 1, "account": 31, **fact} for fact in facts]}}


class Case:
    """One order that was placed, filled in part, canceled, and told so."""

    def __init__(self, directory):
        self.directory = directory
        self.rows = [
            [0, 1, "7/book/7", [reserved("O-1")]],
            [64, 1, "7/order/O-1", [{"t": "order.requested", "b": dict(REQUEST)}]],
            [64, 2, "7/order/O-1", [{"t": "order.accepted", "b": {}}]],
            [64, 3, "7/order/O-1", [{"t": "order.filled", "b": dict(FILL)}]],
            [64, 4, "7/order/O-1", [{"t": "order.cancel_requested", "b": {}}, {"t": "order.canceled", "b": {}}]],
            [0, 2, "7/book/7", [settled({"what": "fill", "order": "O-1", "qty": 4, "price": 5_000_000}, {"what": "closed", "order": "O-1"})]],
        ]
        self.log = ["placed 1 O-1 7 31 NSE SBIN BUY LIMIT INTRADAY DAY 10 5000000 1", "filled 1 1 PB1-1 4 5000000 2", "canceled 1 2 3"]
        self.ledger = Ledger(directory / "calls.jsonl")
        self.ledger.orders["c-1"] = {"sent": dict(SENT), "told": ACCEPTED, "firm": True, "ids": {"O-1"}}
        self.ledger.canceled["O-1"] = "canceled"
        self.ledger.fills["PB1-1"] = ("O-1", 4, 5_000_000)
        self.ledger.fill_keys["O-1 k"].add("PB1-1")
        self.ledger.told["O-1"] = {View(2, "new", 0), View(3, "partially_filled", 4), View(5, "canceled", 4)}
        self.at_rest = {"O-1": View(5, "canceled", 4)}
        self.retired = []
        self.unique_ids = True

    def write_log(self, name, lines):
        path = self.directory / name
        text = "".join(f"{zlib.crc32(rest.encode()):08x}{rest}\n" for rest in (f" {number} {line}" for number, line in enumerate(lines, 2)))
        path.write_text("header\n" + text, encoding="ascii")
        return path

    def check(self):
        findings = Findings()
        journal = Journal(lambda heads: [row for row in self.rows if row[1] > heads.get(row[0], 0)], LIMITS)
        journal.read_on(findings)
        broker = BrokerHistory(self.write_log("book.log", self.log))
        check_acknowledged(self.ledger, journal, findings)
        check_reads(self.ledger, journal, findings)
        check_at_rest(self.at_rest, journal, findings)
        check_broker(broker, journal, findings, LIMITS, True)
        check_sleepers(self.retired, broker, findings, self.unique_ids, SEND_WINDOW_MS)
        self.ledger.close()
        return findings


@pytest.fixture
def case(tmp_path):
    return Case(tmp_path)


def event(case, row, place=0):
    return case.rows[row][3][place]


def test_a_sound_history(case):
    assert not case.check(), case.check().lines()


def lose_row(case):
    del case.rows[2]


def lose_order(case):
    case.rows = case.rows[:1]
    case.ledger.canceled.clear()
    case.ledger.fills.clear()
    case.log = []


def forget_cancel(case):
    case.rows[4][3] = case.rows[4][3][:1]


def forget_fill(case):
    case.rows[3][3] = [{"t": "order.unknown", "b": {}}]


def store_another_quantity(case):
    event(case, 1)["b"]["qty"] = 11


def deny_what_was_accepted(case):
    case.rows[2][3] = [{"t": "order.denied", "b": {}}]
    case.rows[3:] = []


def accept_what_was_denied(case):
    case.ledger.orders["c-1"]["told"] = DENIED


def place_twice_at_the_broker(case):
    case.log.append("placed 2 O-1 7 31 NSE SBIN BUY LIMIT INTRADAY DAY 10 5000000 4")


def place_without_intent(case):
    case.log.append("placed 2 O-9 7 31 NSE SBIN BUY LIMIT INTRADAY DAY 1 5000000 4")


def two_orders_of_one_key(case):
    case.rows.append([64, 5, "7/order/O-2", [{"t": "order.requested", "b": dict(REQUEST)}]])


def answer_with_two_ids(case):
    case.rows.append([64, 5, "7/order/O-2", [{"t": "order.requested", "b": {**REQUEST, "client_order_id": "c-2"}}]])
    case.ledger.orders["c-1"]["ids"].add("O-2")


def fill_twice(case):
    case.rows[3][3].append({"t": "order.filled", "b": dict(FILL)})


def one_execution_makes_two_fills(case):
    case.ledger.fill_keys["O-1 k"].add("PB1-2")


def reserve_twice(case):
    case.rows[0][3].append(reserved("O-1"))


def fill_beyond_the_quantity(case):
    case.rows[3][3].append({"t": "order.filled", "b": {"fill": "PB1-2", "qty": 7, "price": 1}})


def hold_too_many(case):
    case.rows[0][3] += [reserved("O-2", quantity=1, price=1), reserved("O-3", quantity=1, price=1)]


def hold_too_much(case):
    case.rows[0][3].append(reserved("O-2", quantity=31))


def use_too_much(case):
    """What was filled counts for the day, what was canceled does not."""
    case.rows.append([0, 3, "7/book/7", [reserved("O-2", quantity=37)]])


def work_too_many(case):
    case.log = [f"placed {n} O-1 7 31 NSE SBIN BUY LIMIT INTRADAY DAY 1 1 1" for n in (1, 2, 3)] + ["filled 1 1 PB1-1 4 5000000 2"]


def trade_too_much(case):
    case.log.insert(2, "placed 2 O-1 7 31 NSE SBIN BUY LIMIT INTRADAY DAY 40 5000000 2")


def refuse_to_cancel_what_works(case):
    forget_cancel(case)
    for told in (case.ledger.canceled, case.ledger.told, case.at_rest):
        told.clear()
    case.ledger.closed.add("O-1")


def fill_at_another_price(case):
    event(case, 3)["b"]["price"] = 5_000_001


def sleeper_sent(case, line):
    """After its shards had been taken over with the book as far as its header."""
    path = case.write_log("sleeper.log", [line])
    case.retired = [Retired(path, path.read_bytes().index(b"\n") + 1, WOKEN_MS)]


def placed_late(order_id, at_ms):
    return f"placed 1 {order_id} 7 31 NSE SBIN BUY LIMIT INTRADAY DAY 10 5000000 {at_ms}"


def sleeper_sends(case):
    sleeper_sent(case, placed_late("O-8", WOKEN_MS))


def sleeper_sends_again_where_ids_are_notes(case):
    case.unique_ids = False
    sleeper_sent(case, placed_late("O-1", WOKEN_MS))


def sleeper_sends_beyond_the_window(case):
    sleeper_sent(case, placed_late("O-1", WOKEN_MS + SEND_WINDOW_MS + 1))


def read_what_is_not_stored(case):
    case.ledger.told["O-1"].add(View(6, "filled", 10))


def read_another_state(case):
    case.ledger.told["O-1"].add(View(4, "canceled", 4))


def read_another_quantity(case):
    case.ledger.told["O-1"].add(View(2, "new", 4))


def read_an_order_that_is_not_there(case):
    case.ledger.told["O-7"].add(View(1, "pending_new", 0))


def not_find_an_order(case):
    case.ledger.missed.add("O-1")


def read_what_was(case):
    case.ledger.stale.append("read O-1: of yesterday")


def rest_in_another_state(case):
    case.at_rest["O-1"] = View(4, "partially_filled", 4)


def rest_without_an_order(case):
    case.at_rest["O-1"] = None


def rest_with_an_order_too_many(case):
    case.at_rest["O-7"] = View(1, "pending_new", 0)


WRONG = [
    (lose_row, LOST), (lose_order, LOST), (forget_cancel, LOST), (forget_fill, LOST), (store_another_quantity, CONTRADICTED),
    (deny_what_was_accepted, CONTRADICTED), (accept_what_was_denied, CONTRADICTED), (place_twice_at_the_broker, DOUBLED),
    (place_without_intent, CONTRADICTED), (two_orders_of_one_key, DOUBLED), (answer_with_two_ids, DOUBLED), (fill_twice, DOUBLED),
    (one_execution_makes_two_fills, DOUBLED), (reserve_twice, DOUBLED), (fill_beyond_the_quantity, DOUBLED), (hold_too_many, OVER_LIMIT),
    (hold_too_much, OVER_LIMIT), (use_too_much, OVER_LIMIT), (work_too_many, OVER_LIMIT), (trade_too_much, OVER_LIMIT),
    (fill_at_another_price, LOST), (refuse_to_cancel_what_works, CONTRADICTED), (sleeper_sends, DOUBLED),
    (sleeper_sends_again_where_ids_are_notes, DOUBLED), (sleeper_sends_beyond_the_window, DOUBLED), (read_what_is_not_stored, LOST),
    (read_another_state, CONTRADICTED), (read_another_quantity, CONTRADICTED), (read_an_order_that_is_not_there, LOST),
    (not_find_an_order, LOST), (read_what_was, STALE), (rest_in_another_state, CONTRADICTED), (rest_without_an_order, CONTRADICTED),
    (rest_with_an_order_too_many, CONTRADICTED)]


@pytest.mark.parametrize("spoil, kind", WRONG, ids=[spoil.__name__ for spoil, _ in WRONG])
def test_what_is_wrong_is_found(case, spoil, kind):
    spoil(case)
    findings = case.check()
    assert findings.of[kind], findings.lines()


def test_capacity_that_fits_exactly(case):
    case.rows.append([0, 3, "7/book/7", [reserved("O-2", quantity=36)]])
    assert not case.check().of[OVER_LIMIT]


def test_the_broker_refuses_the_sleeper_by_its_id(case):
    """What was under way when it fell asleep, until the send window is over."""
    sleeper_sent(case, placed_late("O-1", WOKEN_MS + SEND_WINDOW_MS))
    assert not case.check()


def test_what_the_sleeper_had_sent_before(case):
    path = case.write_log("sleeper.log", copy.copy(case.log))
    case.retired = [Retired(path, len(path.read_bytes()), WOKEN_MS)]
    case.unique_ids = False
    assert not case.check()


def test_an_account_without_limits(case):
    case.rows[0][3] += [reserved(f"O-{number}", account=32) for number in (2, 3, 4)]
    assert not case.check().of[OVER_LIMIT]


def test_a_market_order_counts_as_it_was_reserved(case):
    """The broker is told no price of it."""
    del event(case, 1)["b"]["price"]
    del case.ledger.orders["c-1"]["sent"]["price"]
    case.log[0] = case.log[0].replace("LIMIT", "MARKET").replace("5000000", "0")
    assert not case.check(), case.check().lines()
    event(case, 0)["b"]["price"] = 20_000_001
    assert any("at the broker" in text for text in case.check().of[OVER_LIMIT])


def test_slippage_counts_from_its_settlement_on(case):
    """To the broker an order may come that was reserved before; for the book what is used is used."""
    for fill in (event(case, 3)["b"], event(case, 5)["b"]["facts"][0]):
        fill["price"] = 10_000_000
    case.ledger.fills["PB1-1"] = ("O-1", 4, 10_000_000)
    case.log[1] = "filled 1 1 PB1-1 4 10000000 2"
    case.log.insert(2, "placed 2 O-2 7 31 NSE SBIN BUY LIMIT INTRADAY DAY 24 5000000 2")
    assert not case.check().of[OVER_LIMIT]
    case.rows.append([0, 3, "7/book/7", [reserved("O-2", quantity=33)]])
    assert case.check().of[OVER_LIMIT]


def test_an_order_that_refused_itself_is_seen_by_nobody(case):
    """It was reserved and never requested."""
    case.rows.append([64, 5, "7/order/O-5", [{"t": "order.denied", "b": {}}]])
    case.ledger.missed.add("O-5")
    assert not case.check(), case.check().lines()


@pytest.mark.parametrize("denied, seconds, found", [(0, LONG_RUN_S, True), (1, LONG_RUN_S, False), (0, LONG_RUN_S - 1, False)])
def test_a_long_run_meets_the_daily_limit(denied, seconds, found):
    findings = Findings()
    check_limit_reached(collections.Counter({DAILY_LIMIT: denied, "LIMIT_OPEN_ORDERS_EXCEEDED": 7}), seconds, findings)
    assert bool(findings) is found
