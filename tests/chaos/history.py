"""The checks over a whole history: what clients were told, what the journal holds, what the broker was told. They read the
journal's rows and the broker's log themselves and know nothing of the product's code; the product's own checks
(`stocksblitz replay --only-checks`: chain, transitions, reservations, positions) run beside them."""
import collections
import json

from ledger import ACCEPTED, DENIED
from paper_log import PaperLog

LOST, DOUBLED, OVER_LIMIT, CONTRADICTED = "lost", "doubled", "over limit", "contradicted"
STALE, CRASHED, UNTRIED = "stale", "crashed", "untried"
KINDS = (LOST, DOUBLED, OVER_LIMIT, CONTRADICTED, STALE, CRASHED, UNTRIED)
TICKS = 10_000  # of the currency unit
LONG_RUN_S = 120  # a run of that length has met a limit, or it says nothing about it
DAILY_LIMIT = "LIMIT_DAILY_VALUE_EXCEEDED"

CLOSING = {"order.denied": "denied", "order.rejected": "rejected", "order.canceled": "canceled", "order.expired": "expired"}
CLOSED = ("filled", *CLOSING.values())

# What the tests have set for an account.
Limits = collections.namedtuple("Limits", "open_orders_max daily_value_max")
# The book of a node that lost its shards to another while it slept: how many of its bytes that one took over, and when it
# woke (or lost its lease awake).
Retired = collections.namedtuple("Retired", "book taken woken_ms")


class Findings:
    def __init__(self):
        self.of = {kind: [] for kind in KINDS}

    def add(self, kind, what):
        if what not in self.of[kind]:
            self.of[kind].append(what)

    def __bool__(self):
        return any(self.of.values())

    def lines(self):
        return [f"{kind}: {what}" for kind in KINDS for what in self.of[kind]]


class Order:
    def __init__(self, order_id, organization):
        self.id, self.organization = order_id, organization
        self.request = None
        self.status = "none"
        self.reserved = 0
        self.reserved_price = 0
        self.fills = {}  # fill id → quantity
        self.prices = {}  # fill id → price
        self.states = []  # (status, filled) after each event: version n is the n-th

    def take(self, kind, body, findings):
        self._take(kind, body, findings)
        self.states.append((self.status, self.filled))

    def _take(self, kind, body, findings):
        if kind == "order.requested":
            if self.request is not None:
                findings.add(DOUBLED, f"{self.id}: requested twice")
            self.request = body
            self.status = "pending_new"
        elif kind == "order.accepted":
            self.status = "new"
        elif kind == "order.unknown":
            self.status = "unknown"
        elif kind == "order.absent":
            self.status = "absent"
        elif kind == "order.filled":
            if body["fill"] in self.fills:
                findings.add(DOUBLED, f"{self.id}: fill {body['fill']} is in the journal twice")
            self.fills[body["fill"]] = body["qty"]
            self.prices[body["fill"]] = body["price"]
            if self.filled > self.request["qty"]:
                findings.add(DOUBLED, f"{self.id}: {self.filled} filled of {self.request['qty']}")
            if self.status in ("new", "partially_filled", "canceled", "expired") and self.filled == self.request["qty"]:
                self.status = "filled"
            elif self.status == "new":
                self.status = "partially_filled"
        elif kind in CLOSING:
            self.status = CLOSING[kind]

    @property
    def filled(self):
        return sum(self.fills.values())


class Book:
    """Reservations of one organization, counted against the limits of its accounts: those that the tests have set."""

    def __init__(self, limits):
        self.limits = limits  # by account
        self.held = {}  # order id → [account, price, what is left]
        self.used = collections.Counter()  # by account, of the day

    def take(self, kind, body, orders, findings):
        if kind == "risk.day_rolled":
            self.used.clear()
        elif kind == "risk.reserved":
            orders[body["order"]].reserved += 1
            orders[body["order"]].reserved_price = body["price"]
            if orders[body["order"]].reserved > 1:
                findings.add(DOUBLED, f"{body['order']}: reserved twice")
            self.held[body["order"]] = [body["account"], body["price"], body["qty"]]
            self._compare(body["account"], body["order"], findings)
        elif kind == "risk.settled":
            for fact in body["facts"]:
                self._settle(fact)

    def _compare(self, account, order_id, findings):
        if account not in self.limits:
            return
        limits = self.limits[account]
        mine = [(price, left) for whose, price, left in self.held.values() if whose == account]
        if len(mine) > limits.open_orders_max:
            findings.add(OVER_LIMIT, f"account {account}: {len(mine)} orders held with {order_id}, {limits.open_orders_max} may be")
        value = self.used[account] + sum(price * left for price, left in mine)
        if value > limits.daily_value_max * TICKS:
            findings.add(OVER_LIMIT, f"account {account}: {value / TICKS} with {order_id}, {limits.daily_value_max} may be")

    def _settle(self, fact):
        held = self.held.get(fact["order"])
        if fact["what"] == "fill":
            self.used[held[0] if held else fact["account"]] += fact["qty"] * fact["price"]
            if held is not None:
                held[2] -= fact["qty"]
        elif held is not None:
            del self.held[fact["order"]]


class Journal:
    """Reads on from where it was. `tail` asks PostgreSQL for the rows after these heads: JSON [shard, seq, stream, body].
    `limits` has those of each account, and may grow."""

    def __init__(self, tail, limits):
        self.tail = tail
        self.limits = limits
        self.heads = {}
        self.orders = {}
        self.books = {}
        self.rows = 0

    def read_on(self, findings):
        for shard, seq, stream, body in self.tail(self.heads):
            if seq != self.heads.get(shard, 0) + 1:
                findings.add(LOST, f"shard {shard}: row {seq} follows row {self.heads.get(shard, 0)}")
            self.heads[shard] = seq
            self.rows += 1
            self.take(stream, body, findings)

    def take(self, stream, events, findings):
        organization, kind, name = (stream.split("/") + [""])[:3]
        for event in events:
            if kind == "order":
                self._order(name, organization).take(event["t"], event["b"], findings)
            elif kind == "book":
                for one in self._named(event["b"]):
                    self._order(one, organization)
                book = self.books.setdefault(organization, Book(self.limits))
                book.take(event["t"], event["b"], self.orders, findings)

    def _order(self, order_id, organization):
        return self.orders.setdefault(order_id, Order(order_id, organization))

    @staticmethod
    def _named(body):
        return [body["order"]] if "order" in body and body["order"] else []


def tail_of(postgres, database):
    """For Journal: rows after the heads, in order."""
    def tail(heads):
        known = ",".join(f"({shard},{seq})" for shard, seq in heads.items()) or "(-1,0)"
        rows = postgres.query(
            "select json_build_array(j.shard, j.seq, j.stream, convert_from(j.body, 'UTF8')::json) from journal j "
            f"left join (values {known}) k(shard, seq) on k.shard = j.shard where j.seq > coalesce(k.seq, 0) order by j.shard, j.seq",
            database)
        return [json.loads("\t".join(row)) for row in rows]
    return tail


class BrokerHistory(PaperLog):
    """The broker's log with its lines in their order."""

    def __init__(self, path):
        self.lines = []
        super().__init__(path)

    def _take(self, fields):
        super()._take(fields)
        self.lines.append(fields)


def late_lines(path, taken_bytes):
    """What a sleeper wrote into its book after another had taken it over."""
    whole = BrokerHistory(path)
    before = path.read_bytes()[:taken_bytes].count(b"\n") - 1  # without the header
    return whole.lines[max(before, 0):]


def check_acknowledged(ledger, journal, findings):
    """What a client was told is in the journal, and the journal says the same."""
    made = collections.Counter()
    for order in journal.orders.values():
        if order.request is not None:
            made[(order.organization, order.request["account"], order.request["client_order_id"])] += 1
    for (_, account, key), count in made.items():
        if count > 1:
            findings.add(DOUBLED, f"account {account}, {key}: {count} orders")
    for key, asked in ledger.orders.items():
        if len(asked["ids"]) > 1:
            findings.add(DOUBLED, f"{key}: answered with the orders {sorted(asked['ids'])}")
        for order_id in asked["ids"]:
            order = journal.orders.get(order_id)
            if order is None or (order.request is None and order.status != "denied"):
                findings.add(LOST, f"{key}: {order_id} was answered and is not in the journal")
                continue
            if order.request is not None and not same(order.request, asked["sent"]):
                findings.add(CONTRADICTED, f"{key}: {order_id} is not what was sent: {order.request}")
            if asked["told"] == DENIED and order.status != "denied":
                findings.add(CONTRADICTED, f"{key}: {order_id} was answered as denied and is {order.status}")
            if asked["told"] == ACCEPTED and asked["firm"] and order.status == "denied":
                findings.add(CONTRADICTED, f"{key}: {order_id} was answered as accepted and is denied")
    for order_id, state in ledger.canceled.items():
        order = journal.orders.get(order_id)
        if order is None or (state == "canceled" and order.status not in ("canceled", "filled")):
            findings.add(LOST, f"the cancel of {order_id} was answered with {state}, it is {order.status if order else 'not there'}")
    for order_id in ledger.closed:
        order = journal.orders.get(order_id)
        if order is None or order.status not in CLOSED:
            findings.add(CONTRADICTED, f"a cancel of {order_id} came too late, it is {order.status if order else 'not there'}")
    for fill_id, (order_id, quantity, price) in ledger.fills.items():
        order = journal.orders.get(order_id)
        if order is None or (order.fills.get(fill_id), order.prices.get(fill_id)) != (quantity, price):
            findings.add(LOST, f"fill {fill_id} of {quantity} at {price} was answered and {order_id} does not have it")
    for key, fill_ids in ledger.fill_keys.items():
        if len(fill_ids) > 1:
            findings.add(DOUBLED, f"one execution, {key}, made the fills {sorted(fill_ids)}")


def same(request, sent):
    return (request["client_order_id"], request["account"], request["side"], request["qty"], request.get("price", 0)) == (
        sent["client_order_id"], sent["trading_account_id"], sent["trade_type"], sent["quantity"], round(sent.get("price", 0) * TICKS))


def check_reads(ledger, journal, findings):
    """What clients were told of an order, version by version, is what the journal made of it; and no answer was older than what
    was acknowledged before it was asked for."""
    for text in ledger.stale:
        findings.add(STALE, text)
    for order_id, views in ledger.told.items():
        order = journal.orders.get(order_id)
        states = order.states if order is not None else []
        for view in views:
            if view.version > len(states):
                findings.add(LOST, f"{order_id} was told in version {view.version}, the journal has {len(states)}")
            elif states[view.version - 1] != (view.state, view.filled):
                findings.add(CONTRADICTED, f"{order_id} was told as {view}, the journal's version is {states[view.version - 1]}")
    for order_id in ledger.missed:
        order = journal.orders.get(order_id)
        # One that was denied without ever being requested has nobody who may see it.
        if order is not None and order.request is not None:
            findings.add(LOST, f"{order_id} was acknowledged and then answered as not there")


def check_at_rest(views, journal, findings):
    """What is read when nothing moves is the journal's last word."""
    for order_id, view in views.items():
        states = journal.orders[order_id].states if order_id in journal.orders else []
        if view is None or view.version != len(states) or (view.state, view.filled) != states[-1]:
            findings.add(CONTRADICTED, f"{order_id} is read as {view} at rest, in the journal it is {states[-1:]} in version {len(states)}")


def check_broker(broker, journal, findings, limits, one_day):
    """The broker has each order once and for an intent, told of the fills that the journal has, and at no line of its log was
    more open or traded than the limits allow. `limits`: those of each account that has them."""
    for order_id, numbers in broker.doubled().items():
        findings.add(DOUBLED, f"{order_id} is at the broker as {numbers}")
    for order_id, numbers in broker.placed.items():
        order = journal.orders.get(order_id)
        if order is None or order.request is None or not order.reserved:
            findings.add(CONTRADICTED, f"{order_id} is at the broker without an intent and a reservation in the journal")
        elif dict(order.fills) != {fill: quantity for number in numbers for fill, quantity in broker.fills[number].items()}:
            findings.add(CONTRADICTED, f"{order_id}: the fills in the journal are {order.fills}, the broker's "
                                       f"{[dict(broker.fills[number]) for number in numbers]}")
    check_exposure(broker.lines, journal, findings, limits, one_day)


class Exposure:
    """What works and was traded at the broker, line by line of its log."""

    def __init__(self, journal):
        self.journal = journal
        self.working = {}  # number → [account, price, left]
        self.traded = collections.Counter()  # by account

    def place(self, fields):
        """A MARKET order has no price there: what it was reserved at counts."""
        order = self.journal.orders.get(fields[2])
        price = int(fields[12]) or (order.reserved_price if order is not None else 0)
        self.working[fields[1]] = [int(fields[4]), price, int(fields[11])]

    def fill(self, number, quantity, price):
        """What a fill slips beyond its reservation is known to nobody before it is settled: orders that were reserved before
        may still arrive. It does not count here; it counts in the book, from its settlement on."""
        account, reserved, _ = self.working[number]
        self.working[number][2] -= quantity
        self.traded[account] += quantity * min(price, reserved)
        if self.working[number][2] <= 0:
            del self.working[number]

    def of(self, account):
        """How many work, and what they and the trades are worth."""
        mine = [(price, left) for whose, price, left in self.working.values() if whose == account]
        return len(mine), self.traded[account] + sum(price * left for price, left in mine)


def check_exposure(lines, journal, findings, limits, one_day):
    exposure = Exposure(journal)
    for fields in lines:
        kind, number = fields[0], fields[1]
        if kind == "placed" and int(fields[4]) in limits:
            account = int(fields[4])
            exposure.place(fields)
            count, value = exposure.of(account)
            if count > limits[account].open_orders_max:
                findings.add(OVER_LIMIT, f"account {account}: {count} orders work at the broker with {fields[2]}, "
                                         f"{limits[account].open_orders_max} may")
            if one_day and value > limits[account].daily_value_max * TICKS:
                findings.add(OVER_LIMIT, f"account {account}: {value / TICKS} at the broker with {fields[2]}, "
                                         f"{limits[account].daily_value_max} may be")
        elif kind == "filled" and number in exposure.working:
            exposure.fill(number, int(fields[4]), int(fields[5]))
        elif kind in ("canceled", "expired", "revoked"):
            exposure.working.pop(number, None)


def check_sleepers(retired, broker, findings, unique_ids, send_window_ms):
    """What nodes that had lost their shards told the broker after another took over. One that enforces client ids refuses an
    order whose id it knows or has blocked, and what was under way when the node fell asleep may still arrive, within the
    send window. To one that takes ids for notes each is an order more. Answers how many would have been refused."""
    refused = 0
    for path, taken, woken_ms in retired:
        for fields in late_lines(path, taken):
            if fields[0] != "placed":
                continue
            late_ms = int(fields[13]) - woken_ms
            if not (fields[2] in broker.placed or fields[2] in broker.rejected or fields[2] in broker.blocked):
                findings.add(DOUBLED, f"{fields[2]} was sent by a node that had lost its shard, and the broker does not know the id")
            elif not unique_ids:
                findings.add(DOUBLED, f"{fields[2]} was sent again by a node that had lost its shard, and the broker takes an id twice")
            elif late_ms > send_window_ms:
                findings.add(DOUBLED, f"{fields[2]} was sent by a node {late_ms} ms after it woke without its shard, "
                                      f"beyond the send window of {send_window_ms} ms")
            else:
                refused += 1
    return refused


def check_limit_reached(denials, seconds, findings):
    """`denials`: by code."""
    if seconds >= LONG_RUN_S and not denials[DAILY_LIMIT]:
        findings.add(UNTRIED, "limit never reached: the run says nothing about it")
