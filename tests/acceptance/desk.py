"""An organization with its people and accounts, made through REST, and the words of an order."""
import itertools
import threading

PASSWORD = "correct horse battery 1"
counter = itertools.count(1)
MILLIARD = 1_000_000_000


class Desk:
    """A new organization: `admin`, `trader` and `viewer` are clients, `accounts` are numbers."""

    def __init__(self, node, platform, accounts=1):
        self.node = node
        self.platform = platform
        self.number = next(counter)
        self.canary = f"canary{self.number:05d}x"
        made = platform.post("/api/organizations", {"name": f"{self.canary} Capital"})
        assert made.status_code == 201, made.text
        self.id = made.json()["organization_id"]
        self.users = {}
        self.emails = {}
        self.accounts = [self.new_account(f"{self.canary} {number}") for number in range(1, accounts + 1)]
        self.admin = self.new_user("admin")
        self.trader = self.new_user("trader")
        self.allow("trader")

    @property
    def account(self):
        return self.accounts[0]

    def new_account(self, name):
        made = self.platform.post("/api/trading-accounts", {"name": name, "broker": "paper", "organization_id": self.id})
        assert made.status_code == 201, made.text
        return made.json()["trading_account_id"]

    def new_user(self, role, name=None):
        name = name or role
        self.emails[name] = f"{name}@{self.canary}.example.com"
        made = self.platform.post("/users", {"email": self.emails[name], "password": PASSWORD, "role": role,
                                             "display_name": f"{self.canary} {name}", "organization_id": self.id})
        assert made.status_code == 201, made.text
        self.users[name] = made.json()["user_id"]
        return self.node.log_in(self.emails[name], PASSWORD)

    def log_in(self, name):
        """A new token, for instance after a restart."""
        return self.node.log_in(self.emails[name], PASSWORD)

    def allow(self, name, actions=("place_order", "cancel_order", "view"), accounts=()):
        granted = self.platform.put(f"/api/users/{self.users[name]}/permissions?organization_id={self.id}",
                                    {"actions": list(actions), "trading_account_ids": list(accounts)})
        assert granted.status_code == 200, granted.text

    def scope_id(self, scope):
        return {"organization": self.id, "user": self.users["trader"], "account": self.account}[scope]

    def set_limits(self, scope, **limits):
        """set_limits("account", open_orders=3, allowed_symbols=["SBIN"]); none removes all."""
        rows = [{"limit_type": name, "allowed" if isinstance(value, list) else "limit_value": value} for name, value in limits.items()]
        return self.admin.put("/api/trading-limits", {"scope": scope, "scope_id": self.scope_id(scope), "limits": rows})

    def usage(self, scope, scope_id=None):
        scope_id = self.scope_id(scope) if scope_id is None else scope_id
        answer = self.platform.get(f"/api/trading-limits?scope={scope}&scope_id={scope_id}&organization_id={self.id}")
        assert answer.status_code == 200, answer.text
        return answer.json()["data"][0]["usage"]

    def order(self, **changes):
        """A LIMIT order worth 5,000.00 that rests at the broker; None takes a member out."""
        body = {"trading_account_id": self.account, "exchange": "NSE", "symbol": "SBIN", "trade_type": "BUY", "order_type": "LIMIT",
                "product_type": "INTRADAY", "quantity": 10, "price": 500.00, **changes}
        return {name: value for name, value in body.items() if value is not None}

    def fill(self, order_id, price, quantity):
        return self.platform.post("/ops/paper/fills", {"order": order_id, "price": price, "quantity": quantity})


def in_threads(count, work, within=180):
    """work(0) … work(count - 1) at once; their results in that order. Any failure is raised here."""
    results = [None] * count
    failures = []
    begin = threading.Barrier(count)

    def run(number):
        try:
            begin.wait(timeout=60)
            results[number] = work(number)
        except BaseException as failure:  # noqa: B902 - handed to the caller's thread
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=within)
        assert not thread.is_alive(), "a client thread hangs"
    if failures:
        raise failures[0]
    return results
