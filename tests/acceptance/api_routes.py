"""The routes as the server itself describes them, and requests made from that description."""
import copy
import http.client
import json
import threading
import urllib.parse

METHODS = ("get", "post", "put", "patch", "delete")
# What {id} names, by the path up to it. A new route with a parameter has to be entered here: parameter_of() refuses to guess.
PARAMETERS = {"/api/organizations/": "organization", "/groups/": "organization", "/users/": "user", "/api/users/": "user",
              "/api/trading-accounts/": "account", "/trades/": "order", "/status/": "order", "/execute/cancel_order/": "order",
              "/ops/actors/": "actor"}
# Who serves what beside the gateway, by the beginning of the path; "/" itself is the gateway's alone. Written here a second time,
# and not taken from the server, so that a route which strays to another port is seen. A new one has to be entered.
EVERYWHERE = {"user", "trade", "operations"}
LISTENERS = {"/auth/": {"user"}, "/.well-known/": {"user"}, "/api/organizations": {"user"}, "/groups": {"user"}, "/users": {"user"},
             "/api/users/": {"user"}, "/api/permissions/": {"user"}, "/api/trading-limits": {"user"},
             "/api/trading-accounts": {"user", "trade"}, "/trades": {"trade"}, "/execute/": {"trade"}, "/status/": {"trade"},
             "/api/orders/": {"trade"}, "/api/positions": {"trade"}, "/ops/": {"operations"}, "/health/": EVERYWHERE,
             "/metrics": EVERYWHERE, "/openapi.json": EVERYWHERE}
# Which members and parameters hold somebody's number, and whose.
ID_NAMES = {"organization_id": "organization", "user_id": "user", "trading_account_id": "account", "trading_account_ids": "account",
            "scope_id": "account", "order": "order"}
# Values that a schema alone does not make sensible.
PLAIN = {"exchange": "NSE", "symbol": "SBIN", "trade_type": "BUY", "order_type": "LIMIT", "product_type": "INTRADAY", "quantity": 10,
         "price": 500.00, "scope": "account", "limits": [{"limit_type": "open_orders", "limit_value": 100000}], "actions": ["view"],
         "action": "view", "role": "viewer", "name": "made", "password": "correct horse battery 1"}
# Optional members and parameters that stay away unless a case is about them.
REPLACED = {"PlaceOrder": ("client_order_id",), "NewUser": ("role",)}


class Operation:
    def __init__(self, method, path, described, document):
        self.method = method.upper()
        self.path = path
        self.document = document
        self.answers = {status: set(answer.get("content", ())) for status, answer in described["responses"].items()}
        self.bodies = [media["schema"] for media in described.get("requestBody", {}).get("content", {}).values()]
        self.parameters = {each["name"]: each for each in described["parameters"] if each["in"] == "query"}
        # Each alternative of `security` names roles; none at all: open to everybody.
        self.roles = {role for each in described["security"] for role in each["bearer"]}

    def __repr__(self):
        return f"{self.method} {self.path}"

    @property
    def open_to_all(self):
        return not self.roles

    @property
    def parameter(self):
        """Whose number stands in the path; None without one."""
        before, brace, _ = self.path.partition("{")
        assert not brace or before in PARAMETERS, f"{self}: enter in PARAMETERS what its path names"
        return PARAMETERS[before] if brace else None

    @property
    def listeners(self):
        found = [served for beginning, served in LISTENERS.items() if self.path.startswith(beginning)]
        assert len(found) == 1 or self.path == "/", f"{self}: enter in LISTENERS which ports serve it"
        return {"gateway"}.union(*found)

    def resolved(self, schema):
        while "$ref" in schema:
            schema = self.document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        return schema

    def schema_name(self):
        return self.bodies[0]["$ref"].rsplit("/", 1)[1] if self.bodies else None

    def body_members(self):
        return self.resolved(self.bodies[0])["properties"] if self.bodies else {}

    def places(self):
        """Where a number of somebody's can stand: ("path" | "query" | "body", name, whose)."""
        found = [("path", None, self.parameter)] if self.parameter else []
        found += [("query", name, ID_NAMES[name]) for name in self.parameters if name in ID_NAMES]
        return found + [("body", name, ID_NAMES[name]) for name in self.body_members() if name in ID_NAMES]

    def value_of(self, name, schema, ids):
        """A value that the schema takes."""
        if name in ID_NAMES:
            number = ids[ID_NAMES[name]]
            return [number] if name.endswith("_ids") else number
        if name in PLAIN:
            return copy.deepcopy(PLAIN[name])
        schema = self.resolved(schema)
        if "anyOf" in schema:
            return self.value_of(name, schema["anyOf"][0], ids)
        if "enum" in schema:
            return schema["enum"][0]
        kind = schema["type"][0] if isinstance(schema["type"], list) else schema["type"]
        if kind == "object":
            return {each: self.value_of(each, schema["properties"][each], ids) for each in schema.get("required", ())}
        if kind == "array":
            return []
        if kind in ("integer", "number"):
            return max(schema.get("minimum", 1), 1)
        return {"boolean": True}.get(kind, ids.get(name, "text"))

    def body(self, ids):
        if not self.bodies:
            return None
        schema = self.resolved(self.bodies[0])
        wanted = [*schema.get("required", ()), *REPLACED.get(self.schema_name(), ())]
        if "price" in schema["properties"]:
            wanted.append("price")
        return {name: self.value_of(name, schema["properties"][name], ids) for name in wanted}

    def request(self, ids, place=None, value=None):
        """(method, target, body) in the name of `ids`; with `value` at one place instead of what stands there."""
        where, name, _ = place or (None, None, None)
        query = {each: self.value_of(each, parameter["schema"], ids) for each, parameter in self.parameters.items() if parameter["required"]}
        body = self.body(ids)
        named = ids.get(self.parameter)
        if where == "path":
            named = value
        elif where == "query":
            query[name] = value
            if name == "scope_id":
                query["scope"] = "account"
        elif where == "body":
            body[name] = [value] if name.endswith("_ids") else value
        path = self.path if named is None else self.path.partition("{")[0] + str(named) + self.path.partition("}")[2]
        return self.method, path + ("?" + urllib.parse.urlencode(query) if query else ""), body


def operations(document):
    found = [Operation(method, path, described, document) for path, methods in document["paths"].items()
             for method, described in methods.items() if method in METHODS]
    assert len(found) >= 40, "the description has lost its routes"
    return found


def problems(document):
    """Every (code, status) that the description knows."""
    return {(each["code"], each["status"]) for each in document["x-problems"]}


class Answer:
    def __init__(self, status, headers, text):
        self.status, self.headers, self.text = status, headers, text

    def json(self):
        return json.loads(self.text)

    @property
    def code(self):
        return self.json().get("code") if self.headers.get("content-type", "").startswith("application/problem+json") else None


class Door:
    """Requests in the name of one token with the target exactly as given; a connection for each thread."""

    def __init__(self, port, token=None):
        self.port, self.token = port, token
        self.local = threading.local()

    def __call__(self, method, target, body=None, headers=None):
        sent = dict(headers or {})
        data = body
        if body is not None and not isinstance(body, bytes):
            data = json.dumps(body).encode()
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        if self.token is not None:
            sent.setdefault("Authorization", "Bearer " + self.token)
        for attempt in (1, 2):  # the server may have closed a connection after a refusal
            connection = getattr(self.local, "connection", None)
            fresh = connection is None
            if fresh:
                connection = self.local.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                connection.request(method, target, data, sent)
                answer = connection.getresponse()
                text = answer.read().decode("utf-8")
            except (http.client.HTTPException, ConnectionError):
                connection.close()
                self.local.connection = None
                if fresh or attempt == 2:
                    raise
                continue
            if answer.will_close:
                connection.close()
                self.local.connection = None
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, text)
