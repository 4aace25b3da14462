"""The recorded order flow of a real exchange through the whole product."""
import re

ROWS = 2000
FLOW = "data/orderflow/derived_bitstamp_replay.csv.xz"


def test_the_first_rows_of_the_recorded_flow(plant, shared_data):
    """Placed, canceled and filled as fast as answers come; every answer is an expected one, and journal, broker and read models agree.
    The same run again is answered from what is there."""
    node = plant.new_node()
    arguments = ["replay", shared_data / FLOW, "--max", "--limit", ROWS, "--url", node.url, "--data", node.data, "--connections", 16]
    first = node.command(*arguments, "--run", "trial")
    assert first.returncode == 0 and first.stdout.rstrip().endswith("green"), first.stdout + first.stderr
    assert "NOT green" not in first.stdout and "FAILED" not in first.stdout
    submitted = re.search(r"submitted\s+([0-9,]+)", first.stdout)
    assert submitted and int(submitted[1].replace(",", "")) > ROWS // 3, first.stdout
    orders = len(node.paper_log().placed)
    assert orders > ROWS // 4 and not node.paper_log().doubled()


def test_killed_in_the_middle_of_a_replay(plant, shared_data):
    """kill -9 during a replay, start again, and the run is played anew: what was there is found, and the checks hold."""
    import subprocess
    from node import environment
    from waiting import eventually
    node = plant.new_node()
    arguments = ["replay", shared_data / FLOW, "--max", "--limit", ROWS, "--url", node.url, "--data", node.data, "--run", "killed"]
    replay = subprocess.Popen([node.binary, *map(str, arguments)], cwd=node.root, env=environment({}, node.conninfo),
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: len(node.paper_log().placed) > 100 or replay.poll() is not None, "the replay is under way")
        node.kill()
    finally:
        replay.kill()
        replay.wait(timeout=30)
    node.start()
    node.check_books()
    assert not node.paper_log().doubled()
