"""Clients that trade without pause while everything around them fails."""
import contextlib
import random
import threading

from desk import PASSWORD, Desk
from history import Limits
from ledger import Trader, view_of
from node import Client
from trading_site import HeldAddress
from waiting import eventually

PAUSE_S = 0.01  # between two calls of a client: enough load for every race, few enough rows to check again and again
BACK_OFF_S = 0.1
OPEN_ORDERS_MAX = 24
# The first account comes near its limit and then stays there; the other has room, so that the rest of the traffic goes on.
DAILY_VALUES_MAX = (120_000, 3_000_000)
ORDER_QUANTITY_MAX = 50
REPEAT, DENY, CANCEL, FILL = 0.05, 0.10, 0.35, 0.60  # thresholds of the dice; the rest places
HOLDING = 2  # clients that hold on to a node while its process lives, whoever owns the shards
READ, READ_HOLDING = 0.2, 0.5  # of the turns; the clients that hold on look for what is out of date
ASKERS = 8  # who read what has changed from one node, asleep or not
STAY_AWAY = 0.15  # chance of a client never to come back for the answers that it did not get
MARKET, BETTER = 0.15, 0.3  # of the orders; of the fills of LIMIT orders
REFERENCE_PRICE = 870.0  # SBIN's in config/instruments.csv: with the external feed the only one that there is
SLIP = (0.97, 1.08)  # of the fills of MARKET orders; they are reserved with a protection of 5 %
PRICE_TICK = 0.05


class ChaosDesk(Desk):
    """With limits that traffic runs into, and tokens that are asked for again when they are of another time."""

    def __init__(self, site, daily_values_max=DAILY_VALUES_MAX):
        super().__init__(site, site.platform, accounts=2)
        self.renewing = threading.Lock()
        self.limits = {account: Limits(OPEN_ORDERS_MAX, value) for account, value in zip(self.accounts, daily_values_max)}
        for account in self.accounts:
            limits = [{"limit_type": "open_orders", "limit_value": OPEN_ORDERS_MAX},
                      {"limit_type": "daily_trading_limit", "limit_value": self.limits[account].daily_value_max},
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

    @staticmethod
    def is_left_behind():
        """These clients follow the site."""
        return False


class Twin(Client):
    """A client at another address, with the token that the first one has at the time."""

    def __init__(self, address, first):
        super().__init__(address)
        self.first = first

    def request(self, method, path, headers=None, **more):
        return super().request(method, path, {"Authorization": "Bearer " + self.first.token, **(headers or {})}, **more)


class Seat:
    """The desk's people at an address of their own."""

    def __init__(self, desk, address):
        self.trader, self.platform, self.renew = Twin(address, desk.trader), Twin(address, desk.platform), desk.renew
        self.is_left_behind = address.is_left_behind


def fill_price(order, dice):
    """What the market gives: a LIMIT order's own price or a better one, a MARKET order's with slippage, at times more than was
    reserved for it."""
    if "price" not in order:
        price = REFERENCE_PRICE * dice.uniform(*SLIP)
    elif dice.random() < BETTER:
        price = order["price"] * (dice.uniform(0.98, 1) if order["trade_type"] == "BUY" else dice.uniform(1, 1.02))
    else:
        price = order["price"]
    return round(round(price / PRICE_TICK) * PRICE_TICK, 2)


class Traders:
    """`desk` is theirs alone. Started, they trade until stop(); settle() then finds out what was left uncertain, but for those
    that stay away."""

    def __init__(self, desk, ledger, seed, clients=6, stay_away=STAY_AWAY):
        self.desk, self.ledger, self.seed, self.clients, self.stay_away = desk, ledger, seed, clients, stay_away
        self.trader = Trader(desk, ledger)
        self.stopping = threading.Event()
        self.threads = []
        self.round = 0
        self.open = [{} for _ in range(clients)]  # each client's: order id → order as sent

    def start(self):
        self.round += 1
        self.stopping.clear()
        self.threads = [self._thread(self._trade, number) for number in range(self.clients)]

    def _thread(self, work, *arguments):
        def run():
            try:
                work(*arguments)
            except Exception as failure:  # a fault of these tests must not pass as silence
                self.ledger.surprise(f"a client ends: {failure!r}")

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

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

    def run_on(self, calls=60, within=90):
        """Until so many more calls were answered: the site works."""
        target = self.ledger.served + calls
        eventually(lambda: self.ledger.served >= target, f"{calls} more answers", within=within)

    def order(self, dice, key):
        quantity = dice.randint(1, 10) if dice.random() > DENY else ORDER_QUANTITY_MAX + 1
        of_type = {"order_type": "MARKET", "price": None} if dice.random() < MARKET else {"price": float(dice.randint(400, 600))}
        return self.desk.order(client_order_id=key, quantity=quantity, trade_type=dice.choice(["BUY", "SELL"]),
                               trading_account_id=dice.choice(self.desk.accounts),
                               **({"validity": "IOC"} if dice.random() < 0.05 else {}), **of_type)

    @contextlib.contextmanager
    def asking(self, node):
        """Readers of what has changed who know no other node. One that wakes among them has their questions before its first
        beat."""
        done = threading.Event()
        threads = [self._thread(self._ask_on, node, done, number) for number in range(ASKERS)]
        try:
            yield
        finally:
            done.set()
            for thread in threads:
                thread.join(timeout=60)

    def _ask_on(self, node, done, number):
        dice = random.Random(f"{self.seed}/{self.round}/asks/{number}")
        reader = Trader(Seat(self.desk, HeldAddress(self.desk.node, node)), self.ledger)
        while not done.wait(PAUSE_S) and node.is_running():
            order_id = self.ledger.some_order(dice)
            if order_id and reader.read(order_id) is None:
                done.wait(BACK_OFF_S)

    def _trade(self, number):
        dice = random.Random(f"{self.seed}/{self.round}/{number}")
        holds_on = number < HOLDING
        trader = Trader(Seat(self.desk, HeldAddress(self.desk.node)), self.ledger) if holds_on else self.trader
        reads = READ_HOLDING if holds_on else READ
        mine = self.open[number]  # of former rounds too: nobody else would ever make room for more
        asked = []
        count = 0
        while not self.stopping.wait(PAUSE_S):
            some_order = self.ledger.some_order(dice) if dice.random() < reads else None
            turn = dice.random()
            count += 1
            if some_order:
                answer = trader.read(some_order)
            elif asked and turn < REPEAT:
                answer = trader.place(dice.choice(asked))
            elif mine and turn < CANCEL:
                chosen = dice.choice(list(mine))
                answer = trader.cancel(chosen)
                if answer is not None:
                    mine.pop(chosen)
            elif mine and turn < FILL:
                answer = self._fill(trader, dice, mine, f"{self.round}-{number}-{count}")
            else:
                order = self.order(dice, f"r{self.round}-{number}-{count}")
                asked.append(order)
                answer = trader.place(order)
                if answer is not None and answer.status_code == 201:  # one that is pending may not be at the broker yet
                    mine[answer.json()["order_id"]] = order
            if answer is None:
                self.stopping.wait(BACK_OFF_S)  # not a storm against a site that is away

    @staticmethod
    def _fill(trader, dice, mine, key):
        chosen = dice.choice(list(mine))
        price = fill_price(mine[chosen], dice)
        quantity = dice.randint(1, 10)
        answer = trader.fill(chosen, price, quantity, key)
        if answer is None or dice.random() < 0.1:  # the same execution told again is the same fill
            answer = trader.fill(chosen, price, quantity, key)
        if answer is not None and answer.status_code == 409:
            mine.pop(chosen)
        return answer

    def stays_away(self, key):
        """A client of a round comes back for all its orders or for none."""
        client = key.rpartition("-")[0]
        return random.Random(f"{self.seed}/{client}/stays away").random() < self.stay_away

    def settle(self):
        """Sends again what was uncertain: the same key is safe. Afterwards everything is known of which anybody asks. Answers how
        many orders nobody asks for any more."""
        uncertain = self.ledger.uncertain()
        asked_for = [order for order in uncertain if not self.stays_away(order["client_order_id"])]
        for order in asked_for:
            eventually(lambda order=order: self.trader.place(order) is not None, f"an answer for {order['client_order_id']}", within=120)
        left = self.ledger.uncertain()
        if len(left) > len(uncertain) - len(asked_for):
            self.ledger.surprise(f"{len(left)} orders stay uncertain, {left[0]['client_order_id']} among them")
        return len(left)

    def read_at_rest(self):
        """Order id → what is read of it, for those that changed lately."""
        found = {}
        for order_id in set(self.ledger.recent):
            [answer] = eventually(lambda order_id=order_id: answered(self.trader.read(order_id)), f"{order_id} is read")
            found[order_id] = view_of(answer.json()) if answer.status_code == 200 else None
        return found


def answered(answer):
    """For eventually(): an answer that refuses counts as false, and is one all the same."""
    return [] if answer is None else [answer]
