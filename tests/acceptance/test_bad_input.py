"""Hostile and mistaken input: the right refusal, never a fault of ours, never half an order."""
import json
import socket
import tarfile
import time

import pytest

from desk import PASSWORD, in_threads
from forged_tokens import forgeries, signed_by_the_node
from waiting import eventually


def raw(client, path, body, content_type="application/json"):
    return client.request("POST", path, data=body, headers={"Content-Type": content_type})


def text_of(order, **raw_members):
    """The order as JSON text in which these members have exactly this text as their value."""
    parts = [f'"{name}":{json.dumps(value)}' for name, value in order.items() if name not in raw_members]
    parts += [f'"{name}":{text}' for name, text in raw_members.items()]
    return "{" + ",".join(parts) + "}"


def problem_of(answer):
    problem = answer.json()
    assert answer.headers["Content-Type"].startswith("application/problem+json"), answer.text
    assert problem["status"] == answer.status_code and problem["code"] and problem["detail"]
    assert problem["correlation_id"] == answer.headers["X-Correlation-ID"] and answer.headers["X-Request-ID"]
    return problem


BODIES = [  # body, status, code
    (b"", 400, "VALIDATION_BODY_REQUIRED"),
    (b"{", 400, "VALIDATION_JSON_MALFORMED"),
    (b"{} {}", 400, "VALIDATION_JSON_MALFORMED"),
    (b"{'a':1}", 400, "VALIDATION_JSON_MALFORMED"),
    (b'{"a":01}', 400, "VALIDATION_JSON_MALFORMED"),
    (b'{"a":NaN}', 400, "VALIDATION_JSON_MALFORMED"),
    (b"\xef\xbb\xbf{}", 400, "VALIDATION_JSON_ENCODING"),
    (b'{"comments":"\xff\xfe"}', 400, "VALIDATION_JSON_ENCODING"),
    (b'{"comments":"\xed\xa0\x80"}', 400, "VALIDATION_JSON_ENCODING"),
    (b'{"comments":"\\ud800"}', 400, None),
    (b'{"comments":"\\u0000"}', 400, "VALIDATION_JSON_NUL"),
    (b'{"comments":"a\x00b"}', 400, "VALIDATION_JSON_NUL"),
    (b'{"a":1,"a":2}', 400, "VALIDATION_JSON_DUPLICATE_KEY"),
    (b'{"a":1,"\\u0061":2}', 400, "VALIDATION_JSON_DUPLICATE_KEY"),
    (b"[" * 17 + b"]" * 17, 400, "VALIDATION_JSON_TOO_DEEP"),
    (b"[" * 4000, 400, "VALIDATION_JSON_TOO_DEEP"),
    (b'{"a":' * 1000 + b"1" + b"}" * 1000, 400, "VALIDATION_JSON_TOO_DEEP"),
    (b"[1,2]", 400, None),
    (b'"text"', 400, None),
    (b"null", 400, None),
    (b" " * 8193, 413, "VALIDATION_BODY_TOO_LARGE"),
    (b" " * 70000, 413, "VALIDATION_BODY_TOO_LARGE"),
]


@pytest.mark.parametrize("body, status, code", BODIES, ids=[repr(row[0][:20]) + str(len(row[0])) for row in BODIES])
def test_bodies_that_are_no_order(desk, body, status, code):
    answer = raw(desk.trader, "/trades/place-order", body)
    problem = problem_of(answer)
    assert answer.status_code == status and code in (None, problem["code"]), answer.text
    assert problem["action"] == "user"


FIELDS = [  # member and the text of its value, None: absent; status; code; pointer
    ("trading_account_id", None, 400, "VALIDATION_REQUIRED", "/trading_account_id"),
    ("trading_account_id", '"x"', 400, "VALIDATION_WRONG_TYPE", "/trading_account_id"),
    ("trading_account_id", "1.5", 400, None, "/trading_account_id"),
    ("trading_account_id", "0", 400, "VALIDATION_NUMBER_OUT_OF_RANGE", "/trading_account_id"),
    ("trading_account_id", "99999999999999999999", 400, "VALIDATION_NUMBER_OUT_OF_RANGE", "/trading_account_id"),
    ("quantity", "0", 400, "VALIDATION_NUMBER_OUT_OF_RANGE", "/quantity"),
    ("quantity", "-1", 400, "VALIDATION_NUMBER_OUT_OF_RANGE", "/quantity"),
    ("quantity", "1.5", 400, None, "/quantity"),
    ("quantity", "true", 400, "VALIDATION_WRONG_TYPE", "/quantity"),
    ("quantity", "null", 400, "VALIDATION_REQUIRED", "/quantity"),
    ("quantity", "[1]", 400, "VALIDATION_WRONG_TYPE", "/quantity"),
    ("quantity", "9223372036854775808", 400, "VALIDATION_NUMBER_OUT_OF_RANGE", "/quantity"),
    ("quantity", "1e400", 400, "VALIDATION_NUMBER_OUT_OF_RANGE", "/quantity"),
    ("price", "500.00001", 400, "VALIDATION_TOO_PRECISE", "/price"),
    ("price", '"500.00001"', 400, "VALIDATION_TOO_PRECISE", "/price"),
    ("price", "1e30", 400, "VALIDATION_NUMBER_OUT_OF_RANGE", "/price"),
    ("price", "-0.05", 400, "VALIDATION_NUMBER_OUT_OF_RANGE", "/price"),
    ("price", '"five"', 400, "VALIDATION_NOT_A_NUMBER", "/price"),
    ("price", "{}", 400, "VALIDATION_WRONG_TYPE", "/price"),
    ("price", None, 422, "VALIDATION_FIELD_COMBINATION", "/price"),
    ("price", "0", 422, "VALIDATION_FIELD_COMBINATION", "/price"),
    ("price", "500.01", 422, "VALIDATION_TICK_SIZE", "/price"),
    ("symbol", '"NOSUCH"', 422, "VALIDATION_SYMBOL_UNKNOWN", "/symbol"),
    ("exchange", '"NYSE"', 422, "VALIDATION_SYMBOL_UNKNOWN", "/symbol"),
    ("symbol", '""', 400, None, "/symbol"),
    ("symbol", '"' + "S" * 65 + '"', 400, "VALIDATION_TOO_LONG", "/symbol"),
    ("symbol", '"sb in"', 400, "VALIDATION_BAD_CHARACTERS", "/symbol"),
    ("trade_type", '"HOLD"', 400, "VALIDATION_NOT_ALLOWED", "/trade_type"),
    ("trade_type", '"buy"', 400, "VALIDATION_NOT_ALLOWED", "/trade_type"),
    ("order_type", '"STOP_LOSS"', 422, "VALIDATION_ORDER_TYPE_NOT_SUPPORTED", "/order_type"),
    ("order_type", '"SL_MARKET"', 422, "VALIDATION_ORDER_TYPE_NOT_SUPPORTED", "/order_type"),
    ("variety", '"CO"', 422, "VALIDATION_ORDER_TYPE_NOT_SUPPORTED", "/variety"),
    ("validity", '"GTC"', 400, "VALIDATION_NOT_ALLOWED", "/validity"),
    ("market_protection_pct", "5", 422, "VALIDATION_FIELD_COMBINATION", "/market_protection_pct"),
    ("comments", '"' + "c" * 129 + '"', 400, "VALIDATION_TOO_LONG", "/comments"),
    ("client_order_id", '""', 400, "VALIDATION_TOO_SHORT", "/client_order_id"),
    ("client_order_id", '"has blank"', 400, "VALIDATION_BAD_CHARACTERS", "/client_order_id"),
    ("client_order_id", '"' + "k" * 65 + '"', 400, "VALIDATION_TOO_LONG", "/client_order_id"),
    ("state", '"filled"', 400, "VALIDATION_UNKNOWN_FIELD", "/state"),
    ("organization_id", "1", 400, "VALIDATION_UNKNOWN_FIELD", "/organization_id"),
    ("user_id", "1", 400, "VALIDATION_UNKNOWN_FIELD", "/user_id"),
    ("filled_quantity", "10", 400, "VALIDATION_UNKNOWN_FIELD", "/filled_quantity"),
]


@pytest.mark.parametrize("name, text, status, code, pointer", FIELDS, ids=[f"{row[0]}={str(row[1])[:24]}" for row in FIELDS])
def test_fields_of_an_order(desk, name, text, status, code, pointer):
    """Each mistake is named by its member, and the check without an order says the same."""
    order = desk.order(**({name: None} if text is None else {}))
    body = text_of(order, **({} if text is None else {name: text}))
    answer = raw(desk.trader, "/trades/place-order", body)
    problem = problem_of(answer)
    assert answer.status_code == status, answer.text
    found = {error["pointer"]: error["code"] for error in problem["errors"]}
    assert pointer in found and code in (None, found[pointer]), answer.text
    assert desk.usage("organization")["orders_today"] == 0
    if name != "client_order_id":
        assert raw(desk.trader, "/api/trading-limits/validate", body).status_code == status


def test_all_mistakes_at_once(desk):
    answer = desk.trader.place({"quantity": 0, "price": "x", "symbol": "", "extra": 1})
    pointers = {error["pointer"] for error in problem_of(answer)["errors"]}
    assert pointers >= {"/quantity", "/price", "/symbol", "/extra", "/trading_account_id", "/exchange", "/trade_type", "/order_type",
                        "/product_type"}


LIMITS = [  # rows as JSON text; pointer
    ('{"limit_type":"open_orders","limit_value":-1}', "/limits/0/limit_value"),
    ('{"limit_type":"single_order_value","limit_value":-0.01}', "/limits/0/limit_value"),
    ('{"limit_type":"single_order_value","limit_value":"-1"}', "/limits/0/limit_value"),
    ('{"limit_type":"daily_trading_limit","limit_value":-9223372036854775809}', "/limits/0/limit_value"),
    ('{"limit_type":"open_orders","limit_value":1},{"limit_type":"open_orders","limit_value":2}', "/limits/1/limit_type"),
    ('{"limit_type":"open_orders","limit_value":1},{"limit_type":"open_orders","limit_value":1}', "/limits/1/limit_type"),
    ('{"limit_type":"allowed_symbols","allowed":["SBIN"]},{"limit_type":"allowed_symbols","allowed":[]}', "/limits/1/limit_type"),
]


@pytest.mark.parametrize("rows, pointer", LIMITS, ids=[row[0][:60] for row in LIMITS])
def test_limits_that_cannot_be(desk, rows, pointer):
    """Negative ones and the same type twice: refused by name, and those that are set stay."""
    assert desk.set_limits("account", open_orders=7).status_code == 200
    body = f'{{"scope":"account","scope_id":{desk.account},"limits":[{rows}]}}'
    answer = desk.admin.request("PUT", "/api/trading-limits", data=body, headers={"Content-Type": "application/json"})
    problem = problem_of(answer)
    assert answer.status_code in (400, 422) and pointer in [error["pointer"] for error in problem["errors"]], answer.text
    shown = desk.admin.get(f"/api/trading-limits?scope=account&scope_id={desk.account}").json()["data"][0]["limits"]
    assert shown == [{"limit_type": "open_orders", "limit_value": 7}]


def test_a_refusal_has_the_names_of_its_request(node, desk):
    """Also of a request that was refused before anybody looked at what it wants."""
    names = {"X-Request-ID": "req-1", "X-Correlation-ID": "saga-1", "Content-Type": "application/json"}
    for status, method, path, body in ((413, "POST", "/trades/place-order", b" " * 70000), (413, "POST", "/trades/place-order", b" " * 8193),
                                       (400, "GET", "/trades/%00", None), (404, "GET", "/nothing", None), (200, "GET", "/trades", None)):
        answer = desk.trader.request(method, path, data=body, headers=names)
        assert answer.status_code == status, answer.text
        assert (answer.headers["X-Request-ID"], answer.headers["X-Correlation-ID"]) == ("req-1", "saga-1"), path
        if status != 200:
            assert problem_of(answer)["correlation_id"] == "saga-1"


def test_unknown_account(desk):
    answer = desk.trader.place(desk.order(trading_account_id=987654321))
    assert (answer.status_code, problem_of(answer)["code"]) == (404, "ACCOUNT_NOT_FOUND")
    assert answer.json()["order_id"] and answer.json()["client_order_id"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "", "multipart/form-data"])
def test_content_types(desk, content_type):
    answer = raw(desk.trader, "/trades/place-order", json.dumps(desk.order()), content_type)
    assert answer.status_code == 415, answer.text


@pytest.mark.parametrize("path", ["/trades/x", "/trades/ORD", "/trades/ORD" + "a" * 29, "/trades/ORD" + "A" * 30, "/trades/%00",
                                  "/trades/..%2f..%2fetc", "/trades/'%20or%201=1", "/users/0", "/users/-1", "/users/99999999999999999999",
                                  "/users/1%20", "/users/abc", "/api/organizations/9223372036854775808", "/nothing", "//", "/trades/"])
def test_paths(desk, path):
    answer = desk.admin.get(path)
    assert answer.status_code in (400, 404), answer.text
    problem_of(answer)


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "limit=1&limit=2", "cursor=x", "cursor=AAAA", "state=open", "from=yesterday",
                                   "from=2024-13-01T00:00:00Z", "nope=1", "user_id=x", "symbol=%ff", "limit=%31%00"])
def test_queries(desk, query):
    answer = desk.admin.get("/trades?" + query)
    assert answer.status_code == 400, answer.text
    problem_of(answer)


# ---- tokens


def test_forged_tokens(node, desk):
    """Every forgery is 401, and says nothing about what was wrong with it to whom it does not concern."""
    keys = node.client().get("/auth/jwks").json()
    for what, forged in forgeries(desk.trader.token, keys):
        client = node.client(forged)
        for answer in (client.get("/auth/me"), client.place(desk.order())):
            assert answer.status_code == 401, f"{what}: {answer.status_code} {answer.text}"
            assert problem_of(answer)["code"].startswith("AUTH_") and "WWW-Authenticate" in answer.headers
    assert desk.trader.get("/auth/me").status_code == 200
    for scheme in ("Basic dXNlcjpwYXNz", "Bearer", "bearer  x", "Token abc", "Bearer a b"):
        assert node.client().get("/auth/me", headers={"Authorization": scheme}).status_code == 401, scheme


def test_a_token_ends(node, desk):
    """A token of ours is refused once its time is over, for reads and for orders. The same token an hour later is good, so that it
    is nothing else that is refused."""
    token = desk.trader.token
    now = int(time.time())
    good = node.client(signed_by_the_node(node, token, iat=now, exp=now + 3600))
    assert good.get("/auth/me").status_code == 200, good.get("/auth/me").text
    ended = node.client(signed_by_the_node(node, token, iat=now - 7200, exp=now - 3600))
    for answer in (ended.get("/auth/me"), ended.place(desk.order()), ended.get("/trades")):
        assert (answer.status_code, problem_of(answer)["code"]) == (401, "AUTH_TOKEN_EXPIRED"), answer.text
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert desk.usage("organization")["orders_today"] == 0


def test_a_log_out_ends_the_session(plant):
    """At once, at every port, for good; and no other session of the same person."""
    node = plant.new_node()
    first = node.demo()["users"][0]
    ended, other = (node.log_in(first["email"], first["password"]) for _ in range(2))
    answer = ended.post("/auth/logout")
    assert answer.status_code == 200 and answer.json()["ended_at"], answer.text

    def refused():
        told = ended.get("/auth/me")
        return (told.status_code, told.json().get("code")) == (401, "AUTH_TOKEN_REVOKED")

    assert refused() and problem_of(ended.post("/auth/logout"))["code"] == "AUTH_TOKEN_REVOKED"
    assert other.get("/auth/me").status_code == 200
    assert node.stop() == 0
    node.start()
    assert refused(), "after a restart"
    assert other.get("/auth/me").status_code == 200


def test_a_session_that_another_node_has_ended(plant, postgres):
    """It is refused here within seconds. The other node is the database's row: that is all that two nodes share."""
    node = plant.new_node()
    session = node.platform.get("/auth/me").json()["token_id"]
    postgres.query(f"update session set revoked_at = {int(time.time() * 1000)} where token_id = '{session}'", node.database)
    eventually(lambda: node.platform.get("/auth/me").status_code == 401, "the session is refused")
    assert node.platform.get("/auth/me").json()["code"] == "AUTH_TOKEN_REVOKED"


def test_a_new_key_ends_all_tokens(plant):
    """After a start with another key no token of the old one is good."""
    node = plant.new_node()
    token = node.platform.token
    assert node.client(token).get("/auth/me").status_code == 200
    assert node.stop() == 0
    node.data.joinpath("token-key.pem").unlink()
    node.start()
    refused = node.client(token).get("/auth/me")
    assert (refused.status_code, refused.json()["code"]) == (401, "AUTH_TOKEN_INVALID"), refused.text


def test_wrong_passwords_tell_nothing(node, desk):
    """A wrong password and an unknown address get the same answer."""
    answers = [node.client().post("/auth/login", {"email": email, "password": password}) for email, password in
               ((desk.emails["trader"], "wrong password 1"), ("nobody@nowhere.example.com", PASSWORD))]
    problems = [{name: value for name, value in answer.json().items() if name != "correlation_id"} for answer in answers]
    assert [answer.status_code for answer in answers] == [401, 401] and problems[0] == problems[1]
    assert problems[0]["code"] == "AUTH_INVALID_CREDENTIALS"


# ---- below HTTP


RAW = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"POST /trades/place-order HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /trades/place-order HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n",
    b"POST /trades/place-order HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"POST /trades/place-order HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx",
    b"GET /" + b"a" * 3000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 9000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X%d: 1\r\n" % number for number in range(70)) + b"\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n folded\r\n\r\n",
    b"GET \x00 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"\r\n\r\n\r\n\r\nNOTHING\r\n\r\n",
]


@pytest.mark.parametrize("request_bytes", RAW, ids=range(len(RAW)))
def test_requests_that_are_none(node, request_bytes):
    """Refused with a 4xx or 505 and the connection closed, whatever it would have said next; with a name to ask us about it."""
    with socket.create_connection(("127.0.0.1", node.ports[0]), timeout=30) as connection:
        connection.sendall(request_bytes + b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        heard = b""
        try:
            while part := connection.recv(65536):
                heard += part
        except ConnectionResetError:
            pass
    assert (b"\r\n" + heard).count(b"\r\nHTTP/1.1 ") <= 1 and b"live" not in heard, heard
    if heard == b"":
        return
    assert heard.startswith((b"HTTP/1.1 4", b"HTTP/1.1 505")), heard
    head, _, body = heard.partition(b"\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in head.decode("ascii").split("\r\n")[1:])
    assert fields["X-Request-ID"] and json.loads(body)["correlation_id"] == fields["X-Correlation-ID"], heard


# ---- corpora


def corpus(shared_data):
    archive = shared_data / "corpora" / "bad-input.tar.xz"
    with tarfile.open(archive) as files:
        return {member.name: files.extractfile(member).read() for member in files.getmembers() if member.isfile()}


def test_json_corpus(desk, shared_data):
    """Every file of JSONTestSuite as an order: refused, and those that are no JSON as such. None is an error of ours."""
    files = {name: data for name, data in corpus(shared_data).items() if name.endswith(".json") and name.startswith("jsontestsuite/")}
    assert len(files) >= 318
    names = sorted(files)
    answers = in_threads(8, lambda number: [(name, raw(desk.trader, "/trades/place-order", files[name])) for name in names[number::8]])
    for name, answer in (each for told in answers for each in told):
        assert answer.status_code in (400, 413), f"{name}: {answer.status_code} {answer.text[:200]}"
        if "/n_" in name and len(files[name]) <= 8192:
            code = problem_of(answer)["code"]
            assert code.startswith("VALIDATION_JSON_") or code == "VALIDATION_BODY_REQUIRED", f"{name}: {code}"
    assert desk.usage("organization")["orders_today"] == 0
    assert desk.trader.place(desk.order()).status_code == 201


def test_naughty_strings(node, desk, shared_data):
    """Each of the big list of naughty strings in every place for text: comments come back as they were, the rest is refused."""
    strings = json.loads(corpus(shared_data)["blns/blns.json"])
    assert len(strings) >= 500

    def work(number):
        for index in range(number, len(strings), 8):
            text = strings[index]
            for member in ("comments", "client_order_id", "symbol"):
                answer = desk.trader.place(desk.order(**{member: text, "quantity": 1}))
                assert answer.status_code in (201, 202, 400, 422), f"{member} {text!r}: {answer.status_code} {answer.text}"
                if answer.status_code == 201 and member == "client_order_id":
                    assert answer.json()["client_order_id"] == text
            log_in = node.client().post("/auth/login", {"email": text, "password": text})
            assert log_in.status_code in (400, 401, 413), f"{text!r}: {log_in.status_code} {log_in.text}"
            for key in ("/trades?symbol=", "/trades?cursor="):
                told = desk.trader.request("GET", "/trades", params={key[8:-1]: text})
                assert told.status_code in (200, 400, 414), f"{text!r}: {told.status_code} {told.text}"

    in_threads(8, work)
    assert node.is_ready()
