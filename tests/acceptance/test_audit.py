"""The journal of a real node proves itself to `stocksblitz audit verify`, and a hand in its database is found out."""
import json
import re
import subprocess

import pytest

from desk import Desk
from node import environment
from traffic import Traffic
from waiting import eventually

NO_TRIGGERS = "set session_replication_role = replica; "


def verify(node, *arguments):
    told = node.command("audit", "verify", "--data", node.data, *arguments)
    assert told.returncode in (0, 1), told.stdout + told.stderr
    return told


def anchored_heads(node):
    """{shard: newest anchored head}"""
    heads = {}
    for line in (node.data / "anchors.log").read_text(encoding="ascii").splitlines():
        for shard, head, _ in json.loads(line.rpartition(" ")[0])["heads"]:
            heads[shard] = max(head, heads.get(shard, 0))
    return heads


def stored_heads(node, postgres):
    return {int(shard): int(head) for shard, head in postgres.query("select id, head from shard where head > 0", node.database)}


@pytest.fixture(scope="module")
def audited(shared_plant, postgres):
    """A node that is stopped after a day's work; everything that it wrote is anchored."""
    node = shared_plant.new_node()
    desk = Desk(node, node.platform)
    assert desk.set_limits("organization", order_quantity=1_000_000).status_code == 200
    filled = desk.trader.place(desk.order()).json()["order_id"]
    assert desk.fill(filled, 500.00, 4).status_code == 200 and desk.fill(filled, 500.00, 6).status_code == 200
    canceled = desk.trader.place(desk.order()).json()["order_id"]
    assert desk.trader.delete("/trades/" + canceled).status_code in (200, 202)
    assert desk.trader.place(desk.order(quantity=100_000_000)).status_code == 403
    with Traffic(desk, "audit", clients=4) as traffic:
        traffic.wait_for(50)
    node.check_books()
    assert node.stop() == 0
    # After a start all its shards are anchored, then each minute those that moved.
    node.start()
    node.check_books()
    eventually(lambda: anchored_heads(node) == stored_heads(node, postgres), "all heads are anchored", within=180)
    keys = node.client().get("/.well-known/jwks.json")
    assert keys.status_code == 200
    (node.data / "jwks.json").write_text(keys.text, encoding="ascii")
    assert node.stop() == 0
    assert anchored_heads(node) == stored_heads(node, postgres)
    return node


def test_an_untouched_journal(audited):
    """Everything that a node writes can be read, follows what was before it, and tells who wrote it."""
    for arguments in ((), ("--anchor",), ("--anchor", audited.data / "anchors.log", "--key", audited.data / "jwks.json")):
        told = verify(audited, *arguments)
        assert told.returncode == 0, told.stdout
        assert told.stdout.endswith("nothing found\n")
        assert re.search(r"^journal: \d{3,} rows with \d{3,} events in \d+ shards$", told.stdout, re.M), told.stdout
    assert "; 0 rows after the last anchored one" in told.stdout


def last_place(node, postgres):
    """The trade shard with the most rows, and its head."""
    shard, head = max((item for item in stored_heads(node, postgres).items() if item[0] >= 64), key=lambda item: item[1])
    return shard, head


@pytest.fixture
def tampered(audited, postgres):
    """tampered(sql) forges; what was there before comes back after the test."""
    database = audited.database
    postgres.query("create table journal_before as table journal; create table shard_before as table shard", database)
    yield lambda sql: postgres.query(NO_TRIGGERS + sql, database)
    postgres.query(NO_TRIGGERS + "truncate journal, shard; insert into journal table journal_before; insert into shard table shard_before; "
                   "drop table journal_before, shard_before", database)
    assert verify(audited, "--anchor").returncode == 0


def test_a_changed_row_is_found(audited, postgres, tampered):
    shard, head = last_place(audited, postgres)
    tampered(f"update journal set body = set_bit(body, 700, 1 - get_bit(body, 700)) where shard = {shard} and seq = {head - 5}")
    told = verify(audited)
    assert told.returncode == 1
    assert f"shard {shard} seq {head - 5}: its hash is not that of the row and the hash before it" in told.stdout
    assert re.search(r"^\d+ findings?$", told.stdout.splitlines()[-1])


def test_a_cut_tail_is_found_by_its_head_or_by_its_anchor(audited, postgres, tampered):
    shard, head = last_place(audited, postgres)
    tampered(f"delete from journal where shard = {shard} and seq > {head - 3}")
    told = verify(audited)
    assert told.returncode == 1
    assert f"shard {shard} seq {head - 3}: the shard's head is {head}: the rows after this one are cut off" in told.stdout

    tampered(f"update shard set (head, head_hash) = (select seq, hash from journal where shard = {shard} and seq = {head - 3}) "
             f"where id = {shard}")
    assert verify(audited).returncode == 0, "a shorter journal is a journal"
    told = verify(audited, "--anchor")
    assert told.returncode == 1
    assert re.search(rf"^shard {shard} seq {head}: anchored \S+Z \(anchors.log line \d+\), and it is not there$", told.stdout, re.M), told.stdout


def test_findings_are_bounded(audited, postgres, tampered):
    tampered("update journal set at = at + 1")
    told = verify(audited)
    assert told.returncode == 1
    lines = told.stdout.splitlines()
    assert len([line for line in lines if line.startswith("shard ")]) == 100
    assert re.fullmatch(r"and \d+ more", lines[-2])


def test_anchors_of_another_key_and_a_forged_line(audited, tmp_path):
    lines = (audited.data / "anchors.log").read_text(encoding="ascii")
    forged = tmp_path / "forged.log"
    forged.write_text(lines.replace('"at":1', '"at":2', 1) + lines[:200], encoding="ascii")
    told = verify(audited, "--anchor", forged)
    assert told.returncode == 1
    assert "forged.log line 1: not signed by the key" in told.stdout and "1 finding" in told.stdout.splitlines()[-1]
    assert "the last line has no end and was not looked at" in told.stdout


def test_it_runs_beside_a_node_that_trades(node, desk):
    with Traffic(desk, "beside", clients=4) as traffic:
        for _ in range(5):
            traffic.wait_for(10)
            told = verify(node)
            assert told.returncode == 0, told.stdout


def test_what_cannot_be_read(audited, binary, root, tmp_path):
    """One line that says why, and exit code 2."""
    nowhere = f"host={tmp_path} dbname=nowhere"
    empty = tmp_path / "empty"
    empty.mkdir()
    for arguments, conninfo in (([], None), ([], nowhere), (["--anchor", tmp_path / "absent.log"], audited.conninfo),
                                (["--anchor", "--data", empty], audited.conninfo),
                                (["--anchor", audited.data / "anchors.log", "--key", audited.data / "anchors.log"], audited.conninfo)):
        told = subprocess.run([binary, "audit", "verify", "--data", str(audited.data), *map(str, arguments)] if "--data" not in arguments
                              else [binary, "audit", "verify", *map(str, arguments)],
                              cwd=root, env=environment({}, conninfo), capture_output=True, text=True, timeout=120)
        assert told.returncode == 2, told.stdout + told.stderr
        assert told.stderr.splitlines()[-1].startswith("audit: "), told.stderr
        assert "nothing found" not in told.stdout


def test_help(binary, root):
    for command in (["audit"], ["audit", "verify"]):
        told = subprocess.run([binary, *command, "--help"], cwd=root, env=environment({}), capture_output=True, text=True, timeout=60)
        assert told.returncode == 0 and told.stderr == "" and "Usage" in told.stdout
    assert all(option in told.stdout for option in ("--anchor", "--data", "--key"))
    for arguments in (["audit"], ["audit", "nonsense"], ["audit", "verify", "--nonsense"], ["audit", "verify", "extra"]):
        told = subprocess.run([binary, *arguments], cwd=root, env=environment({}), capture_output=True, text=True, timeout=60)
        assert told.returncode == 2 and told.stdout == "" and len(told.stderr.splitlines()) == 1, arguments
