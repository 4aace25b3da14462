import os
import pathlib
import shutil
import tempfile

import pytest

from desk import Desk
from node import Node
from private_postgres import PrivatePostgres

LOG_SHOWN = 6_000  # characters of a failed test's nodes
ROOT = pathlib.Path(os.environ.get("SB_ROOT", pathlib.Path(__file__).resolve().parents[2]))
BINARY = pathlib.Path(os.environ.get("SB_BINARY", ROOT / "build" / "release" / "stocksblitz"))


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def binary():
    assert BINARY.is_file(), f"no binary at {BINARY}: ./dev test builds it, SB_BINARY names another"
    return BINARY


@pytest.fixture(scope="session")
def postgres():
    server = PrivatePostgres()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def shared_data():
    """The folder of recorded data and hostile input, which is not part of the repository."""
    place = pathlib.Path(os.environ.get("SB_SHARED", ROOT.parent / "shared"))
    if not place.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail(f"the shared data is absent: {place}")
        print(f"SKIPPED: the shared data is absent: {place}")
        pytest.skip(f"the shared data is absent: {place}")
    return place


class Plant:
    """Starts nodes, and stops them when the tests that use them are over, whatever became of those."""

    def __init__(self, binary, root, postgres):
        self.binary, self.root, self.postgres = binary, root, postgres
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="stocksblitz-nodes."))
        self.nodes = []

    def new_node(self, settings=None, postgres=None, start=True):
        """A ready node with a database of its own and the demo's tenants; `node.platform` is their platform_admin."""
        database = (postgres or self.postgres).new_database()
        node = Node(self.binary, self.root, self.directory / f"n{len(self.nodes) + 1}", database, settings or {})
        self.nodes.append(node)
        if start:
            node.start()
            node.make_demo()
            first = node.demo()["users"][0]
            node.platform = node.log_in(first["email"], first["password"])
        return node

    def close(self):
        for node in self.nodes:
            node.close()
        shutil.rmtree(self.directory, ignore_errors=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """What failed shows the end of its nodes' logs: afterwards they are gone."""
    report = (yield).get_result()
    if report.failed:
        plants = [found for found in getattr(item, "funcargs", {}).values() if isinstance(found, Plant)]
        for node in (node for plant in plants for node in plant.nodes):
            report.sections.append((f"log of {node.data.name}", node.log_text()[-LOG_SHOWN:]))


@pytest.fixture(scope="session")
def shared_plant(binary, root, postgres):
    made = Plant(binary, root, postgres)
    yield made
    made.close()


@pytest.fixture
def plant(binary, root, postgres):
    """Nodes that one test has for itself."""
    made = Plant(binary, root, postgres)
    yield made
    made.close()


@pytest.fixture(scope="session")
def running_node(shared_plant):
    return shared_plant.new_node()


@pytest.fixture
def node(running_node):
    """One node for all tests that leave it as they found it; each makes organizations of its own. After each test it must
    still be the same process, and ready."""
    process = running_node.process
    yield running_node
    assert running_node.process is process and running_node.is_running(), running_node.log_text()[-3000:]
    assert running_node.is_ready()


@pytest.fixture
def desk(node):
    return Desk(node, node.platform)


@pytest.fixture
def other_desk(node):
    return Desk(node, node.platform)
