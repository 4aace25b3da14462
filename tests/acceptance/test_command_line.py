"""The command line teaches, and says in one line what is wrong."""
import subprocess

import pytest

from node import environment

COMMANDS = [[], ["serve"], ["replay"], ["demo"], ["version"], ["config"], ["config", "check"]]


def run(binary, root, *arguments, settings=None, conninfo=None):
    return subprocess.run([binary, *map(str, arguments)], cwd=root, env=environment(settings or {}, conninfo), capture_output=True, text=True,
                          timeout=120)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help(binary, root, command):
    told = run(binary, root, *command, "--help")
    assert told.returncode == 0 and told.stderr == ""
    assert "Usage" in told.stdout and len(told.stdout.splitlines()) >= 3
    for option in ("--config", "--data", "--port") if command == ["serve"] else ():
        assert option in told.stdout


def test_version(binary, root):
    told = run(binary, root, "version")
    assert told.returncode == 0 and told.stdout.startswith("stocksblitz ") and len(told.stdout.splitlines()) == 1


MISTAKES = [[], ["nonsense"], ["--nonsense"], ["serve", "--nonsense"], ["serve", "--port", "70000"], ["serve", "--port", "x"],
            ["serve", "extra"], ["replay"], ["replay", "--speed", "-1", "x"], ["replay", "--speed", "fast", "x"], ["replay", "--max", "--speed", "2", "x"],
            ["replay", "--connections", "0", "x"], ["config"], ["config", "nonsense"]]


@pytest.mark.parametrize("arguments", MISTAKES, ids=" ".join)
def test_bad_flags(binary, root, arguments):
    """One line on stderr that names the program, and exit code 2."""
    told = run(binary, root, *arguments)
    assert told.returncode == 2, told.stdout + told.stderr
    assert told.stdout == "" and len(told.stderr.splitlines()) == 1 and told.stderr.startswith("stocksblitz: "), told.stderr


def test_serve_without_a_database(binary, root, tmp_path):
    told = run(binary, root, "serve", "--data", tmp_path / "data", "--port", "0")
    assert told.returncode == 2 and "STOCKSBLITZ_DATABASE" in told.stderr and len(told.stderr.splitlines()) == 1, told.stderr


def test_serve_with_a_database_that_is_not_there(binary, root, tmp_path):
    told = run(binary, root, "serve", "--data", tmp_path / "data", "--port", "0",
               conninfo=f"host={tmp_path} dbname=nowhere user=nobody")
    assert told.returncode == 2 and len(told.stderr.splitlines()) == 1, told.stdout + told.stderr
    assert told.stderr.startswith("stocksblitz: ")


def test_replay_that_cannot_start(binary, root, tmp_path):
    """No database, no file: exit code 2 and a line that says why."""
    for arguments, conninfo in ((["replay", tmp_path / "absent.csv"], f"host={tmp_path} dbname=nowhere"),
                                (["replay", "--only-checks", "--data", tmp_path], None),
                                (["replay", "--only-checks", "--data", tmp_path], f"host={tmp_path} dbname=nowhere")):
        told = run(binary, root, *arguments, conninfo=conninfo)
        assert told.returncode == 2 and len(told.stderr.splitlines()) >= 1, told.stdout + told.stderr


def test_the_shipped_settings_are_right(binary, root):
    told = run(binary, root, "config", "check", "config/stocksblitz.yaml")
    assert told.returncode == 0 and "no mistakes" in told.stdout and told.stderr == ""


def test_config_check_names_every_mistake_with_its_line(binary, root, tmp_path):
    """Six mistakes in a file, each with its line, and one in the environment with its name."""
    file = tmp_path / "wrong.yaml"
    file.write_text("node:\n  name: Not Valid\nweb:\n  port: 99999\n  colour: red\norders:\n  grace_ms: soon\n"
                    "trading:\n  days: [mon, funday]\nnothing: {}\n", encoding="utf-8")
    told = run(binary, root, "config", "check", file, settings={"auth.token_lifetime_s": 5})
    assert told.returncode == 2
    lines = told.stderr.splitlines()
    for line, name in ((2, "name"), (4, "port"), (5, "colour"), (7, "grace_ms"), (9, "days"), (10, "nothing")):
        assert any(f"{file}:{line}" in text and name in text for text in lines), f"line {line} ({name}) is not in {lines}"
    assert any("STOCKSBLITZ_AUTH_TOKEN_LIFETIME_S" in text for text in lines)
    assert len(lines) == 7
    served = run(binary, root, "serve", "--config", file, "--data", tmp_path / "data", settings={"auth.token_lifetime_s": 5})
    assert served.returncode == 2 and served.stderr == told.stderr, "serve says the same before it starts anything"
    assert not (tmp_path / "data").exists()


def test_two_nodes_on_one_directory(node):
    """The second one is refused with one line and leaves the first alone."""
    second = node.command("serve", "--data", node.data, "--port", "0")
    assert second.returncode == 2 and str(node.data) in second.stderr and len(second.stderr.splitlines()) == 1
    assert node.is_ready()


def test_a_port_that_is_taken(plant, node, tmp_path):
    """A node whose port another process has does not start, and says which."""
    second = plant.new_node(start=False)
    told = second.command("serve", "--data", second.data, "--port", node.ports[0], timeout=60)
    assert told.returncode == 2 and str(node.ports[0]) in told.stderr and len(told.stderr.splitlines()) == 1, told.stdout + told.stderr
