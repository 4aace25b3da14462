"""Limits on organization, user and account: what is refused, what is said about it, and that it holds when many ask at once."""
import pytest

from desk import in_threads
from waiting import eventually

SCOPES = ("organization", "user", "account")

# limit, changes of the order (10 x 500.00 of SBIN, INTRADAY, NSE), code, largest quantity that would pass
REFUSALS = [
    ("single_order_value", 4999.99, {}, "LIMIT_SINGLE_ORDER_VALUE_EXCEEDED", 9),
    ("daily_trading_limit", 2500.00, {}, "LIMIT_DAILY_VALUE_EXCEEDED", 5),
    ("orders_per_day", 0, {}, "LIMIT_ORDERS_PER_DAY_EXCEEDED", None),
    ("open_orders", 0, {}, "LIMIT_OPEN_ORDERS_EXCEEDED", None),
    ("order_quantity", 9, {}, "LIMIT_ORDER_QUANTITY_EXCEEDED", 9),
    ("allowed_exchanges", ["BSE"], {}, "LIMIT_EXCHANGE_NOT_ALLOWED", None),
    ("allowed_symbols", ["INFY", "TCS"], {}, "LIMIT_SYMBOL_NOT_ALLOWED", None),
    ("allowed_products", ["DELIVERY"], {}, "LIMIT_PRODUCT_NOT_ALLOWED", None),
]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("limit_type, value, changes, code, quantity_max", REFUSALS, ids=[row[0] for row in REFUSALS])
def test_a_limit_refuses(desk, scope, limit_type, value, changes, code, quantity_max):
    """403 with the limit, whose it is, what is used, how much too much it was, and the quantity that would pass; the check
    without an order says the same; removed, the same order passes."""
    assert desk.set_limits(scope, **{limit_type: value}).status_code == 200
    order = desk.order(**changes)
    checked = desk.trader.post("/api/trading-limits/validate", order).json()
    refused = desk.trader.place(order)
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (403, code), refused.text
    assert problem["action"] == "user" and problem["order_id"] and problem["client_order_id"]
    assert problem.get("quantity_max") == quantity_max
    [violation] = problem["violations"]
    assert (violation["limit_type"], violation["scope"], violation["scope_id"]) == (limit_type, scope, desk.scope_id(scope))
    assert checked["allowed"] is False and checked["violations"] == problem["violations"]
    assert checked["quantity_max"] == quantity_max
    if not isinstance(value, list):
        attempted = {"single_order_value": 5000, "daily_trading_limit": 5000, "orders_per_day": 1, "open_orders": 1,
                     "order_quantity": 10}[limit_type]
        numbers = {"limit_value": value, "current_usage": 0, "attempted_value": attempted, "projected_usage": attempted,
                   "head_room": value}
        assert {name: violation[name] for name in numbers} == numbers
        assert round(violation["breach_amount"], 4) == round(attempted - value, 4)
    assert desk.trader.order(problem["order_id"])["state"] == "denied"
    assert desk.usage(scope)["open_orders"] == 0 and desk.usage(scope)["reserved_value"] == 0
    if quantity_max is not None:
        assert desk.trader.place(desk.order(quantity=quantity_max)).status_code == 201
    assert desk.set_limits(scope).status_code == 200
    assert desk.trader.place(order).status_code == 201
    assert problem["order_id"] not in desk.node.paper_log().placed


def test_every_failed_check_is_named(desk):
    """One order that breaks limits in all three scopes and lacks a permission: each is in the answer."""
    desk.set_limits("organization", single_order_value=1000.00, allowed_symbols=["INFY"])
    desk.set_limits("user", order_quantity=3, daily_trading_limit=1500.00)
    desk.set_limits("account", allowed_products=["DELIVERY"], open_orders=0)
    desk.allow("trader", actions=("view",))
    refused = desk.trader.place(desk.order())
    assert refused.status_code == 403, refused.text
    named = {(row["scope"], row.get("limit_type") or row["code"]) for row in refused.json()["violations"]}
    assert named == {("organization", "single_order_value"), ("organization", "allowed_symbols"), ("user", "order_quantity"),
                     ("user", "daily_trading_limit"), ("account", "allowed_products"), ("account", "open_orders"),
                     ("user", "PERM_NOT_GRANTED")}
    assert refused.json()["code"] == refused.json()["violations"][0]["code"]


def test_money_is_exact(desk):
    """A limit can be used to its last hundredth of a paisa and not one further."""
    desk.set_limits("account", daily_trading_limit=1500.00)
    assert desk.trader.place(desk.order(quantity=1, price=700.05)).status_code == 201
    refused = desk.trader.place(desk.order(quantity=1, price=800.00))
    assert refused.status_code == 403
    assert '"head_room":799.95,' in refused.text or '"head_room":799.95}' in refused.text, "money is written with its decimals"
    assert desk.trader.place(desk.order(quantity=1, price=799.95)).status_code == 201
    assert desk.usage("account")["reserved_value"] == 1500.00
    assert desk.trader.place(desk.order(quantity=1, price=0.05)).status_code == 403


@pytest.mark.parametrize("scope", SCOPES)
def test_a_daily_limit_holds_against_fifty_at_once(desk, scope):
    """The limit fits ten orders exactly. Fifty clients ask at the same moment: ten are accepted, no more and no fewer."""
    desk.set_limits(scope, daily_trading_limit=50000.00)
    answers = in_threads(50, lambda number: desk.trader.place(desk.order(client_order_id=f"rush-{number}")))
    assert sorted(answer.status_code for answer in answers) == [201] * 10 + [403] * 40
    assert {answer.json()["code"] for answer in answers if answer.status_code == 403} == {"LIMIT_DAILY_VALUE_EXCEEDED"}
    usage = desk.usage(scope)
    assert (usage["reserved_value"], usage["open_orders"]) == (50000.00, 10)
    assert len([answer for answer in answers if answer.json()["order_id"] in desk.node.paper_log().placed]) == 10


@pytest.mark.parametrize("limits, accepted", [({"open_orders": 7}, 7), ({"orders_per_day": 4}, 4),
                                              ({"open_orders": 9, "orders_per_day": 6, "daily_trading_limit": 40000.00}, 6)])
def test_counts_hold_against_thirty_at_once(desk, limits, accepted):
    desk.set_limits("user", **limits)
    answers = in_threads(30, lambda number: desk.trader.place(desk.order(client_order_id=f"rush-{number}")))
    assert sorted(answer.status_code for answer in answers) == [201] * accepted + [403] * (30 - accepted)


def test_capacity_comes_back(desk):
    """A cancel gives back all, a fill at a better price what was not needed; the day's value stays used."""
    desk.set_limits("account", daily_trading_limit=10000.00)
    first, second = (desk.trader.place(desk.order()).json()["order_id"] for _ in range(2))
    assert desk.trader.place(desk.order()).status_code == 403
    assert desk.trader.delete("/trades/" + first).status_code == 200
    eventually(lambda: desk.usage("account")["reserved_value"] == 5000.00, "the cancel is settled")
    assert desk.fill(second, 480.00, 10).status_code == 200
    eventually(lambda: (lambda usage: (usage["reserved_value"], usage["used_value"]))(desk.usage("account")) == (0, 4800.00),
               "the fill is settled")
    assert desk.trader.place(desk.order(quantity=1, price=5200.05)).status_code == 403
    assert desk.trader.place(desk.order(quantity=1, price=5200.00)).status_code == 201


def test_an_acknowledged_revocation_is_final(desk):
    """While clients place orders the permission is taken away: no order that is sent after the answer passes."""
    def work(number):
        if number == 0:
            desk.allow("trader", actions=("view",))
            return [desk.trader.place(desk.order(client_order_id=f"after-{count}")) for count in range(10)]
        return [desk.trader.place(desk.order(client_order_id=f"before-{number}-{count}")) for count in range(10)]

    results = in_threads(8, work)
    assert {answer.status_code for answer in results[0]} == {403}
    assert {answer.json()["code"] for answer in results[0]} == {"PERM_NOT_GRANTED"}
    assert {answer.status_code for told in results[1:] for answer in told} <= {201, 403}


def test_if_match(desk):
    """Two administrators: the second, who has not seen the first one's change, is told so."""
    path = f"/api/trading-limits?scope=account&scope_id={desk.account}"
    seen = desk.admin.get(path).headers["ETag"]
    body = {"scope": "account", "scope_id": desk.account, "limits": [{"limit_type": "open_orders", "limit_value": 5}]}
    first = desk.admin.put("/api/trading-limits", body, headers={"If-Match": seen})
    assert first.status_code == 200 and first.headers["ETag"] != seen
    second = desk.admin.put("/api/trading-limits", {**body, "limits": []}, headers={"If-Match": seen})
    assert (second.status_code, second.json()["code"]) == (412, "STATE_PRECONDITION_FAILED")
    assert desk.admin.get(path).json()["data"][0]["limits"] == [{"limit_type": "open_orders", "limit_value": 5}]


LIMIT_MISTAKES = [
    ({"limit_type": "open_orders", "limit_value": 1.5}, "/limits/0/limit_value"),
    ({"limit_type": "open_orders", "limit_value": -1}, "/limits/0/limit_value"),
    ({"limit_type": "open_orders", "allowed": ["x"]}, "/limits/0/allowed"),
    ({"limit_type": "open_orders"}, "/limits/0/limit_value"),
    ({"limit_type": "daily_trading_limit", "limit_value": 1.00001}, "/limits/0/limit_value"),
    ({"limit_type": "daily_trading_limit", "limit_value": "1e400"}, "/limits/0/limit_value"),
    ({"limit_type": "allowed_symbols", "limit_value": 1}, "/limits/0/limit_value"),
    ({"limit_type": "allowed_products", "allowed": ["CASH"]}, "/limits/0/allowed"),
    ({"limit_type": "secret_limit", "limit_value": 1}, "/limits/0/limit_type"),
    ({"limit_type": "open_orders", "limit_value": 1, "used": 0}, "/limits/0/used"),
]


@pytest.mark.parametrize("row, pointer", LIMIT_MISTAKES, ids=[row[1] + "-" + str(number) for number, row in enumerate(LIMIT_MISTAKES)])
def test_limits_that_are_refused(desk, row, pointer):
    answer = desk.admin.put("/api/trading-limits", {"scope": "account", "scope_id": desk.account, "limits": [row]})
    assert answer.status_code == 400, answer.text
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
