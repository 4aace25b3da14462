"""Clients that place, fill and cancel without pause and keep books of their own about what they were told."""
import random
import threading

import requests

from waiting import eventually

CLOSED = {"filled", "canceled", "rejected", "denied", "expired", "absent"}
WORKING = {"new", "partially_filled"}
# An order whose sending a fault prevented is denied with one of these, unless it was acknowledged before.
NEVER_SENT = {"RISK_UNAVAILABLE", "BROKER_UNAVAILABLE"}


class Traffic:
    """Started, it runs until stop(). An order whose answer never came, or came as 503, is uncertain: it is sent again with
    the same key by resolve(). Every other answer than the expected ones is in `surprises`."""

    def __init__(self, desk, name, clients=8, seed=1):
        self.desk, self.name, self.clients, self.seed = desk, name, clients, seed
        self.lock = threading.Lock()
        self.acknowledged = {}  # order id → body that was sent
        self.canceled = set()  # cancels that were answered 200
        self.fills = {}  # fill id → (order id, quantity), answered 200
        self.never_sent = {}  # order id → body; denied because of a fault, as the client was told
        self.uncertain = {}  # client order id → body
        self.refused = []  # 503 answers
        self.nothing_done = {}  # client order id → a 503 answer to placing it that says `retry`: it must not be stored
        self.lost = 0
        self.surprises = []
        self.stopping = threading.Event()
        self.threads = []

    def start(self):
        self.stopping.clear()
        self.threads = [threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(self.clients)]
        for thread in self.threads:
            thread.start()
        return self

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(timeout=120)
            assert not thread.is_alive(), "a client hangs"

    def wait_for(self, orders):
        """Until so many more orders were acknowledged."""
        assert self.threads
        target = len(self.acknowledged) + orders
        eventually(lambda: len(self.acknowledged) >= target or self.surprises, f"{orders} more orders", within=120)
        assert not self.surprises, self.surprises[:5]

    def _run(self, number):
        dice = random.Random(f"{self.seed}-{self.name}-{number}")
        mine = []
        count = 0
        try:
            while not self.stopping.is_set():
                turn = dice.random()
                if mine and turn < 0.25:
                    self._cancel(mine.pop(dice.randrange(len(mine))))
                elif mine and turn < 0.45:
                    self._fill(dice.choice(mine), dice.randint(1, 10))
                else:
                    count += 1
                    quantity, price = dice.randint(1, 10), dice.randint(400, 600)
                    order = self.desk.order(client_order_id=f"{self.name}-{number}-{count}", quantity=quantity, price=price,
                                            trade_type=dice.choice(["BUY", "SELL"]))
                    placed = self._place(order)
                    if placed is not None and placed.status_code == 201:  # one that is pending may not be at the broker yet
                        mine.append(placed.json()["order_id"])
        except Exception as failure:  # a fault of this test must not pass as silence
            self.surprises.append(repr(failure))

    def _sent(self, call, refusals=None):
        """The answer, or None for a lost connection or a 503, which is put into `refusals`."""
        try:
            answer = call()
        except requests.RequestException:
            with self.lock:
                self.lost += 1
            self.stopping.wait(0.1)  # not a storm of connections against a node that is away
            return None
        if answer.status_code == 503:
            with self.lock:
                self.refused.append(answer)
            if refusals is not None:
                refusals.append(answer)
            self.stopping.wait(0.1)
            return None
        return answer

    def _place(self, order):
        refusals = []
        answer = self._sent(lambda: self.desk.trader.place(order), refusals)
        if answer is None:
            with self.lock:
                self.uncertain[order["client_order_id"]] = order
                for refusal in refusals:
                    if refusal.json()["action"] == "retry":
                        self.nothing_done[order["client_order_id"]] = refusal
            return None
        with self.lock:
            if answer.status_code == 403 and answer.json()["code"] in NEVER_SENT:
                self.uncertain.pop(order["client_order_id"], None)
                self.never_sent[answer.json()["order_id"]] = order
            elif answer.status_code in (201, 202):
                assert answer.json()["order_id"] not in self.never_sent
                self.acknowledged[answer.json()["order_id"]] = order
                self.uncertain.pop(order["client_order_id"], None)
                self.nothing_done.pop(order["client_order_id"], None)
            else:
                self.surprises.append((answer.status_code, answer.text))
                return None
        return answer

    def _cancel(self, order_id):
        answer = self._sent(lambda: self.desk.trader.delete("/trades/" + order_id))
        if answer is None:
            return
        if answer.status_code == 200:
            with self.lock:
                self.canceled.add(order_id)
        elif answer.status_code not in (202, 409):
            self.surprises.append((answer.status_code, answer.text))

    def _fill(self, order_id, quantity):
        answer = self._sent(lambda: self.desk.fill(order_id, 500.00, quantity))
        if answer is None:
            return
        if answer.status_code == 200:
            with self.lock:
                self.fills[answer.json()["fill_id"]] = (order_id, answer.json()["quantity"])
        elif answer.status_code != 409:
            self.surprises.append((answer.status_code, answer.text))

    def check_nothing_done(self):
        """Of what a 503 with `retry` said that nothing was done nothing is stored. Before resolve(), which sends it again."""
        for client_order_id, refusal in self.nothing_done.items():
            stored = self.desk.trader.get("/trades/" + refusal.json()["order_id"])
            assert stored.status_code == 404, f"{client_order_id}: refused with {refusal.text}, stored as {stored.text}"

    def resolve(self):
        """Sends again what was uncertain: the same key is safe. Afterwards everything is known."""
        for order in list(self.uncertain.values()):
            eventually(lambda order=order: self._place(order) is not None or self.surprises, f"an answer for {order['client_order_id']}")
            assert not self.surprises, self.surprises[:5]
        assert not self.uncertain

    def check(self):
        """What every client was told is so, here and at the broker; nothing is doubled and no capacity is lost."""
        assert not self.surprises, self.surprises[:5]
        desk, node = self.desk, self.desk.node
        reader = desk.platform
        scoped = f"?organization_id={desk.id}"

        def settled():
            found = {order_id: reader.order(order_id + scoped) for order_id in self.acknowledged}
            return found if all(order["state"] in CLOSED | WORKING for order in found.values()) else None

        scopes = (("organization", desk.id), ("user", desk.users["trader"]), ("account", desk.account))

        def capacity_held(orders):
            working = [order for order in orders.values() if order["state"] in WORKING]
            return len(working), round(sum(order["price"] * order["pending_quantity"] for order in working), 4)

        def at_rest():
            """A cancel whose answer was lost may still be on its way when everything else is over: orders and books are looked
            at together, until they agree."""
            orders = settled()
            if orders is None:
                return None
            usages = {scope: desk.usage(scope, scope_id) for scope, scope_id in scopes}
            seen[:] = [capacity_held(orders), usages]
            held = {(usage["open_orders"], usage["reserved_value"]) for usage in usages.values()}
            return orders if held == {capacity_held(orders)} else None

        seen = []
        orders = eventually(at_rest, lambda: f"every order is closed or working, and the books hold for the latter: {seen}", within=90)
        broker = node.paper_log()
        assert not broker.doubled()
        for order_id in self.never_sent:
            assert reader.order(order_id + scoped)["state"] == "denied" and order_id not in broker.placed
        for order_id, sent in self.acknowledged.items():
            told = orders[order_id]
            assert (told["client_order_id"], told["quantity"], told["price"], told["trade_type"]) == (
                sent["client_order_id"], sent["quantity"], sent["price"], sent["trade_type"])
            assert told["filled_quantity"] == broker.filled_quantity(order_id), told
            if told["state"] in WORKING:
                assert len(broker.placed[order_id]) == 1, told
        for order_id in self.canceled:
            assert orders[order_id]["state"] == "canceled", orders[order_id]
        known = {fill: (broker.orders[number]["order_id"], quantity) for number, fills in broker.fills.items()
                 for fill, quantity in fills.items()}
        for fill, (order_id, quantity) in self.fills.items():
            assert known[fill] == (order_id, quantity)

        net = 0
        for number, placed in broker.orders.items():
            if placed["account"] == desk.account:
                net += sum(broker.fills[number].values()) * (1 if placed["side"] == "BUY" else -1)

        def positions_agree():
            rows = reader.get(f"/api/positions?trading_account_id={desk.account}&organization_id={desk.id}").json()["data"]
            return sum(row["net_quantity"] for row in rows) == net
        eventually(positions_agree, f"the account's position is {net}")
        return orders
