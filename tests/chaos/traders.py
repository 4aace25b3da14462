"""Clients that trade without pause while everything around them fails."""
import random
import threading

from desk import PASSWORD, Desk
from ledger import Trader
from waiting import eventually

PAUSE_S = 0.01  # between two calls of a client: enough load for every race, few enough rows to check again and again
BACK_OFF_S = 0.1
OPEN_ORDERS_MAX = 24
DAILY_VALUE_MAX = 3_000_000
ORDER_QUANTITY_MAX = 50
REPEAT, DENY, CANCEL, FILL = 0.05, 0.10, 0.35, 0.60  # thresholds of the dice; the rest places


class ChaosDesk(Desk):
    """With limits that traffic runs into, and tokens that are asked for again when they are of another time."""

    def __init__(self, site):
        super().__init__(site, site.platform, accounts=2)
        self.renewing = threading.Lock()
        for account in self.accounts:
            limits = [{"limit_type": "open_orders", "limit_value": OPEN_ORDERS_MAX},
                      {"limit_type": "daily_trading_limit", "limit_value": DAILY_VALUE_MAX},
                      {"limit_type": "order_quantity", "limit_value": ORDER_QUANTITY_MAX}]
            answer = self.admin.put("/api/trading-limits", {"scope": "account", "scope_id": account, "limits": limits})
            assert answer.status_code == 200, answer.text

    def renew(self):
        """New tokens in the place of the old ones."""
        if not self.renewing.acquire(blocking=False):  # somebody is at it
            return
        try:
            first = self.node.node.demo()["users"][0]
            fresh = [(self.trader, self.emails["trader"], PASSWORD), (self.admin, self.emails["admin"], PASSWORD),
                     (self.platform, first["email"], first["password"])]
            for client, email, password in fresh:
                client.token = self.node.log_in(email, password).token
        finally:
            self.renewing.release()


class Traders:
    """`desk` is theirs alone. Started, they trade until stop(); settle() then finds out what was left uncertain."""

    def __init__(self, desk, ledger, seed, clients=6):
        self.desk, self.ledger, self.seed, self.clients = desk, ledger, seed, clients
        self.trader = Trader(desk, ledger)
        self.stopping = threading.Event()
        self.threads = []
        self.round = 0

    def start(self):
        self.round += 1
        self.stopping.clear()
        self.threads = [threading.Thread(target=self._trade, args=(number,), daemon=True) for number in range(self.clients)]
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(timeout=120)
            assert not thread.is_alive(), "a client hangs"
        self.threads = []

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def answered(self):
        """Calls to which there was a definite answer."""
        with self.ledger.lock:
            return sum(count for status, count in self.ledger.answers.items() if status in (200, 201, 202, 403, 409))

    def run_on(self, calls=60, within=90):
        """Until so many more calls were answered: the site works."""
        target = self.answered() + calls
        eventually(lambda: self.answered() >= target, f"{calls} more answers", within=within)

    def order(self, dice, key):
        quantity = dice.randint(1, 10) if dice.random() > DENY else ORDER_QUANTITY_MAX + 1
        return self.desk.order(client_order_id=key, quantity=quantity, price=float(dice.randint(400, 600)),
                               trade_type=dice.choice(["BUY", "SELL"]), trading_account_id=dice.choice(self.desk.accounts),
                               **({"validity": "IOC"} if dice.random() < 0.05 else {}))

    def _trade(self, number):
        dice = random.Random(f"{self.seed}/{self.round}/{number}")
        mine = {}  # order id → order as sent
        asked = []
        count = 0
        try:
            while not self.stopping.wait(PAUSE_S):
                turn = dice.random()
                count += 1
                if asked and turn < REPEAT:
                    answer = self.trader.place(dice.choice(asked))
                elif mine and turn < CANCEL:
                    chosen = dice.choice(list(mine))
                    answer = self.trader.cancel(chosen)
                    if answer is not None:
                        mine.pop(chosen)
                elif mine and turn < FILL:
                    answer = self._fill(dice, mine, f"{self.round}-{number}-{count}")
                else:
                    order = self.order(dice, f"r{self.round}-{number}-{count}")
                    asked.append(order)
                    answer = self.trader.place(order)
                    if answer is not None and answer.status_code == 201:  # one that is pending may not be at the broker yet
                        mine[answer.json()["order_id"]] = order
                if answer is None:
                    self.stopping.wait(BACK_OFF_S)  # not a storm against a site that is away
        except Exception as failure:  # a fault of these tests must not pass as silence
            self.ledger.surprise(f"client {number}: {failure!r}")

    def _fill(self, dice, mine, key):
        chosen = dice.choice(list(mine))
        order = mine[chosen]
        quantity = dice.randint(1, 10)
        answer = self.trader.fill(chosen, order["price"], quantity, key)
        if answer is None or dice.random() < 0.1:  # the same execution told again is the same fill
            answer = self.trader.fill(chosen, order["price"], quantity, key)
        if answer is not None and answer.status_code == 409:
            mine.pop(chosen)
        return answer

    def settle(self):
        """Sends again what was uncertain: the same key is safe. Afterwards everything is known."""
        for order in self.ledger.uncertain():
            eventually(lambda order=order: self.trader.place(order) is not None, f"an answer for {order['client_order_id']}", within=120)
        left = self.ledger.uncertain()
        if left:
            self.ledger.surprise(f"{len(left)} orders stay uncertain, {left[0]['client_order_id']} among them")
