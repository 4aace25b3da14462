"""What clients asked and what they were told, call by call: the history that the checks compare with journal and broker."""
import collections
import json
import threading
import time

import requests

ACCEPTED, DENIED, UNCERTAIN = "accepted", "denied", "uncertain"
TICKS = 10_000  # of the currency unit
RECENT = 30  # changes of orders that readers choose from: who is behind does not know them
ORDER_CLOSED = "ORDER_CLOSED"
ANSWERS = (200, 201, 202, 403, 409)  # that say what became of it
UNCHANGING = ("client_order_id", "trading_account_id", "trade_type", "quantity")

WORKED = {"partially_filled", "filled", "canceled", "expired"}
FOUND = {"new", "rejected"} | WORKED
# What a client may be told after a state, other than the same again.
MAY_FOLLOW = {
    "pending_new": {"denied", "unknown", "absent"} | FOUND,
    "unknown": {"absent"} | FOUND,
    "absent": FOUND,
    "new": {"rejected"} | WORKED,
    "partially_filled": {"filled", "canceled", "expired"},
    "canceled": {"filled"},  # by fills that crossed the cancel or the expiry on the wire
    "expired": {"filled"},
    "filled": set(), "rejected": set(), "denied": set()}

# An order as an answer shows it.
View = collections.namedtuple("View", "version state filled")
# What was acknowledged of an order at some moment: the latest view, and what is filled by acknowledged fills.
Knowledge = collections.namedtuple("Knowledge", "view filled")


def view_of(told):
    return View(told["version"], told["state"], told["filled_quantity"])


def why_older(known, view):
    """Why an answer that was asked for with this knowledge is of a time before it; None when it need not be."""
    if view.filled < known.filled:
        return f"{view} after fills of {known.filled}"
    if known.view is None:
        return None
    before = known.view
    if view.version < before.version or view.filled < before.filled or (view.version == before.version and view != before):
        return f"{view} after {before}"
    if view.state != before.state and view.state not in MAY_FOLLOW[before.state]:
        return f"{view} after {before}, which nothing like it can follow"
    return None


class Ledger:
    """Safe from many threads. Each call is also a line of `path`, written when it is answered: a record for reading after a
    failure. `surprises` are answers that no fault excuses."""

    def __init__(self, path):
        self.lock = threading.Lock()
        self.file = open(path, "a", encoding="utf-8", buffering=1)
        self.calls = collections.Counter()  # by operation
        self.answers = collections.Counter()  # by status, "lost" for none
        self.served = 0  # calls with a definite answer, reads apart
        self.left_behind = collections.Counter()  # the answers of nodes that clients hold on to and that are not the present one
        # Client order id → {"sent", "told", "firm", "ids", "code"}; firm: told of an outcome, not only that it is stored; code: of
        # its denial.
        self.orders = {}
        self.canceled = {}  # order id → state, as answered with 200
        self.closed = set()  # order ids, as answered to a cancel that came too late
        self.fills = {}  # fill id → (order id, quantity, price in ticks), as answered with 200
        self.fill_keys = collections.defaultdict(set)  # idempotency key → fill ids that were answered
        self.views = {}  # order id → the latest view of it
        self.told = collections.defaultdict(set)  # order id → all views of it
        self.filled = collections.Counter()  # order id → quantity of its acknowledged fills
        self.recent = collections.deque(maxlen=RECENT)  # order ids, by their latest change
        self.stale = []  # answers of a time before what was known when they were asked for
        self.missed = set()  # orders that were acknowledged and then answered with 404
        self.surprises = []

    def note(self, operation, about, began, answer, left_behind=False):
        body = None if answer is None else (answer.text[:400] if answer.status_code not in (200, 201, 202) else answer.json())
        status = "lost" if answer is None else answer.status_code
        with self.lock:
            self.calls[operation] += 1
            self.answers[status] += 1
            self.served += operation != "read" and status in ANSWERS
            if left_behind:
                self.left_behind[status] += 1
            self.file.write(json.dumps({"operation": operation, "about": about, "began": round(began, 4),
                                        "ended": round(time.monotonic(), 4), "left_behind": left_behind, "status": status,
                                        "answer": body}) + "\n")

    def surprise(self, what):
        with self.lock:
            self.surprises.append(what)

    def known_of(self, order_id):
        with self.lock:
            return Knowledge(self.views.get(order_id), self.filled[order_id])

    def learn(self, operation, order_id, known, told):
        """An answer has an order; `known` is what was known of it when it was asked for."""
        view = view_of(told)
        older = why_older(known, view)
        with self.lock:
            asked = self.orders.get(told["client_order_id"])
            if asked is None or any(asked["sent"][name] != told[name] for name in UNCHANGING):
                self.surprises.append(f"{operation} {order_id}: {told} is not what was sent")
            if older:
                self.stale.append(f"{operation} {order_id}: {older}")
            self.told[order_id].add(view)
            if order_id not in self.views or view.version > self.views[order_id].version:
                self.views[order_id] = view
                self.recent.append(order_id)

    def learn_fill(self, order_id, key, told):
        with self.lock:
            if told["fill_id"] not in self.fills:
                self.filled[order_id] += told["quantity"]
            self.fills[told["fill_id"]] = (order_id, told["quantity"], round(told["price"] * TICKS))
            self.fill_keys[f"{order_id} {key}"].add(told["fill_id"])

    def some_order(self, dice):
        """One that changed lately, as far as clients were told; None before the first."""
        with self.lock:
            return dice.choice(self.recent) if self.recent else None

    @property
    def denials(self):
        """Orders by the code of their denial."""
        return collections.Counter(order["code"] for order in self.orders.values() if order["code"])

    @property
    def acknowledged(self):
        return sum(order["told"] == ACCEPTED for order in self.orders.values()) + len(self.canceled) + len(self.fills)

    def uncertain(self):
        with self.lock:
            return [order["sent"] for order in self.orders.values() if order["told"] == UNCERTAIN]

    def close(self):
        self.file.close()


class Trader:
    """One client: every call goes through the ledger. `desk` has its `trader` and `platform`, through which it reaches the
    site, and `renew`."""

    def __init__(self, desk, ledger):
        self.desk, self.ledger = desk, ledger

    def _ask(self, operation, about, call):
        """The answer; None when the outcome is not known: no answer, or 503."""
        began = time.monotonic()
        try:
            answer = call()
        except requests.RequestException:
            answer = None
        self.ledger.note(operation, about, began, answer, self.desk.is_left_behind())
        if answer is None or answer.status_code in (401, 429, 503):
            if answer is not None and answer.status_code == 401:  # its token is of another time
                self.desk.renew()
            return None
        return answer

    def place(self, order, **headers):
        key = order["client_order_id"]
        with self.ledger.lock:
            known = self.ledger.orders.setdefault(key, {"sent": order, "told": UNCERTAIN, "firm": False, "ids": set(), "code": None})
        before = {order_id: self.ledger.known_of(order_id) for order_id in set(known["ids"])}
        answer = self._ask("place", key, lambda: self.desk.trader.place(order, **headers))
        if answer is None:
            return None
        if answer.status_code not in (201, 202, 403):
            self.ledger.surprise(f"place {key}: {answer.status_code} {answer.text[:300]}")
            return answer
        told = answer.json()
        with self.ledger.lock:
            known["ids"].add(told["order_id"])
            told_now = DENIED if answer.status_code == 403 or told["state"] == "denied" else ACCEPTED
            firm_now = told_now == DENIED or told["state"] not in ("pending_new", "unknown")
            if known["firm"] and known["told"] != told_now:
                self.ledger.surprises.append(f"place {key}: answered {answer.status_code} {told_now} after it was {known['told']}")
            known["told"] = told_now
            known["firm"] = known["firm"] or firm_now
            known["code"] = told.get("code", known["code"])
        if answer.status_code != 403:
            self.ledger.learn("place", told["order_id"], before.get(told["order_id"], Knowledge(None, 0)), told)
        return answer

    def cancel(self, order_id):
        known = self.ledger.known_of(order_id)
        answer = self._ask("cancel", order_id, lambda: self.desk.trader.delete("/trades/" + order_id))
        if answer is None:
            return None
        if answer.status_code in (200, 202):
            self.ledger.learn("cancel", order_id, known, answer.json())
        if answer.status_code == 200:
            with self.ledger.lock:
                self.ledger.canceled[order_id] = answer.json()["state"]
        elif answer.status_code == 409 and answer.json()["code"] == ORDER_CLOSED:
            with self.ledger.lock:
                self.ledger.closed.add(order_id)
        elif answer.status_code not in (202, 409):
            self.ledger.surprise(f"cancel {order_id}: {answer.status_code} {answer.text[:300]}")
        return answer

    def fill(self, order_id, price, quantity, key):
        """`price` may be another than the order's: the market does not ask."""
        body = {"order": order_id, "price": price, "quantity": quantity}
        answer = self._ask("fill", f"{order_id} {key}",
                           lambda: self.desk.platform.post("/ops/paper/fills", body, headers={"Idempotency-Key": key}))
        if answer is None:
            return None
        if answer.status_code == 200:
            self.ledger.learn_fill(order_id, key, answer.json())
        elif answer.status_code != 409:
            self.ledger.surprise(f"fill {order_id}: {answer.status_code} {answer.text[:300]}")
        return answer

    def read(self, order_id):
        """Of an order that was acknowledged: it is there, is what was sent, and is not as it was before."""
        known = self.ledger.known_of(order_id)
        answer = self._ask("read", order_id, lambda: self.desk.trader.get("/trades/" + order_id))
        if answer is None:
            return None
        if answer.status_code == 200:
            self.ledger.learn("read", order_id, known, answer.json())
        elif answer.status_code == 404:
            with self.ledger.lock:
                self.ledger.missed.add(order_id)
        else:
            self.ledger.surprise(f"read {order_id}: {answer.status_code} {answer.text[:300]}")
        return answer
