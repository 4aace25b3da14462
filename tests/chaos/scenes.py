"""How each step of the saga is reached on a real node. A scene is played by a client thread until the node stops or ends
itself at the step that is armed; it can be played again, each time with an order of its own.

SCENES has every step that a node with the paper broker can pass, UNREACHED why it cannot pass the others. Together they must
be all steps of the saga, as the binary names them: a new row of the transition table has to be thought about here."""
import os
import time

DAY_S = 86_400
SITE = {
    "cluster.ttl_ms": 1000, "cluster.heartbeat_ms": 150, "cluster.lease_margin_ms": 200, "orders.send_window_ms": 700,
    "orders.reserve_deadline_ms": 500, "orders.client_wait_ms": 300, "orders.grace_ms": 0, "orders.unknown_retry_ms": "100,200,400",
    "supervision.entity_crashes": 1000}
WORLDS = {
    "plain": {},
    "reject": {"broker_faults.reject_pct": 100},
    "hang": {"broker_faults.accept_then_hang_pct": 100, "orders.unknown_retry_ms": "1500"},
    "drop": {"broker_faults.drop_before_accept_pct": 100},
    "tag": {"broker.id_mode": "tag_only", "broker_faults.drop_before_accept_pct": 100},
    "tag, late": {"broker.id_mode": "tag_only", "broker_faults.late_accept_pct": 100, "broker_faults.late_accept_ms": 6000},
}


class Stage:
    """What a scene acts on: `place`, `cancel`, `fill` go through the ledger and may get no answer. `orders` are those that it
    placed, as sent, by order id."""

    def __init__(self, site, desk, trader, name):
        self.site, self.desk, self.trader, self.name = site, desk, trader, name
        self.orders = {}
        self.count = 0

    def place(self, **changes):
        """The order's id, or None when there was no answer."""
        self.count += 1
        order = self.desk.order(client_order_id=f"{self.name}-{self.count}", trading_account_id=self.desk.accounts[self.count % 2], **changes)
        answer = self.trader.place(order)
        if answer is None or "order_id" not in answer.json():
            return None
        self.orders[answer.json()["order_id"]] = order
        return answer.json()["order_id"]

    def cancel(self, order_id):
        return self.trader.cancel(order_id)

    def fill(self, order_id, quantity):
        self.count += 1
        return self.trader.fill(order_id, self.orders[order_id]["price"], quantity, f"{self.name}-{self.count}")

    def becomes(self, order_id, *states, within=8):
        """True when it did; a node that ends meanwhile is no failure."""
        until = time.monotonic() + within
        while time.monotonic() < until and self.site.node.is_running() and not self.site.node.sleeps():
            answer = self.trader.read(order_id)
            if answer is not None and answer.status_code == 200 and answer.json()["state"] in states:
                return True
            time.sleep(0.03)
        return False

    def refuse_rows(self, condition):
        """PostgreSQL refuses journal rows of which this is true, until accept_rows()."""
        self.site.postgres.query(
            "create or replace function refuse_row() returns trigger language plpgsql as $$ begin "
            f"if {condition} then raise exception 'refused for a trial' using errcode = 'invalid_parameter_value'; end if; "
            "return new; end $$; drop trigger if exists refuse_row on journal; "
            "create trigger refuse_row before insert on journal for each row execute function refuse_row()", self.site.database)

    def accept_rows(self):
        self.site.postgres.query("drop trigger if exists refuse_row on journal", self.site.database)

    def refuse_reservations(self):
        self.refuse_rows(f"new.stream = '{self.desk.id}/book/{self.desk.id}' and convert_from(new.body, 'UTF8') like '%\"risk.reserved\"%'")


# ---- scenes: what clients do
def place(stage):
    stage.place()


def place_beyond_limit(stage):
    stage.place(quantity=51)


def fill_part(stage):
    if order := stage.place():
        stage.fill(order, 4)


def fill_all(stage):
    if order := stage.place():
        stage.fill(order, 10)


def fill_in_three(stage):
    if order := stage.place():
        stage.fill(order, 2)
        stage.fill(order, 3)
        stage.fill(order, 5)


def cancel(stage):
    if order := stage.place():
        stage.cancel(order)


def cancel_after_part(stage):
    if order := stage.place():
        stage.fill(order, 4)
        stage.cancel(order)


def cancel_pending(stage):
    """The broker has not answered."""
    if order := stage.place():
        stage.cancel(order)


def cancel_before_reserved(stage):
    """The risk book cannot store its reservation, so the order cannot be sent."""
    stage.refuse_reservations()
    if order := stage.place():
        stage.cancel(order)


def reserve_in_vain(stage):
    """Nor can it until the order gives up and closes the attempt."""
    stage.refuse_reservations()
    if order := stage.place():
        stage.becomes(order, "denied")


def reserved_but_never_requested(stage):
    """The reservation is stored and the order is not: the book asks for it, and it refuses itself for ever."""
    stage.refuse_rows(f"new.stream like '{stage.desk.id}/order/%' and convert_from(new.body, 'UTF8') like '%\"order.requested\"%'")
    stage.place()
    stage.accept_rows()
    until = time.monotonic() + 3  # the book asks after the send window
    while time.monotonic() < until and not stage.site.paused():
        time.sleep(0.02)


def wait_unknown(stage):
    if order := stage.place():
        stage.becomes(order, "unknown", "new", "canceled", "absent")


def cancel_unknown(stage):
    order = stage.place()
    if order and stage.becomes(order, "unknown"):
        stage.cancel(order)


def wait_found(stage):
    if order := stage.place():
        stage.becomes(order, "new")


def wait_blocked(stage):
    if order := stage.place():
        stage.becomes(order, "canceled")


def wait_absent(stage):
    if order := stage.place():
        stage.becomes(order, "absent", within=10)


def find_absent(stage):
    """It arrives at the broker when it counts as absent, and is filled there."""
    order = stage.place()
    if order and stage.becomes(order, "absent", within=10):
        until = time.monotonic() + 10
        while time.monotonic() < until and order not in stage.site.paper_log().placed:
            time.sleep(0.05)
        stage.fill(order, 4)


# ---- scenes that are reached while the node starts: what goes before, and ends with the node killed
def before_expiry(stage):
    stage.place()
    _a_day_passes(stage)


def before_expiry_after_part(stage):
    fill_part(stage)
    _a_day_passes(stage)


def _a_day_passes(stage):
    """The book was last written yesterday: DAY orders expire as the broker opens."""
    stage.site.node.kill()
    yesterday = time.time() - DAY_S
    os.utime(stage.site.node.book, (yesterday, yesterday))


def before_rejection_is_found(stage):
    """The broker has refused, and the node ends before it hears of it."""
    stage.site.arm("broker/place/answered", "kill")
    for _ in range(5):  # on a busy machine an order may not get that far
        stage.place()
        if ended(stage, within=1):
            return


def ended(stage, within):
    until = time.monotonic() + within
    while time.monotonic() < until and stage.site.node.is_running():
        time.sleep(0.02)
    return not stage.site.node.is_running()


class Scene:
    def __init__(self, play, world="plain", at_start=False, patience_s=2.0):
        """`patience_s`: how long after the play's end the step may still be reached."""
        self.play, self.world, self.at_start, self.patience_s = play, world, at_start, patience_s


SCENES = {
    "order/none/requested": Scene(place),
    "order/none/denied": Scene(reserved_but_never_requested, patience_s=5),
    "order/pending_new/denied": Scene(place_beyond_limit),
    "order/pending_new/cancel": Scene(cancel_pending, "hang"),
    "order/pending_new/canceled": Scene(cancel_before_reserved),
    "order/pending_new/accepted": Scene(place),
    "order/pending_new/rejected": Scene(place, "reject"),
    "order/pending_new/unknown": Scene(wait_unknown, "hang"),
    "order/new/filled_in_part": Scene(fill_part),
    "order/new/filled": Scene(fill_all),
    "order/new/cancel": Scene(cancel),
    "order/new/canceled": Scene(cancel),
    "order/new/expired": Scene(before_expiry, at_start=True),
    "order/partially_filled/filled_in_part": Scene(fill_in_three),
    "order/partially_filled/filled": Scene(fill_in_three),
    "order/partially_filled/cancel": Scene(cancel_after_part),
    "order/partially_filled/canceled": Scene(cancel_after_part),
    "order/partially_filled/expired": Scene(before_expiry_after_part, at_start=True),
    "order/unknown/cancel": Scene(cancel_unknown, "hang"),
    "order/unknown/accepted": Scene(wait_found, "hang"),
    "order/unknown/rejected": Scene(before_rejection_is_found, "reject", at_start=True),
    "order/unknown/canceled": Scene(wait_blocked, "drop"),
    "order/unknown/absent": Scene(wait_absent, "tag"),
    "order/absent/accepted": Scene(find_absent, "tag, late"),
    "book/reserved": Scene(place),
    "book/denied": Scene(place_beyond_limit),
    "book/attempt_closed": Scene(reserve_in_vain),
    "book/settled": Scene(fill_part),
    "broker/place": Scene(place),
    "broker/cancel": Scene(cancel),
    "broker/query": Scene(wait_found, "hang"),
    "broker/fill": Scene(fill_part),
}

IN_ORDER = "the paper broker tells fills before the end: only a broker whose reports cross can do this"
ACCEPTED_FIRST = "what is found is accepted first, then closed: no broker's view leads here"
UNREACHED = {
    "order/new/rejected": "no setting makes the paper broker take an acceptance back",
    "order/canceled/filled_in_part": IN_ORDER,
    "order/canceled/filled": IN_ORDER,
    "order/expired/filled_in_part": IN_ORDER,
    "order/expired/filled": IN_ORDER,
    "order/unknown/expired": ACCEPTED_FIRST,
    "order/absent/cancel": "an absent order takes no cancel",
    "order/absent/rejected": "the paper broker refuses at once or not at all",
    "order/absent/canceled": ACCEPTED_FIRST,
    "order/absent/expired": ACCEPTED_FIRST,
}


def scene_of(step):
    """The scene of "order/none/requested/stored" is that of "order/none/requested"; None where UNREACHED tells why."""
    fact = step.rpartition("/")[0]
    assert fact in SCENES or fact in UNREACHED, f"no scene reaches {step}, and nothing says why"
    return SCENES.get(fact)
