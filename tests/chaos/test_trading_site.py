"""How a node's end is judged. The nodes here are shell scripts."""
import os
import signal

import pytest
from trading_site import ChaosNode
from waiting import eventually

LISTENS = "echo listening on 127.0.0.1 gateway 1, user 2, trade 3, metrics 4; "


@pytest.fixture
def start(tmp_path):
    """start(script) runs it as a node."""
    def begin(script):
        binary = tmp_path / "node.sh"
        binary.write_text("#!/bin/sh\n" + script + "\n", encoding="ascii")
        os.chmod(binary, 0o755)
        node = ChaosNode(binary, tmp_path, tmp_path / "n1", "", {})
        node.launch()
        return node
    return begin


ENDS = [
    ("SIGSEGV", "kill -SEGV $$", True), ("SIGABRT", LISTENS + "kill -ABRT $$", True), ("a SIGKILL that is not ours", "kill -KILL $$", True),
    ("nobody asked it to stop", LISTENS + "exit 0", True), ("an exit code without a meaning", "exit 3", True),
    ("could not start, after it had", LISTENS + "exit 2", True), ("no PostgreSQL at the start", "exit 2", False),
    ("the tree has given up", LISTENS + "exit 1", False)]


@pytest.mark.parametrize("what, script, crashed", ENDS, ids=[row[0] for row in ENDS])
def test_an_end_of_its_own(start, what, script, crashed):
    node = start(script)
    eventually(lambda: not node.is_running(), "it ends")
    node.look_at_end()
    node.look_at_end()
    assert node.ended_by_itself == 1
    assert len(node.crashes) == crashed


def test_it_is_killed(start):
    node = start("exec sleep 60")
    node.kill()
    assert not node.crashes and not node.ended_by_itself


@pytest.mark.parametrize("signal_name", ["SEGV", "KILL"])
def test_it_crashed_before_it_was_killed(start, signal_name):
    """As a sleeper that wakes and is ended a moment later."""
    node = start(f"kill -{signal_name} $$")
    eventually(lambda: not node.is_running(), "it ends")
    node.kill()
    assert len(node.crashes) == 1


def test_what_crashed_is_noticed_when_it_is_started_again(start):
    node = start("kill -SEGV $$")
    eventually(lambda: not node.is_running(), "it ends")
    node.launch()
    assert len(node.crashes) == 1
    node.process.send_signal(signal.SIGKILL)
    node.process.wait(timeout=30)
