"""Other people's hard input at every place of every route of a server that runs under ASan and UBSan, and below HTTP."""
import json
import pathlib
import socket
import tarfile
import urllib.parse

from api_routes import Door, operations
from desk import Desk, in_threads
from scene import ROOT, SHARED, end_of

THREADS = 4
HEADERS = ("X-Request-ID", "X-Correlation-ID", "Idempotency-Key", "If-Match", "Prefer", "Authorization", "Content-Type", "Accept", "Host")
# 501 and 505 are the HTTP layer's own words for a coding and a version that it does not speak.
OF_HTTP = {501, 505}


class Tally:
    def __init__(self):
        self.sent = 0
        self.wrong = []

    def note(self, what, status, text="", granted_is_fine=True):
        self.sent += 1
        if (status >= 500 and status not in OF_HTTP) or (status < 400 and not granted_is_fine):
            self.wrong.append(f"{what[:200]}: {status} {text[:200]}")


def corpus():
    with tarfile.open(SHARED / "corpora" / "bad-input.tar.xz") as files:
        return {member.name: files.extractfile(member).read() for member in files.getmembers() if member.isfile()}


def sanitized(binary):
    """Whether it calls both sanitizers: without them nothing would complain."""
    data = binary.read_bytes()
    return all(name in data for name in (b"__asan_report", b"__ubsan_handle"))


def text_members(operation):
    return [name for name, schema in operation.body_members().items()
            if operation.resolved(schema).get("type") == "string" or "anyOf" in schema]


def bodies(tally, door, routes, files):
    """Each file as the body of each route that takes one: never what the route asks for."""
    for operation in routes:
        if operation.bodies:
            for name, data in files:
                answer = door(operation.method, operation.path.replace("{id}", "1"), data)
                tally.note(f"{operation} {name}", answer.status, answer.text, granted_is_fine=False)


def places(tally, door, routes, ids, strings):
    """Each string as each text of a body, each parameter, each segment."""
    for text in strings:
        quoted = urllib.parse.quote(text, safe="")
        for operation in routes:
            if "{" in operation.path:
                target = operation.path.partition("{")[0] + quoted + operation.path.partition("}")[2]
                tally.note(target, door(operation.method, target, operation.body(ids())).status)
            for name in operation.parameters:
                method, target, body = operation.request(ids())
                target += ("&" if "?" in target else "?") + urllib.parse.urlencode({name: text})
                tally.note(target, door(method, target, body).status)
            for name in text_members(operation):
                method, target, body = operation.request(ids(), ("body", name, None), text)
                answer = door(method, target, body)
                tally.note(f"{operation} {name}={text!r}", answer.status, answer.text)


def exchange(port, data):
    """Bytes as they are, and the statuses that come back until the server closes."""
    heard = b""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                heard += part
        except (ConnectionError, socket.timeout) as lost:
            if isinstance(lost, socket.timeout):
                raise
    return [int(piece[:3]) for piece in (b"\r\n" + heard).split(b"\r\nHTTP/1.1 ")[1:] if piece[:3].isdigit()]


def raw(tally, port, pieces):
    for name, data in pieces:
        statuses = exchange(port, data)
        tally.note(name, max(statuses, default=400))


def fields(tally, port, strings):
    for text in strings:
        value = text.encode("utf-8", errors="surrogatepass")
        for name in HEADERS:
            host = b"" if name == "Host" else b"Host: h\r\n"
            data = b"GET /auth/me HTTP/1.1\r\n" + host + name.encode() + b": " + value + b"\r\nConnection: close\r\n\r\n"
            tally.note(f"{name}: {text!r}", max(exchange(port, data), default=400))


def streams(desk, platform):
    """The seeds and findings of the fuzz target for requests, with real tokens where they have placeholders. Without the restart that
    one of them asks for: what is answered 503 meanwhile would say nothing."""
    tokens = {"trader": desk.trader.token, "admin": desk.admin.token, "platform_admin": platform.token, "viewer": desk.trader.token,
              "service": desk.trader.token}
    for folder in ("corpus", "found"):
        for path in sorted((pathlib.Path(ROOT) / "tests/fuzz" / folder / "request").glob("*")):
            data = path.read_bytes()
            for role, token in sorted(tokens.items(), key=lambda pair: -len(pair[0])):
                data = data.replace(b"@" + role.encode(), token.encode())
            yield path.name, data.replace(b"/restart HTTP", b"/no-restart HTTP")


def run(scene, report):
    if not SHARED.is_dir():
        report.row("corpora", f"the shared data is absent: {SHARED}", "absent", "there", False)
        return
    report.row("corpora", "the server is built with ASan and UBSan", sanitized(scene.binary("asan")), "True", sanitized(scene.binary("asan")))
    files = corpus()
    strings = json.loads(files["blns/blns.json"])
    node = scene.node("asan")
    desk = Desk(node, node.platform)
    doors = {"admin": Door(node.ports[0], desk.admin.token), "platform_admin": Door(node.ports[0], node.platform.token)}
    routes = [each for each in operations(doors["admin"]("GET", "/openapi.json").json()) if each.path != "/ops/actors/{path}/restart"]
    ordinary = [each for each in routes if each.open_to_all or "admin" in each.roles]
    special = [each for each in routes if each not in ordinary]
    # Enough for each route to look at the place that the string stands in; nobody has these numbers.
    ids = lambda: {"organization": desk.id, "user": 987654321, "account": desk.account, "order": "ORD" + "Z" * 29,  # noqa: E731
                   "actor": "nowhere", "email": "x", "client_order_id": "c"}
    json_files = sorted((name, data) for name, data in files.items() if name.endswith(".json"))
    everything = sorted(files.items())
    work = [
        ("JSON files as bodies", lambda tally, mine: (bodies(tally, doors["admin"], ordinary, json_files[mine::THREADS]),
                                                      bodies(tally, doors["platform_admin"], special, json_files[mine::THREADS]))),
        ("naughty strings at every place of every route", lambda tally, mine: (
            places(tally, doors["admin"], ordinary, ids, strings[mine::THREADS]),
            places(tally, doors["platform_admin"], special, ids, strings[mine::THREADS]))),
        ("naughty strings as header fields", lambda tally, mine: fields(tally, node.ports[0], strings[mine::THREADS])),
        ("all files as a client's bytes", lambda tally, mine: raw(tally, node.ports[0], everything[mine::THREADS])),
        ("fuzz seeds and findings as a client's bytes", lambda tally, mine: raw(
            tally, node.ports[0], list(streams(desk, node.platform))[mine::THREADS])),
    ]
    for what, part in work:
        tallies = in_threads(THREADS, lambda mine, part=part: one_thread(part, mine), within=3600)
        wrong = [line for tally in tallies for line in tally.wrong]
        report.at_least("corpora", f"{what}: inputs", sum(tally.sent for tally in tallies), 1)
        report.at_most("corpora", f"{what}: answers that are faults", len(wrong), 0)
        for line in wrong[:10]:
            print("  " + line, flush=True)
    end_of(report, "corpora", node)


def one_thread(part, mine):
    tally = Tally()
    part(tally, mine)
    return tally
