"""What clients asked and what they were told, call by call: the history that the checks compare with journal and broker."""
import collections
import json
import threading
import time

import requests

ACCEPTED, DENIED, UNCERTAIN = "accepted", "denied", "uncertain"


class Ledger:
    """Safe from many threads. Each call is also a line of `path`, written when it is answered: a record for reading after a
    failure. `surprises` are answers that no fault excuses."""

    def __init__(self, path):
        self.lock = threading.Lock()
        self.file = open(path, "a", encoding="utf-8", buffering=1)
        self.calls = collections.Counter()  # by operation
        self.answers = collections.Counter()  # by status, "lost" for none
        self.orders = {}  # client order id → {"sent", "told", "firm", "ids"}; firm: told of an outcome, not only that it is stored
        self.canceled = {}  # order id → state, as answered with 200
        self.fills = {}  # fill id → (order id, quantity), as answered with 200
        self.fill_keys = collections.defaultdict(set)  # idempotency key → fill ids that were answered
        self.surprises = []

    def note(self, operation, about, began, answer):
        body = None if answer is None else (answer.text[:400] if answer.status_code not in (200, 201, 202) else answer.json())
        status = "lost" if answer is None else answer.status_code
        with self.lock:
            self.calls[operation] += 1
            self.answers[status] += 1
            self.file.write(json.dumps({"operation": operation, "about": about, "began": round(began, 4),
                                        "ended": round(time.monotonic(), 4), "status": status, "answer": body}) + "\n")

    def surprise(self, what):
        with self.lock:
            self.surprises.append(what)

    @property
    def acknowledged(self):
        return sum(order["told"] == ACCEPTED for order in self.orders.values()) + len(self.canceled) + len(self.fills)

    def uncertain(self):
        with self.lock:
            return [order["sent"] for order in self.orders.values() if order["told"] == UNCERTAIN]

    def close(self):
        self.file.close()


class Trader:
    """One client: every call goes through the ledger. `call` is how it reaches the site, a desk's trader or platform."""

    def __init__(self, desk, ledger):
        self.desk, self.ledger = desk, ledger

    def _ask(self, operation, about, call):
        """The answer; None when the outcome is not known: no answer, or 503."""
        began = time.monotonic()
        try:
            answer = call()
        except requests.RequestException:
            answer = None
        self.ledger.note(operation, about, began, answer)
        if answer is None or answer.status_code in (401, 429, 503):
            if answer is not None and answer.status_code == 401:  # its token is of another time
                self.desk.renew()
            return None
        return answer

    def place(self, order, **headers):
        key = order["client_order_id"]
        with self.ledger.lock:
            known = self.ledger.orders.setdefault(key, {"sent": order, "told": UNCERTAIN, "firm": False, "ids": set()})
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
        return answer

    def cancel(self, order_id):
        answer = self._ask("cancel", order_id, lambda: self.desk.trader.delete("/trades/" + order_id))
        if answer is None:
            return None
        if answer.status_code == 200:
            with self.ledger.lock:
                self.ledger.canceled[order_id] = answer.json()["state"]
        elif answer.status_code not in (202, 409):
            self.ledger.surprise(f"cancel {order_id}: {answer.status_code} {answer.text[:300]}")
        return answer

    def fill(self, order_id, price, quantity, key):
        """At the order's own price, so that what is filled is worth what was reserved."""
        body = {"order": order_id, "price": price, "quantity": quantity}
        answer = self._ask("fill", f"{order_id} {key}",
                           lambda: self.desk.platform.post("/ops/paper/fills", body, headers={"Idempotency-Key": key}))
        if answer is None:
            return None
        if answer.status_code == 200:
            told = answer.json()
            with self.ledger.lock:
                self.ledger.fills[told["fill_id"]] = (order_id, told["quantity"])
                self.ledger.fill_keys[f"{order_id} {key}"].add(told["fill_id"])
        elif answer.status_code != 409:
            self.ledger.surprise(f"fill {order_id}: {answer.status_code} {answer.text[:300]}")
        return answer

    def read(self, order_id):
        return self._ask("read", order_id, lambda: self.desk.trader.get("/trades/" + order_id))
