"""Makes tenants for a load through REST: organizations, users with permissions and limits, one account a user. Writes a line
"token account" for each user."""
import concurrent.futures
import http.client
import json
import secrets
import sys
import threading

_local = threading.local()


class Api:
    """Keeps one connection a thread."""

    def __init__(self, port):
        self.port = port

    def call(self, method, path, body=None, token=None, expect=(200, 201)):
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if token:
            headers["Authorization"] = "Bearer " + token
        data = None if body is None else json.dumps(body)
        for attempt in range(50):
            connection = getattr(_local, "connection", None)
            if connection is None:
                connection = _local.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                connection.request(method, path, data, headers)
                answer = connection.getresponse()
                text = answer.read()
            except (http.client.HTTPException, OSError):
                _local.connection = None
                continue
            if answer.status in (429, 503):
                threading.Event().wait(0.1)
                continue
            if answer.status not in expect:
                raise SystemExit(f"{method} {path}: {answer.status} {text[:500]!r}")
            return json.loads(text) if text else None
        raise SystemExit(f"{method} {path}: no answer")


def platform_token(port, demo_file):
    demo = json.load(open(demo_file, encoding="utf-8"))
    admin = next(u for u in demo["users"] if u["role"] in ("platform_admin", "admin"))
    return Api(port).call("POST", "/auth/login", {"email": admin["email"], "password": admin["password"]})["access_token"]


def make(port, demo_file, organizations, users, out):
    api, token = Api(port), platform_token(port, demo_file)
    mark = secrets.token_hex(4)
    generous = [
        {"limit_type": "single_order_value", "limit_value": 10_000_000},
        {"limit_type": "daily_trading_limit", "limit_value": 50_000_000_000},
        {"limit_type": "orders_per_day", "limit_value": 10_000_000},
        {"limit_type": "open_orders", "limit_value": 5_000_000},
        {"limit_type": "order_quantity", "limit_value": 100_000},
    ]

    def organization(n):
        made = api.call("POST", "/api/organizations", {"name": f"Load {mark} {n}"}, token)["organization_id"]
        api.call("PUT", f"/api/trading-limits?organization_id={made}", {"scope": "organization", "scope_id": made, "limits": generous}, token)
        return made

    def user(n):
        where = ids[n % len(ids)]
        email, password = f"load-{mark}-{n}@example.com", secrets.token_urlsafe(15)
        made = api.call("POST", "/users", {"email": email, "password": password, "role": "trader", "organization_id": where}, token)
        account = api.call("POST", "/api/trading-accounts", {"name": f"LOAD{mark}{n}", "organization_id": where}, token)["trading_account_id"]
        api.call("PUT", f"/api/users/{made['user_id']}/permissions?organization_id={where}",
                 {"actions": ["place_order", "cancel_order", "view"], "trading_account_ids": [account]}, token)
        for scope, number in (("user", made["user_id"]), ("account", account)):
            api.call("PUT", f"/api/trading-limits?organization_id={where}", {"scope": scope, "scope_id": number, "limits": generous}, token)
        own = api.call("POST", "/auth/login", {"email": email, "password": password})["access_token"]
        return f"{own} {account}\n"

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(organization, range(organizations)))
        lines = list(pool.map(user, range(users)))
    with open(out, "w", encoding="utf-8") as file:
        file.writelines(lines)


if __name__ == "__main__":
    make(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
