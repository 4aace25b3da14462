"""Tenants do not know of each other, and a role opens only its own doors."""
import pytest

from desk import Desk
from waiting import eventually


@pytest.fixture
def neighbours(desk, other_desk):
    """Ours, and another organization with an order, limits and a position of its own."""
    order = other_desk.trader.place(other_desk.order(client_order_id=f"{other_desk.canary}-1", comments=other_desk.canary)).json()
    assert other_desk.fill(order["order_id"], 499.00, 3).status_code == 200
    other_desk.set_limits("account", allowed_symbols=["SBIN", "INFY"])
    # While its own lists are empty, ours would be too.
    positions = f"/api/positions?trading_account_id={other_desk.account}"
    eventually(lambda: [row["net_quantity"] for row in other_desk.admin.get(positions).json()["data"]] == [3], "the fill is folded")
    eventually(lambda: other_desk.usage("account")["used_value"] > 0, "the fill is settled")
    return desk, other_desk, order


def requests_about(other, order, ours):
    """Everything that names the other organization in a path, a query or a body."""
    theirs_order, account, user = order["order_id"], other.account, other.users["trader"]
    body = ours.order(trading_account_id=account)
    limits = {"scope": "account", "scope_id": account, "limits": []}
    return [
        ("GET", f"/trades/{theirs_order}", None), ("GET", f"/status/{theirs_order}", None),
        ("GET", f"/status/{theirs_order}/timeline", None), ("DELETE", f"/trades/{theirs_order}", None),
        ("POST", f"/execute/cancel_order/{theirs_order}", None), ("GET", f"/trades/{theirs_order}?organization_id={other.id}", None),
        ("GET", f"/trades?organization_id={other.id}", None), ("GET", f"/trades?trading_account_id={account}", None),
        ("GET", f"/trades?user_id={user}", None), ("GET", f"/api/positions?trading_account_id={account}", None),
        ("GET", f"/api/positions?trading_account_id={account}&organization_id={other.id}", None),
        ("GET", f"/api/orders/count?user_id={user}", None), ("GET", f"/api/orders/count?organization_id={other.id}", None),
        ("GET", f"/users/{user}", None), ("GET", f"/users?organization_id={other.id}", None),
        ("GET", f"/api/users/{user}/permissions", None), ("PUT", f"/api/users/{user}/permissions",
                                                          {"actions": ["view"], "trading_account_ids": []}),
        ("PUT", f"/api/users/{ours.users['trader']}/permissions", {"actions": ["view"], "trading_account_ids": [account]}),
        ("GET", f"/api/permissions/validate?user_id={user}&action=view", None),
        ("GET", f"/api/permissions/validate?user_id={ours.users['trader']}&action=view&trading_account_id={account}", None),
        ("GET", f"/api/organizations/{other.id}", None), ("GET", f"/groups/{other.id}", None),
        ("GET", f"/api/trading-accounts/{account}", None),
        ("POST", f"/api/trading-accounts?organization_id={other.id}", {"name": "mine", "broker": "paper"}),
        ("POST", "/api/trading-accounts", {"name": "mine", "broker": "paper", "organization_id": other.id}),
        ("POST", "/users", {"email": f"spy@{ours.canary}.example.com", "password": "long enough 123", "role": "admin",
                            "organization_id": other.id}),
        ("GET", f"/api/trading-limits?scope=account&scope_id={account}", None),
        ("GET", f"/api/trading-limits?scope=organization&scope_id={other.id}", None),
        ("GET", f"/api/trading-limits?organization_id={other.id}", None), ("PUT", "/api/trading-limits", limits),
        ("PUT", f"/api/trading-limits?organization_id={other.id}", limits), ("POST", "/api/trading-limits/validate", body),
        ("POST", "/trades/place-order", body), ("POST", f"/trades/place-order?organization_id={other.id}", body),
        ("POST", "/execute/regular_order", body),
        ("POST", "/user-service/api/trading-limits/validate", body), ("POST", "/trade-service/trades/place-order", body),
    ]


def without_names(problem):
    return {name: value for name, value in problem.items() if name != "correlation_id"}


@pytest.mark.parametrize("role", ["admin", "trader", "viewer"])
def test_another_organization_is_not_there(neighbours, role):
    """Whatever names the other organization is 404, or a list without its rows, or a role refused; no answer has its canary, and
    nothing of it has changed afterwards."""
    desk, other, order = neighbours
    if role == "viewer":
        viewer = desk.new_user("viewer")
        desk.allow("viewer", actions=("view",))
    client = {"admin": desk.admin, "trader": desk.trader}.get(role) or viewer
    before = (other.trader.order(order["order_id"]), other.usage("account"))
    for method, path, body in requests_about(other, order, desk):
        answer = client.request(method, path, json=body)
        what = f"{role} {method} {path}: {answer.status_code} {answer.text}"
        assert answer.status_code in (404, 403, 200), what
        assert other.canary not in answer.text + str(answer.headers), what
        if answer.status_code == 403:
            assert answer.json()["code"] == "PERM_ROLE_REQUIRED", what
        if path.startswith("/api/permissions/validate"):
            nobody = client.get(path.replace(f"user_id={other.users['trader']}", "user_id=999999999"))
            assert (answer.status_code, nobody.status_code) == (404, 404), what
            assert without_names(answer.json()) == without_names(nobody.json()), "as for a user that does not exist"
        if answer.status_code == 200:
            assert method == "GET" and (answer.json().get("data") == [] or answer.json().get("count") == 0), what
    assert (other.trader.order(order["order_id"]), other.usage("account")) == before
    assert len(other.admin.get("/trades").json()["data"]) == 1


def test_lists_hold_the_own_organization_only(neighbours):
    desk, other, _ = neighbours
    own = desk.trader.place(desk.order(client_order_id=f"{desk.canary}-1")).json()
    for path in ("/trades", "/users", "/api/trading-limits"):
        theirs = other.admin.get(path)
        assert theirs.status_code == 200 and desk.canary not in theirs.text and own["order_id"] not in theirs.text


def test_the_same_client_order_id_in_two_organizations(neighbours):
    """Keys of two tenants never meet."""
    desk, other, _ = neighbours
    ids = {each.trader.place(each.order(client_order_id="common")).json()["order_id"] for each in (desk, other)}
    assert len(ids) == 2


ALL = {"platform_admin", "admin", "trader", "viewer", "service"}
DOORS = [  # method, path, body, roles that may
    ("POST", "/api/organizations", {"name": "x"}, {"platform_admin"}),
    ("GET", "/ops/supervision?depth=1", None, {"platform_admin"}),
    ("GET", "/ops/actors?depth=1", None, {"platform_admin"}),
    ("POST", "/ops/actors/nobody/restart", None, {"platform_admin"}),
    ("POST", "/ops/paper/fills", {"order": "ORD" + "A" * 29, "price": 1.00, "quantity": 1}, {"platform_admin"}),
    ("GET", "/users", None, {"platform_admin", "admin"}),
    ("POST", "/api/trading-accounts", {"name": "door"}, {"platform_admin", "admin"}),
    ("PUT", "/api/trading-limits", {"scope": "organization", "scope_id": 1, "limits": []}, {"platform_admin", "admin"}),
    ("POST", "/trades/place-order", "order", {"admin", "trader", "service"}),
    ("DELETE", "/trades/ORD" + "A" * 29, None, {"admin", "trader", "service"}),
    ("GET", "/trades", None, ALL), ("GET", "/api/trading-limits", None, ALL), ("GET", "/auth/me", None, ALL),
]


def test_roles(node):
    """Each door against each role: who may not is refused with 403 PERM_ROLE_REQUIRED, without a token with 401."""
    desk = Desk(node, node.platform)
    clients = {"admin": desk.admin, "trader": desk.trader, "viewer": desk.new_user("viewer"), "service": desk.new_user("service"),
               "platform_admin": desk.new_user("platform_admin")}
    for method, path, body, may in DOORS:
        body = desk.order() if body == "order" else body
        for role, client in clients.items():
            answer = client.request(method, path, json=body)
            refused = answer.status_code == 403 and answer.json()["code"] == "PERM_ROLE_REQUIRED"
            assert refused == (role not in may), f"{role} {method} {path}: {answer.status_code} {answer.text}"
        nobody = node.client().request(method, path, json=body)
        assert (nobody.status_code, nobody.json()["code"]) == (401, "AUTH_TOKEN_MISSING"), nobody.text
        assert nobody.headers["WWW-Authenticate"].startswith("Bearer")


def test_only_a_platform_admin_makes_one(desk):
    refused = desk.admin.post("/users", {"email": f"up@{desk.canary}.example.com", "password": "long enough 123",
                                         "roles": ["admin", "platform_admin"]})
    assert refused.status_code == 403, refused.text


def test_permissions_decide_not_only_roles(desk):
    """Placing, canceling and viewing are granted one by one and for single accounts."""
    second = desk.new_account("second")
    desk.new_user("trader", "junior")
    junior = desk.log_in("junior")
    denied = junior.place(desk.order())
    assert (denied.status_code, denied.json()["code"]) == (403, "PERM_NOT_GRANTED"), "a new user may nothing"
    desk.allow("junior", actions=("place_order",), accounts=(second,))
    assert junior.place(desk.order()).status_code == 403
    placed = junior.place(desk.order(trading_account_id=second))
    assert placed.status_code == 201, placed.text
    theirs = desk.trader.place(desk.order(trading_account_id=second)).json()["order_id"]
    assert junior.get("/trades/" + theirs).status_code == 404, "not his order, and no view on the account"
    assert junior.delete("/trades/" + theirs).status_code == 404
    desk.allow("junior", actions=("view",), accounts=(second,))
    assert junior.get("/trades/" + theirs).status_code == 200
    refused = junior.delete("/trades/" + theirs)
    assert (refused.status_code, refused.json()["code"]) == (403, "PERM_NOT_GRANTED")
    desk.allow("junior", actions=("view", "cancel_order"), accounts=(second,))
    assert junior.delete("/trades/" + theirs).status_code == 200
