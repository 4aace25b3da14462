"""What an operator sees and does while the desk trades."""
import os

import pytest
import requests

from desk import Desk
from traffic import Traffic
from waiting import eventually


def walk(tree):
    yield tree
    for child in tree["children"]:
        yield from walk(child)


def tree_of(node):
    answer = node.platform.get("/ops/supervision")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_tree_is_shown_live(node, desk):
    """Every part of the node by its name, and as many entities as there are."""
    assert desk.trader.place(desk.order()).status_code == 201
    names = {each["id"].partition("/")[2]: each for each in walk(tree_of(node))}
    for expected in ("router", "journal/writer", "journal/reader", "snapshots", "cluster", "market-data", "broker", "user", "trade",
                     "settlement", "projection", "gateway"):
        assert expected in names, sorted(names)[:30]
        assert names[expected]["state"] == "running"
    shards = [each for each in names.values() if each["kind"] == "shard"]
    assert len(shards) == 128
    assert sum(each["children_count"] for each in shards) >= 3, "book, account and order of the desk at the least"
    for each in names.values():
        assert set(each) >= {"id", "kind", "node", "state", "restarts", "last_failure", "mailbox", "oldest_ms", "messages_per_s"}
    refused = desk.trader.get("/ops/supervision")
    assert (refused.status_code, refused.json()["code"]) == (403, "PERM_ROLE_REQUIRED")


def test_the_tree_can_be_cut(node):
    shallow = node.platform.get("/ops/supervision?depth=1").json()
    assert shallow["children"] and all(child["children"] == [] for child in shallow["children"])
    assert any(child["children_count"] >= 64 for child in shallow["children"]), "what is not listed is counted"
    trade = next(child["id"] for child in shallow["children"] if child["id"].endswith("/trade"))
    assert node.platform.get(f"/ops/supervision?under={trade}").json()["id"] == trade
    missing = node.platform.get("/ops/supervision?under=nobody")
    assert (missing.status_code, missing.json()["code"]) == (404, "ACTOR_NOT_FOUND")


@pytest.fixture(scope="module")
def trial_node(shared_plant):
    node = shared_plant.new_node({"supervision.restarts": 100})
    yield node
    node.check_books()
    assert node.stop() == 0


PARTS = ["user shard", "trade shard", "broker", "settlement", "projection", "router", "cluster", "snapshots", "journal/reader",
         "journal/writer", "gateway"]


def entities(node, role):
    """Path of each of a role's shards and how many entities it runs."""
    return {each["id"].partition("/")[2]: each["children_count"] for each in walk(tree_of(node))
            if each["kind"] == "shard" and f"/{role}/" in each["id"]}


def counted(node, family, label=""):
    """The sum of a family's series, or of those whose first label it is, as /metrics has it."""
    return sum(float(line.rsplit(" ", 1)[1]) for line in node.metrics().splitlines() if line.startswith(family + "{" + label))


def restart(node, path):
    """An operator's restart; while the tree itself is being restarted the answer is 503."""
    [answer] = eventually(lambda: [told for told in [node.platform.post(f"/ops/actors/n1/{path}/restart")] if told.status_code != 503],
                          f"an answer to the restart of {path}")
    assert answer.status_code == 202, answer.text


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_restarted_under_traffic(trial_node, part):
    """Each part of the tree is restarted twice while clients trade. The node stays, goes on by itself, and nothing that anybody was
    told is missing or doubled."""
    node = trial_node
    process = node.process
    eventually(node.is_ready, "ready")
    role = part.partition(" ")[0]
    before, restarts = entities(node, role), counted(node, "actor_restarts_total")
    desk = Desk(node, node.platform)
    if part.endswith(" shard"):  # where the desk lives is not told, but its entities are counted there
        grown = {path: count - before[path] for path, count in entities(node, role).items()}
        path = max(grown, key=grown.get)
    else:
        path = part
    traffic = Traffic(desk, "ops-" + part.replace("/", "-").replace(" ", "-"), clients=4)
    with traffic:
        for _ in range(2):
            traffic.wait_for(30)
            restart(node, path)
        traffic.wait_for(30)
    eventually(node.is_ready, "ready again")
    assert node.process is process and node.is_running()
    traffic.resolve()
    traffic.check()
    assert counted(node, "actor_restarts_total") >= restarts + 2
    eventually(lambda: counted(node, "entities") == sum(sum(entities(node, each).values()) for each in ("user", "trade")),
               "as many entities in /metrics as in the tree")


def test_metrics_after_traffic(node, desk):
    """SPEC's counters with their labels, and latency histograms that have counted."""
    assert desk.trader.place(desk.order()).status_code == 201
    desk.set_limits("account", open_orders=0)
    assert desk.trader.place(desk.order()).status_code == 403
    assert counted(node, "entities", 'kind="book"') > 0, "the desk's book lives as long as its shard"
    for port in (node.ports[0], node.ports[3]):
        answer = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=30)
        assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/plain")
        samples = [line for line in answer.text.splitlines() if line and not line.startswith("#")]
        for family in ("inter_service_calls_total", "limit_validations_total", "trade_executions_total"):
            found = [float(line.rsplit(" ", 1)[1]) for line in samples if line.startswith(family)]
            assert found and sum(found) > 0, family
        assert any("_bucket{" in line and not line.endswith(" 0") for line in samples)


def test_memory_is_mimallocs(running_node):
    """A library that nothing calls by name is easily lost at link time. A sanitizer brings its own."""
    with open(f"/proc/{running_node.process.pid}/maps", encoding="utf-8") as maps:
        mapped = maps.read()
    assert "libmimalloc" in mapped or "libasan" in mapped


def policies(node):
    """Of the node's threads."""
    threads = [int(each) for each in os.listdir(f"/proc/{node.process.pid}/task")]
    assert len(threads) > 5
    return {os.sched_getscheduler(each) for each in threads}


def test_threads_that_wake_interrupt_nobody(running_node):
    """Decision 0018, for each of the node's threads."""
    assert policies(running_node) == {os.SCHED_BATCH}


def test_a_policy_that_was_chosen_stays(plant, tmp_path):
    node = plant.new_node(start=False)
    started = tmp_path / "stocksblitz"
    started.write_text(f"#!/bin/sh\nexec chrt --idle 0 '{node.binary}' \"$@\"\n", encoding="utf-8")
    started.chmod(0o755)
    node.binary = started
    node.start()
    assert policies(node) == {os.SCHED_IDLE}


def test_openapi_describes_what_is_there(node, desk):
    """The document is JSON, and each of its routes answers something else than 'no such path' or 'no such method'."""
    answer = node.client().get("/openapi.json")
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("application/json")
    document = answer.json()
    assert document["openapi"].startswith("3.1") and len(document["paths"]) >= 25
    for path, operations in document["paths"].items():
        concrete = path.replace("{path}", "nobody").replace("{id}", "999999999")
        for method, operation in operations.items():
            if method not in ("get", "post", "put", "delete", "patch"):
                continue
            assert operation["responses"] and operation["summary"]
            told = desk.admin.request(method.upper(), concrete)
            assert told.status_code != 405 and told.status_code < 500, f"{method} {concrete}: {told.text}"
            if told.status_code == 404:
                assert told.json()["code"] != "NOT_FOUND", f"{method} {concrete}: {told.text}"
    assert node.client().get("/no/such/path").json()["code"] == "NOT_FOUND"
    wrong = node.client().delete("/openapi.json")
    assert wrong.status_code == 405 and "GET" in wrong.headers["Allow"]


def test_the_front_page(node):
    answer = node.client().get("/")
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html")
    for link in ("/openapi.json", "/health/ready", "/metrics"):
        assert link in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_ports_have_their_own_routes(node, desk):
    """The user API serves no orders, the trade API no users, the metrics port neither; health is everywhere."""
    headers = {"Authorization": "Bearer " + desk.admin.token}
    gateway, user, trade, metrics = node.ports
    expected = [("/users", {gateway: 200, user: 200, trade: 404, metrics: 404}),
                ("/trades", {gateway: 200, user: 404, trade: 200, metrics: 404}),
                ("/health/ready", {gateway: 200, user: 200, trade: 200, metrics: 200}),
                ("/user-service/users", {gateway: 200}), ("/trade-service/trades", {gateway: 200})]
    for path, by_port in expected:
        for port, status in by_port.items():
            told = requests.get(f"http://127.0.0.1:{port}{path}", headers=headers, timeout=30)
            assert told.status_code == status, f"{port}{path}: {told.text}"


def test_a_timeline_tells_every_event(node, desk):
    """Requested, accepted, filled, canceled: in order, each with its time and who did it."""
    order_id = desk.trader.place(desk.order()).json()["order_id"]
    assert desk.fill(order_id, 499.00, 4).status_code == 200
    assert desk.trader.delete("/trades/" + order_id).status_code == 200
    told = desk.trader.get(f"/status/{order_id}/timeline")
    assert told.status_code == 200, told.text
    events = told.json()["data"]
    kinds = [event["type"] for event in events]
    assert kinds == ["order.requested", "order.accepted", "order.filled", "order.cancel_requested", "order.canceled"], kinds
    assert [event["version"] for event in events] == [1, 2, 3, 4, 5]
    assert events[0]["by"] == {"kind": "user", "user_id": desk.users["trader"]}
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)


def test_lists_have_pages(node, desk):
    """Five orders in pages of two: each once, newest first, filters as said."""
    placed = [desk.trader.place(desk.order(symbol=symbol)).json()["order_id"] for symbol in ("SBIN", "INFY", "SBIN", "TCS", "SBIN")]
    eventually(lambda: len(desk.trader.get("/trades").json()["data"]) == 5, "all are projected")
    seen, cursor = [], ""
    while True:
        page = desk.trader.get("/trades?limit=2" + cursor)
        assert page.headers["X-Data-Source"] == "cache" and int(page.headers["X-Data-Age-Ms"]) >= 0
        seen += [order["order_id"] for order in page.json()["data"]]
        if not page.json()["has_more"]:
            break
        assert len(page.json()["data"]) == 2
        cursor = "&cursor=" + page.json()["next_cursor"]
    assert sorted(seen) == sorted(placed)
    times = [desk.trader.order(order_id)["created_at"] for order_id in seen]
    assert times == sorted(times, reverse=True)
    assert len(desk.trader.get("/trades?symbol=SBIN").json()["data"]) == 3
    assert desk.trader.get("/trades?state=filled").json()["data"] == []
    assert desk.trader.get("/api/orders/count?date=today").json()["count"] == 5
