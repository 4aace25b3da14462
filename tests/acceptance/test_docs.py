"""What the pages say is so."""
import re
import subprocess

import pytest

PAGES = ["README.md", "docs/ARCHITECTURE.md", "docs/proof.md", "docs/operations.md", "docs/glossary.md"]
SUFFIXES = ("cpp", "hpp", "md", "yaml", "csv", "sh", "txt", "json")
# Files that a node makes in its data directory, and names that stand for a file of the reader's.
MADE_BY_A_NODE = {"token-key.pem", "paper/book.log", "demo.json", "var/demo.json", "node.lock", "FLOW.csv.xz", "openapi.json"}


def page(root, name):
    return (root / name).read_text(encoding="utf-8")


def quoted(text):
    return set(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.S)))


@pytest.mark.parametrize("name", PAGES)
def test_files_that_are_named_exist(root, name):
    """Every path in backticks, and every relative link. A bare file name may stand for one in the folder named before it."""
    text = page(root, name)
    known = {path.name for folder in ("actors", "app", "config", "domain", "metrics", "runtime", "storage", "web", "docs", "tests")
             for path in (root / folder).rglob("*")}
    for word in quoted(text):
        if re.fullmatch(r"[\w.-]+(/[\w.-]+)*/?", word) is None or word in MADE_BY_A_NODE or word.startswith("pg"):
            continue
        if word.endswith("/") and "/" in word:
            assert (root / word).is_dir() or word == "log/", f"{name} names the folder {word}"
        elif word.endswith(tuple("." + suffix for suffix in SUFFIXES)):
            assert (root / word).is_file() if "/" in word else word in known, f"{name} names the file {word}"
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert ((root / name).parent / link).exists(), f"{name} links to {link}"


def settings_of(root):
    keys, section = set(), None
    for line in page(root, "config/stocksblitz.yaml").splitlines():
        if match := re.match(r"([a-z_]+):", line):
            section = match[1]
            keys.add(section)
        elif match := re.match(r"  ([a-z_0-9]+):", line):
            keys.add(f"{section}.{match[1]}")
    return keys


def test_settings_that_are_named_exist(root):
    """section.key in backticks is a setting of config/stocksblitz.yaml, whichever page says it."""
    keys = settings_of(root)
    sections = {key for key in keys if "." not in key}
    for name in PAGES:
        for word in quoted(page(root, name)):
            if word not in MADE_BY_A_NODE and re.fullmatch(r"[a-z_]+\.[a-z_0-9]+", word) and word.partition(".")[0] in sections:
                assert word in keys or word.endswith(tuple("." + suffix for suffix in SUFFIXES)), f"{name} names the setting {word}"


def test_every_setting_is_known_to_the_program(root, binary):
    """The shipped file has every key: each, given a nonsense value, is refused by name."""
    from node import environment
    for key in sorted(key for key in settings_of(root) if "." in key):
        variable = "STOCKSBLITZ_" + key.replace(".", "_").upper()
        text = environment({key: "\x01"})
        told = subprocess.run([binary, "config", "check", "config/stocksblitz.yaml"], cwd=root, env=text, capture_output=True, text=True,
                              timeout=60)
        if key in ("node.data_dir", "auth.issuer", "auth.audience", "auth.key_file"):
            continue  # any text will do
        assert told.returncode == 2 and variable in told.stderr, f"{key}: {told.stdout}{told.stderr}"


def test_commands_that_are_named_exist(root, binary):
    """./dev COMMAND of every page is in ./dev help; options of `./dev exec replay` and of `./dev run` are in their help."""
    dev = subprocess.run([root / "dev", "help"], capture_output=True, text=True, timeout=60, check=True).stdout
    for name in PAGES:
        text = page(root, name)
        for command, rest in re.findall(r"\./dev ([a-z]+)([^`\n#]*)", text):
            assert re.search(rf"^  {command}\b", dev, flags=re.M), f"{name}: ./dev {command}"
            told = dev
            if command == "exec" and (words := rest.split()):
                told = subprocess.run([binary, words[0], "--help"], capture_output=True, text=True, timeout=60, check=True).stdout
            for option in re.findall(r"--[a-z-]+", rest):
                assert option in told, f"{name}: ./dev {command}{rest}"
        for command, rest in re.findall(r"`stocksblitz ([a-z]+(?: check)?)([^`]*)`", text):
            told = subprocess.run([binary, *command.split(), "--help"], capture_output=True, text=True, timeout=60, check=True).stdout
            for option in re.findall(r"--[a-z-]+", rest):
                assert option in told, f"{name}: stocksblitz {command}{rest}"


def test_the_metrics_table_is_right(root, node, desk):
    """Every family has its row, with the labels that it has, and no row stands for nothing."""
    told = {}
    table = page(root, "docs/operations.md").partition("## What to watch")[2].partition("\n## ")[0]
    names = " ".join(row.split("|")[1] for row in table.splitlines() if row.startswith("| `"))
    for name, labels in re.findall(r"`([a-z_]+)(?:\{([a-z_,]+)\})?`", names):
        told[name] = set(labels.split(",")) if labels else set()
    assert told.keys() == set(re.findall(r'registry,\s+"([a-z_]+)"', page(root, "metrics/metrics.cpp")))
    assert desk.trader.place(desk.order()).status_code == 201
    seen = {}
    for line in node.metrics().splitlines():
        if match := re.match(r"([a-z_]+?)(?:_bucket|_sum|_count)?\{(.*)\} ", line):
            seen[match[1]] = set(re.findall(r'([a-z_]+)="', match[2])) - {"le"}
    assert len(seen) > 8
    for name, labels in seen.items():
        assert labels == told[name], name


def test_the_port_table_is_right(root, node):
    """README's ports are P, P+2, P+4 and P+6 of the default port."""
    ports = [int(port) for row in re.findall(r"^\| ([0-9, ]+) \|", page(root, "README.md"), flags=re.M) for port in row.split(",")]
    assert ports == [8000, 8002, 8004, 8006]
    assert "port: 8000" in page(root, "config/stocksblitz.yaml")
