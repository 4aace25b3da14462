"""Every route against every role and every number that a caller can put into it: his own, another organization's, one that
nobody has, and none at all. The table is made from what the server serves, so a new route is in it by itself."""
import collections
import json

import pytest

from api_routes import Door, operations, problems
from desk import PASSWORD, Desk

ROLES = ("platform_admin", "admin", "trader", "viewer", "service")
MISSING = {"organization": 987654321, "user": 987654321, "account": 987654321, "order": "ORD" + "Z" * 29, "actor": "nowhere/at-all"}
MALFORMED = {
    "path": ["0", "-1", "x", "1x", "01", "99999999999999999999", "ORD", "%C3%A9", "1%20", "'", "%22%3E", "..%2f..", "%00", "1;--"],
    "query": ["0", "-1", "x", "1.5", "99999999999999999999", "", "1 or 1=1", "\u0661"],
    "body": [0, -1, 1.5, "1 or 1=1", 99999999999999999999, True, {}, "\u0000"],
}
MISTAKES = {400, 404, 422}
# Refusals that one's own things may get too: not granted, not the one who may see it, closed, the same once more.
OWN_REFUSALS = {403, 404, 409}


class Tenant(Desk):
    """An organization with a person of every role, an order, a fill and limits; every text of it has a canary of its own."""

    def __init__(self, node):
        super().__init__(node, node.platform)
        self.doors = {"none": Door(node.ports[0])}
        self.clients = {"admin": self.admin, "trader": self.trader}
        for role in ("viewer", "service", "platform_admin"):
            self.clients[role] = self.new_user(role)
        for role in ("viewer", "service"):
            self.allow(role)
        self.clients["revoked"] = self.new_user("trader", "revoked")
        self.allow("revoked")
        self.new_user("trader", "subject")  # whom requests are about
        for role, client in self.clients.items():
            self.doors[role] = Door(node.ports[0], client.token)
        self.order_canary = f"{self.canary}-order"
        self.known, self.spare = self.placed("trader"), self.placed("trader")
        assert self.clients["revoked"].get(f"/trades/{self.known}").status_code == 200, "before the grant is revoked"
        assert self.fill(self.known, 499.00, 3).status_code == 200
        assert self.set_limits("account", open_orders=100000).status_code == 200
        self.allow("revoked", actions=())

    def placed(self, who):
        key = f"{self.order_canary}-{who}-{next(numbers)}"
        made = self.clients[who].place(self.order(client_order_id=key, comments=self.order_canary))
        assert made.status_code == 201, made.text
        return made.json()["order_id"]

    def ids(self):
        return {"organization": self.id, "user": self.users["subject"], "account": self.account, "order": self.known,
                "actor": self.node.name + "/trade/shard-64", "email": f"made{next(numbers)}@{self.canary}.example.com",
                "client_order_id": f"{self.order_canary}-{next(numbers)}"}

    def canaries(self):
        return [self.canary, self.order_canary]


numbers = iter(range(1, 1_000_000))


class Matrix:
    def __init__(self, node):
        self.node = node
        self.home, self.away = Tenant(node), Tenant(node)
        described = self.home.doors["none"]("GET", "/openapi.json")
        assert described.status == 200
        self.document = described.json()
        self.known_problems = problems(self.document)
        # Restarting a shard comes last: what it does to the other rows is another test's.
        self.routes = sorted(operations(self.document), key=lambda each: each.path.startswith("/ops/actors/"))
        self.cells = collections.Counter()
        self.good = collections.Counter()
        self.wrong = []

    def ask(self, case, operation, role, place=None, value=None):
        """One cell: what must hold for each, whatever its case. The answer, or None with the breach noted."""
        ids = self.home.ids()
        if case == "own" and operation.method != "GET" and (operation.parameter == "order" or operation.schema_name() == "PaperFill"):
            ids["order"] = self.home.placed("trader")  # one that is still open
        method, target, body = operation.request(ids, place, value)
        answer = self.home.doors[role](method, target, body)
        self.cells[case] += 1
        what = f"{case}: {role} {method} {target} {json.dumps(body)}: {answer.status} {answer.text[:300]}"
        if answer.status >= 500:
            self.wrong.append("a fault of ours; " + what)
        seen = answer.text + json.dumps(answer.headers)
        if role != "platform_admin" and any(canary in seen for canary in self.away.canaries()):
            self.wrong.append("another organization's words; " + what)
        if answer.status >= 400 and (answer.code, answer.status) not in self.known_problems:
            # An order that is stored as denied is 403 with the code of its reason.
            if not (answer.status == 403 and answer.code and "order_id" in answer.json()):
                self.wrong.append("a problem that is not in the description; " + what)
        described = operation.answers.get(str(answer.status) if answer.status < 400 else "default", ())
        media_type = answer.headers.get("content-type", "").partition(";")[0]
        if media_type not in described:
            self.wrong.append(f"a status with {media_type} is not in the description; " + what)
        return answer, what

    def expect(self, good, why, what):
        if not good:
            self.wrong.append(f"{why}; {what}")

    def own(self, operation, role):
        answer, what = self.ask("own", operation, role)
        if not operation.open_to_all and role == "none":
            self.expect((answer.status, answer.code) == (401, "AUTH_TOKEN_MISSING"), "must be 401", what)
        elif not operation.open_to_all and self.role_of(role) not in operation.roles:
            self.expect((answer.status, answer.code) == (403, "PERM_ROLE_REQUIRED"), "must be 403", what)
        elif operation.path == "/auth/login":
            self.expect(answer.status == 401, "must be 401", what)
        else:
            self.expect(answer.status < 300 or answer.status in OWN_REFUSALS, "must be answered", what)
            self.expect(answer.code != "PERM_ROLE_REQUIRED", "the role is one of the route's", what)
            self.good[repr(operation)] += answer.status < 300
        if role == "revoked":
            self.without_grant(operation, answer, what)

    def without_grant(self, operation, answer, what):
        """Once the grant is revoked nobody else's order is to be seen, and none to be placed, checked or canceled."""
        self.expect(f"{self.home.order_canary}-trader" not in answer.text, "must not see another's order", what)
        if operation.parameter == "order":
            self.expect(answer.status == 404, "must be 404", what)
        elif operation.schema_name() == "PlaceOrder" or operation.path == "/api/positions":
            self.expect((answer.status, answer.code) == (403, "PERM_NOT_GRANTED"), "must be 403", what)
        elif operation.schema_name() == "CheckOrder":
            self.expect(answer.json().get("allowed") is False, "must not be allowed", what)

    @staticmethod
    def role_of(role):
        return "trader" if role == "revoked" else role

    def at_place(self, operation, role, place):
        """Other, missing and malformed at one place of a route that the role may use."""
        where, _, whose = place
        may_act_anywhere = role == "platform_admin"
        if whose != "actor":
            missing, _ = self.ask("missing", operation, role, place, MISSING[whose])
            # A platform_admin may act for every organization, and does: on an order that nobody looks at afterwards.
            theirs = {**self.away.ids(), **({"order": self.away.spare} if may_act_anywhere else {})}
            other, what = self.ask("other", operation, role, place, theirs[whose])
            if not may_act_anywhere:
                self.expect(self.is_nothing(other), "must be 404, or a list without a row", what)
                self.expect(self.plain(other) == self.plain(missing), f"must be as if nobody had it ({self.plain(missing)})", what)
        for value in MALFORMED[where]:
            answer, what = self.ask("malformed", operation, role, place, value)
            self.expect(answer.status in MISTAKES, "must be refused", what)

    @staticmethod
    def is_nothing(answer):
        if answer.status == 404:
            return True
        return answer.status == 200 and (answer.json().get("data") == [] or answer.json().get("count") == 0)

    @staticmethod
    def plain(answer):
        """What a caller learns of an answer beside the names that he sent himself."""
        if answer.status != 200:
            told = answer.json()
            return answer.status, {name: told.get(name) for name in ("code", "title", "detail", "action")}
        return answer.status, [name for name in sorted(answer.json())]

    def refused(self, operation, role, place):
        """Who may not use the route is refused the same way whatever he names."""
        where, _, whose = place
        expected = (401, "AUTH_TOKEN_MISSING") if role == "none" else (403, "PERM_ROLE_REQUIRED")
        values = [(case, ids[whose]) for case, ids in (("other", self.away.ids()), ("missing", MISSING))]
        for case, value in values + [("malformed", each) for each in MALFORMED[where]]:
            answer, what = self.ask(case, operation, role, place, value)
            # A target that is none is refused before anybody looks for its route.
            no_route = where == "path" and answer.status in (400, 404)
            self.expect((answer.status, answer.code) == expected or (case == "malformed" and no_route), f"must be {expected}", what)

    def run(self):
        for operation in self.routes:
            for role in (*ROLES, "revoked", "none"):
                self.own(operation, role)
                for place in operation.places():
                    if operation.open_to_all or self.role_of(role) in operation.roles:
                        self.at_place(operation, role, place)
                    else:
                        self.refused(operation, role, place)


@pytest.fixture(scope="module")
def matrix(shared_plant):
    node = shared_plant.new_node({"log.level": "trace"})
    node.name = node.platform.get("/ops/supervision?depth=0").json()["id"]
    made = Matrix(node)
    made.run()
    yield made
    assert node.is_running() and node.is_ready(), node.log_text()[-3000:]
    node.check_books()


def test_every_cell(matrix):
    assert not matrix.wrong, f"{len(matrix.wrong)} of {sum(matrix.cells.values())} cells:\n" + "\n".join(matrix.wrong[:40])


def test_the_matrix_is_not_empty(matrix):
    """As many cells as there must be, and each route answered somebody with a 2xx: refusing everything is no proof."""
    print(f"cells: {sum(matrix.cells.values())} {dict(matrix.cells)}")
    assert sum(matrix.cells.values()) >= 2000 and min(matrix.cells[case] for case in ("own", "other", "missing", "malformed")) >= 100
    silent = [repr(each) for each in matrix.routes if not matrix.good[repr(each)] and each.path != "/auth/login"]
    assert not silent, f"nobody got a 2xx from {silent}"


def test_the_other_organization_is_as_it_was(matrix):
    away = matrix.away
    assert away.usage("organization")["orders_today"] == 2
    order = away.trader.order(away.known)
    assert (order["state"], order["filled_quantity"]) == ("partially_filled", 3)
    granted = away.admin.get(f"/api/users/{away.users['trader']}/permissions").json()
    assert sorted(granted["actions"]) == ["cancel_order", "place_order", "view"]
    assert len(away.admin.get("/trades").json()["data"]) == 2


def test_the_log_has_no_word_of_a_tenant(matrix):
    """At its most talkative level: no name, address, key, password or token of anybody."""
    log = matrix.node.log_text()
    assert "listening on" in log
    secrets = [PASSWORD, *(client.token.rsplit(".", 1)[1] for tenant in (matrix.home, matrix.away) for client in tenant.clients.values())]
    for word in [*matrix.home.canaries(), *matrix.away.canaries(), *secrets]:
        assert word not in log, next(line for line in log.splitlines() if word in line)[:500]
