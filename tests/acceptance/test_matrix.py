"""Every route against every role, every number that a caller can put into it (his own, another organization's, one that nobody has,
none at all), every token that is not good, at every port. The table is made from what the server serves, so a new route is in it
by itself."""
import pytest

from matrix import Matrix

CASES = ("own", "other", "missing", "malformed", "bad token", "not here", "nowhere", "method")


@pytest.fixture(scope="module")
def matrix(shared_plant):
    node = shared_plant.new_node({"log.level": "trace"})
    withdrawn = with_a_new_key(node)
    node.name = node.platform.get("/ops/supervision?depth=0").json()["id"]
    made = Matrix(node, withdrawn)
    made.before = made.away.as_it_is()
    made.run()
    made.after = made.away.as_it_is()
    yield made
    assert node.is_running() and node.is_ready(), node.log_text()[-3000:]
    node.check_books()


def with_a_new_key(node):
    """The operator's way to end every session: the node begins anew with another key. Returns a platform_admin's token of the old."""
    withdrawn = node.platform.token
    assert node.stop() == 0
    node.data.joinpath("token-key.pem").unlink()
    node.start()
    first = node.demo()["users"][0]
    node.platform = node.log_in(first["email"], first["password"])
    return withdrawn


def test_every_cell(matrix):
    assert not matrix.wrong, f"{len(matrix.wrong)} of {sum(matrix.cells.values())} cells:\n" + "\n".join(matrix.wrong[:40])


def test_the_matrix_is_not_empty(matrix):
    """As many cells as there must be, and each route answered somebody with a 2xx at each of its ports."""
    print(f"cells: {sum(matrix.cells.values())} {dict(matrix.cells)} {dict(matrix.by_entrance)}")
    assert sum(matrix.cells.values()) >= 2000 and min(matrix.cells[case] for case in CASES) >= 100
    assert min(matrix.by_entrance[each.name] for each in matrix.entrances) >= 100
    assert not matrix.silent(), f"nobody got a 2xx from {matrix.silent()}"


def test_the_other_organization_is_as_it_was(matrix):
    assert matrix.after == matrix.before
    assert matrix.after["usage"]["orders_today"] == 2 and len(matrix.after["orders"]) == 2
    assert (matrix.after["order"]["state"], matrix.after["order"]["filled_quantity"]) == ("partially_filled", 3)
    assert sorted(matrix.after["granted"][0]["actions"]) == ["cancel_order", "place_order", "view"]


def test_the_log_has_no_word_of_a_tenant(matrix):
    """At its most talkative level: no name, address, key, password or token of anybody."""
    log = matrix.node.log_text()
    assert log.count("listening on") == 2, "both lives of the node"
    bad = [authorization.rsplit(".", 1)[1] for kinds in matrix.bad_tokens.values() for _, authorization, _ in kinds if "." in authorization]
    for word in [each for tenant in matrix.tenants for each in (*tenant.words(), *tenant.secrets())] + [each for each in bad if len(each) > 16]:
        assert word not in log, next(line for line in log.splitlines() if word in line)[:500]
