"""Every route of a node against every role, every number that a caller can put into it and every token that is none, at every
port. What each cell must be stands here; what they all said is in `wrong`."""
import collections
import json

from api_routes import Door, operations, problems
from desk import PASSWORD, Desk
from forged_tokens import refused_authorizations

ROLES = ("platform_admin", "admin", "trader", "viewer", "service")
# With the trader whose grant was revoked and him who has no token.
EVERYBODY = (*ROLES, "revoked", "none")
MISSING = {"organization": 987654321, "user": 987654321, "account": 987654321, "order": "ORD" + "Z" * 29, "actor": "nowhere/at-all",
           "email": "nobody@nowhere.example.com", "client_order_id": "nobody"}
MALFORMED = {
    "path": ["0", "-1", "x", "1x", "01", "99999999999999999999", "ORD", "%C3%A9", "1%20", "'", "%22%3E", "..%2f..", "%00", "1;--"],
    "query": ["0", "-1", "x", "1.5", "99999999999999999999", "", "1 or 1=1", "\u0661"],
    "body": [0, -1, 1.5, "1 or 1=1", 99999999999999999999, True, {}, "\u0000"],
}
MISTAKES = {400, 404, 422}
# Refusals that one's own things may get too: not granted, not the one who may see it, closed, the same once more.
OWN_REFUSALS = {403, 404, 409}
# Paths that no port serves, whoever asks: beside, below and before those that are served, and spelled in another way.
NOWHERE = ("/nothing", "/trades/x/y", "/users/1/permissions/2", "/auth", "/auth/login/", "/AUTH/ME", "/openapi.jsonx", "/ops", "/health",
           "/health/live/", "/debug/pprof", "/.env", "/.git/config", "/admin", "/metrics/x", "//metrics", "/user-service", "/trade-service/",
           "/user-service/trade-service/trades", "/user-service/user-service/users", "/trade-service/users", "/user-service/trades")

# A port, or the gateway with the prefix that stands for another one.
Entrance = collections.namedtuple("Entrance", "name listener port prefix")
numbers = iter(range(1, 1_000_000))


def entrances(node):
    gateway, user, trade, operations_port = node.ports
    return [Entrance("gateway", "gateway", gateway, ""), Entrance("user", "user", user, ""), Entrance("trade", "trade", trade, ""),
            Entrance("operations", "operations", operations_port, ""), Entrance("gateway's /user-service", "user", gateway, "/user-service"),
            Entrance("gateway's /trade-service", "trade", gateway, "/trade-service")]


class Tenant(Desk):
    """An organization with a person of every role, an order, a fill and limits; every text of it has a canary of its own."""

    def __init__(self, node):
        super().__init__(node, node.platform)
        self.clients = {"admin": self.admin, "trader": self.trader}
        for role in ("viewer", "service", "platform_admin"):
            self.clients[role] = self.new_user(role)
        for role in ("viewer", "service"):
            self.allow(role)
        self.clients["revoked"] = self.new_user("trader", "revoked")
        self.allow("revoked")
        self.new_user("trader", "subject")  # whom requests are about
        self.doors = {}
        self.order_canary = f"{self.canary}-order"
        self.known, self.spare = self.placed("trader"), self.placed("trader")
        assert self.clients["revoked"].get(f"/trades/{self.known}").status_code == 200, "before the grant is revoked"
        assert self.fill(self.known, 499.00, 3).status_code == 200
        assert self.set_limits("account", open_orders=100000).status_code == 200
        self.allow("revoked", actions=())

    def ended_token(self, role):
        client = self.log_in(role)
        ended = client.post("/auth/logout")
        assert ended.status_code == 200, ended.text
        return client.token

    def door(self, role, port):
        if (role, port) not in self.doors:
            self.doors[role, port] = Door(port, None if role == "none" else self.clients[role].token)
        return self.doors[role, port]

    def placed(self, who):
        key = f"{self.order_canary}-{who}-{next(numbers)}"
        made = self.clients[who].place(self.order(client_order_id=key, comments=self.order_canary))
        assert made.status_code == 201, made.text
        return made.json()["order_id"]

    def ids(self):
        return {"organization": self.id, "user": self.users["subject"], "account": self.account, "order": self.known,
                "actor": self.node.name + "/trade/shard-64", "email": f"made{next(numbers)}@{self.canary}.example.com",
                "client_order_id": f"{self.order_canary}-{next(numbers)}"}

    def words(self):
        """What nobody else may be told."""
        return [self.canary, self.order_canary]

    def secrets(self):
        return [PASSWORD, *(client.token.rsplit(".", 1)[1] for client in self.clients.values())]

    def as_it_is(self):
        """All that another organization might have changed of it."""
        return {"order": self.trader.order(self.known), "usage": self.usage("organization"), "orders": self.admin.get("/trades").json()["data"],
                "limits": self.admin.get("/api/trading-limits").json()["data"], "users": self.admin.get("/users").json()["data"],
                "granted": [self.admin.get(f"/api/users/{self.users[name]}/permissions").json() for name in ("trader", "subject")]}


class DemoTenants:
    """Those that every node of these tests has from its beginning, and that nobody here asks for."""

    def __init__(self, node):
        self.users = node.demo()["users"]

    def words(self):
        return [user["email"] for user in self.users]

    def secrets(self):
        return [user["password"] for user in self.users]


class Matrix:
    """`home` asks, for its own and for what is `away`'s; `third` is where platform_admins of home may act, and asks for its own too."""

    def __init__(self, node, withdrawn):
        self.node = node
        self.home, self.away, self.third = Tenant(node), Tenant(node), Tenant(node)
        self.tenants = [self.home, self.away, self.third, DemoTenants(node)]
        self.entrances = entrances(node)
        self.gateway = self.entrances[0]
        described = self.home.door("none", self.gateway.port)("GET", "/openapi.json")
        assert described.status == 200
        self.document = described.json()
        self.known_problems = problems(self.document)
        # Restarting a shard comes last: what it does to the other rows is another test's.
        self.routes = sorted(operations(self.document), key=lambda each: each.path.startswith("/ops/actors/"))
        self.bad_tokens = {role: list(refused_authorizations(node, self.home.clients[role].token, withdrawn, self.home.ended_token(role)))
                           for role in ("platform_admin", "admin", "trader")}
        self.cells, self.good, self.by_entrance = collections.Counter(), collections.Counter(), collections.Counter()
        self.wrong = []

    # ---- one cell

    def send(self, case, tenant, role, request, entrance=None, authorization=None, may_be_told=()):
        """What must hold for each answer, whatever its case."""
        entrance = entrance or self.gateway
        method, target, body = request
        headers = None if authorization is None else {"Authorization": authorization}
        answer = tenant.door(role, entrance.port)(method, entrance.prefix + target, body, headers)
        self.cells[case] += 1
        self.by_entrance[entrance.name] += 1
        what = f"{case}: {role} at {entrance.name} {method} {target} {json.dumps(body)}: {answer.status} {answer.text[:300]}"
        if answer.status >= 500:
            self.wrong.append("a fault of ours; " + what)
        seen = answer.text + json.dumps(answer.headers)
        for other in self.tenants:
            if other is not tenant and other not in may_be_told and any(word in seen for word in other.words()):
                self.wrong.append("another organization's words; " + what)
        if answer.status >= 400 and (answer.code, answer.status) not in self.known_problems:
            # An order that is stored as denied is 403 with the code of its reason.
            if not (answer.status == 403 and answer.code and "order_id" in answer.json()):
                self.wrong.append("a problem that is not in the description; " + what)
        return answer, what

    def ask(self, case, operation, role, request=None, tenant=None, **more):
        """A cell of a route: its answer has a type that the description names. By default of the tenant's own things."""
        tenant = tenant or self.home
        answer, what = self.send(case, tenant, role, request or self.own_request(operation, tenant), **more)
        described = operation.answers.get(str(answer.status) if answer.status < 400 else "default", ())
        media_type = answer.headers.get("content-type", "").partition(";")[0]
        self.expect(media_type in described, f"a status with {media_type} is not in the description", what)
        return answer, what

    @staticmethod
    def own_request(operation, tenant):
        ids = tenant.ids()
        if operation.method != "GET" and (operation.parameter == "order" or operation.schema_name() == "PaperFill"):
            ids["order"] = tenant.placed("trader")  # one that is still open
        return operation.request(ids)

    def expect(self, good, why, what):
        if not good:
            self.wrong.append(f"{why}; {what}")

    def expect_refusal(self, answer, expected, what):
        self.expect((answer.status, answer.code) == expected, f"must be {expected}", what)

    # ---- roles

    @staticmethod
    def may(operation, role):
        return operation.open_to_all or ("trader" if role == "revoked" else role) in operation.roles

    @staticmethod
    def refusal_of(role):
        return (401, "AUTH_TOKEN_MISSING") if role == "none" else (403, "PERM_ROLE_REQUIRED")

    @staticmethod
    def acts_anywhere(operation, role, whose):
        """The route table is what lets a platform_admin act for another organization: where the route is his and the request names
        the organization, or the route is for nobody else. All his other requests are those of his own organization."""
        mine = role == "platform_admin" and role in operation.roles
        return mine and (whose == "organization" or operation.roles == {role})

    def own(self, operation, role, tenant=None, entrance=None):
        authorization = None
        if operation.path == "/auth/logout" and role != "none":  # the others of this table need theirs
            authorization = f"Bearer {(tenant or self.home).log_in(role).token}"
        answer, what = self.ask("own", operation, role, tenant=tenant, entrance=entrance, authorization=authorization)
        if not self.may(operation, role):
            self.expect_refusal(answer, self.refusal_of(role), what)
        elif operation.path == "/auth/login":
            self.expect(answer.status == 401, "must be 401", what)
        else:
            self.expect(answer.status < 300 or answer.status in OWN_REFUSALS, "must be answered", what)
            self.expect(answer.code not in ("PERM_ROLE_REQUIRED", "NOT_FOUND"), "the role is one of the route's", what)
            self.good[repr(operation), (entrance or self.gateway).name] += answer.status < 300
        if role == "revoked":
            self.without_grant(operation, tenant or self.home, answer, what)

    def without_grant(self, operation, tenant, answer, what):
        """Once the grant is revoked nobody else's order is to be seen, and none to be placed, checked or canceled."""
        self.expect(f"{tenant.order_canary}-trader" not in answer.text, "must not see another's order", what)
        if operation.parameter == "order":
            self.expect(answer.status == 404, "must be 404", what)
        elif operation.schema_name() == "PlaceOrder" or operation.path == "/api/positions":
            self.expect_refusal(answer, (403, "PERM_NOT_GRANTED"), what)
        elif operation.schema_name() == "CheckOrder":
            self.expect(answer.json().get("allowed") is False, "must not be allowed", what)

    # ---- numbers

    def at_place(self, operation, role, place):
        """Other, missing and malformed at one place of a route that the role may use."""
        where, _, whose = place
        if whose != "actor":
            # The address of a new user is where the user is: a platform_admin of home may make one in `third`.
            self.others_and_missing(operation, role, whose, lambda ids: operation.request(
                {**self.home.ids(), "email": ids["email"]}, place, ids[whose]))
        for value in MALFORMED[where]:
            answer, what = self.ask("malformed", operation, role, operation.request(self.home.ids(), place, value))
            self.expect(answer.status in MISTAKES, "must be refused", what)

    def at_all_places(self, operation, role):
        """Every number in the request is another's, and the organization is named wherever it can be: nothing contradicts."""
        places = operation.places()
        organization = next((each for each in places if each[2] == "organization" and each[0] != "path"), None)
        if places and operation.parameter != "actor":
            whose = "organization" if organization or operation.parameter == "organization" else None
            self.others_and_missing(operation, role, whose, lambda ids: operation.request(ids, organization, ids["organization"]))

    def others_and_missing(self, operation, role, whose, request_about):
        """Another organization's things are there for nobody, exactly as if they did not exist."""
        missing, _ = self.ask("missing", operation, role, request_about(MISSING))
        if self.acts_anywhere(operation, role, whose):
            # On an order that nobody looks at afterwards.
            self.ask("other", operation, role, request_about({**self.third.ids(), "order": self.third.spare}), may_be_told=[self.third])
            return
        other, what = self.ask("other", operation, role, request_about(self.away.ids()))
        self.expect(self.is_nothing(other), "must be 404, or a list without a row", what)
        self.expect(self.plain(other) == self.plain(missing), f"must be as if nobody had it ({self.plain(missing)})", what)

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
        expected = self.refusal_of(role)
        values = [(case, ids[whose]) for case, ids in (("other", self.away.ids()), ("missing", MISSING))]
        for case, value in values + [("malformed", each) for each in MALFORMED[where]]:
            answer, what = self.ask(case, operation, role, operation.request(self.home.ids(), place, value))
            # A target that is none is refused before anybody looks for its route.
            no_route = case == "malformed" and where == "path" and answer.status in (400, 404)
            self.expect((answer.status, answer.code) == expected or no_route, f"must be {expected}", what)

    # ---- tokens and ports

    def somebody(self, operation):
        """A role that the route is for, and one that it is not for; None: there is none."""
        wanted = next((role for role in ("trader", "admin", "platform_admin") if self.may(operation, role)), None)
        return wanted, next((role for role in ROLES if not self.may(operation, role)), None)

    def tokens_refused(self, operation, entrance):
        """With a token that is not good the route is closed for those too whom it is for."""
        role, _ = self.somebody(operation)
        for what_token, authorization, code in self.bad_tokens[role]:
            answer, what = self.ask("bad token", operation, role, operation.request(self.home.ids()), entrance=entrance,
                                    authorization=authorization)
            self.expect_refusal(answer, (401, code), f"token {what_token}: {what}")
            self.expect(answer.headers.get("www-authenticate", "").startswith("Bearer"), "must say how", what)

    def other_methods(self, operation, entrance):
        """HEAD is closed where GET is, and what the path does not know is refused with those that it knows."""
        target = operation.request(self.home.ids())[1]
        _, unwanted = self.somebody(operation)
        if operation.method == "GET" and not operation.open_to_all:
            for role in filter(None, ("none", unwanted)):
                told = self.home.door(role, entrance.port)("HEAD", entrance.prefix + target)
                self.expect(told.status == self.refusal_of(role)[0], "must be as GET", f"{role} at {entrance.name} HEAD {target}: {told.status}")
        for method in ("PATCH", "OPTIONS"):
            answer, what = self.send("method", self.home, "none", (method, target, None), entrance=entrance)
            self.expect_refusal(answer, (405, "METHOD_NOT_ALLOWED"), what)
            self.expect(operation.method in answer.headers.get("allow", "").split(", "), "must name its methods", what)

    def at_entrance(self, operation, entrance):
        """A port that serves the route is as strict as the gateway; at the others the route does not exist."""
        if entrance.listener not in operation.listeners:
            wanted, unwanted = self.somebody(operation)
            for role in ("none", wanted, unwanted or "viewer"):
                answer, what = self.send("not here", self.home, role, operation.request(self.home.ids()), entrance=entrance)
                self.expect_refusal(answer, (404, "NOT_FOUND"), what)
            return
        self.other_methods(operation, entrance)
        if not operation.open_to_all:
            self.tokens_refused(operation, entrance)
        if entrance is not self.gateway:  # there run() has asked already
            for role in EVERYBODY:
                self.own(operation, role, entrance=entrance)

    def silent(self):
        """Routes that answered nobody with a 2xx at a port that serves them: refusing everything is no proof."""
        return [f"{operation} at {entrance.name}" for operation in self.routes for entrance in self.entrances
                if entrance.listener in operation.listeners and operation.path != "/auth/login"
                and not self.good[repr(operation), entrance.name]]

    def nowhere(self):
        """What no route names is 404 at every port, for those who may everything too."""
        for entrance in self.entrances:
            for path in NOWHERE:
                for role in ("none", "platform_admin"):
                    answer, what = self.send("nowhere", self.home, role, ("GET", path, None), entrance=entrance)
                    self.expect_refusal(answer, (404, "NOT_FOUND"), what)

    def run(self):
        self.nowhere()
        for operation in self.routes:
            for role in EVERYBODY:
                self.own(operation, role)
                self.own(operation, role, tenant=self.third)
                for place in operation.places():
                    if self.may(operation, role):
                        self.at_place(operation, role, place)
                    else:
                        self.refused(operation, role, place)
                if self.may(operation, role):
                    self.at_all_places(operation, role)
            for entrance in self.entrances:
                self.at_entrance(operation, entrance)
