"""Fixtures: real servers and the real program, gone when a test ends."""

import itertools
import resource
import shutil
import tempfile
import uuid
from pathlib import Path

import pytest

import agentproc
from agentproc import Agent, config_text
from browser import Browser, Page
from certificates import Certificates
from common import zookeeper_keys
from daemonproc import Daemon
from ensemble import Ensemble
from httpclient import HttpClient
from peers import Peer, ScriptedRedis
from ports import reserve_port
import redisserver
from redisserver import RedisServer
from zookeeper import Tree, ZooKeeper


def pytest_configure(config):
    # Reserved ports and 100 hung peers cost descriptors.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def pytest_report_header(config):
    return (f"program under test: {agentproc.agent_bin()}, "
            f"real servers: {redisserver.PROGRAM}")


@pytest.fixture
def numbers():
    return itertools.count(1)


@pytest.fixture
def make_redis(tmp_path, request, numbers):
    """Starts a redis-server; keyword arguments are its options."""
    def make(start=True, **options):
        server = RedisServer(tmp_path / f"redis-{next(numbers)}", **options)
        request.addfinalizer(server.kill)
        return server.start() if start else server
    return make


@pytest.fixture
def redis_server(make_redis):
    return make_redis()


@pytest.fixture
def certificates(tmp_path):
    return Certificates(tmp_path / "certificates")


@pytest.fixture
def make_tls_redis(make_redis, certificates):
    """A redis-server with a certificate, and the keys that trust it."""
    def make(name="server", clients="no", options=(), **made):
        if not (certificates.dir / f"{name}.pem").exists():
            certificates.make(name, **made)
        port = reserve_port()
        server = make_redis(tls_port=port, **certificates.server_options(
            name, clients, **dict(options)))
        return server, {"address": f"127.0.0.1:{port}", "tls": "yes",
                        "tls_ca_file": certificates.path("ca.pem")}
    return make


@pytest.fixture
def make_peer(request):
    """Starts a fake server: a Peer with a handler, or any object that has
    stop()."""
    def make(peer):
        if not hasattr(peer, "stop"):
            peer = Peer(peer)
        request.addfinalizer(peer.stop)
        return peer
    return make


@pytest.fixture
def make_scripted(make_peer):
    def make(**options):
        return make_peer(ScriptedRedis(**options))
    return make


@pytest.fixture(scope="session")
def shared_zookeeper(tmp_path_factory):
    """One server for all tests of a worker that do not hurt it."""
    server = ZooKeeper(tmp_path_factory.mktemp("zookeeper"))
    try:
        yield server.start()
    finally:
        server.close_reader()
        server.kill()


@pytest.fixture
def tree(shared_zookeeper):
    """A part of the shared ZooKeeper for one test alone."""
    tree = Tree(shared_zookeeper, f"/t-{uuid.uuid4().hex[:12]}")
    yield tree
    tree.close()


@pytest.fixture(scope="session")
def session_ensemble(tmp_path_factory):
    ensemble = Ensemble(tmp_path_factory.mktemp("ensemble"))
    yield ensemble
    ensemble.close_reader()
    ensemble.kill()


@pytest.fixture
def ensemble(session_ensemble):
    """Three servers that a test may hurt: the next one finds them mended."""
    return session_ensemble.mend()


@pytest.fixture
def ensemble_tree(ensemble):
    tree = Tree(ensemble, f"/t-{uuid.uuid4().hex[:12]}")
    yield tree
    tree.close()


@pytest.fixture
def own_zookeeper(tmp_path):
    """A server (not started yet) that a test may stop and kill."""
    server = ZooKeeper(tmp_path / "zookeeper").choose_port()
    yield server
    if server.alive():
        server.thaw()
    server.close_reader()
    server.kill()


@pytest.fixture
def own_tree(own_zookeeper):
    """A running server of its own, and its tree."""
    own_zookeeper.start()
    tree = Tree(own_zookeeper, "/sentinel-agent")
    yield tree
    tree.close()


@pytest.fixture(params=["standalone", "ensemble"])
def any_tree(request):
    """For tests that end sessions, and leave the servers alone."""
    return request.getfixturevalue(
        {"standalone": "tree", "ensemble": "ensemble_tree"}[request.param])


@pytest.fixture(params=["standalone", "ensemble"])
def any_own_tree(request):
    """For tests that kill and wipe the servers, whichever they are."""
    return request.getfixturevalue(
        {"standalone": "own_tree", "ensemble": "ensemble_tree"}[request.param])


@pytest.fixture
def make_agent(tmp_path, request, numbers):
    """An agent on INSTANCES, publishing to TREE if given; started.

    `agent`, `zookeeper` and `defaults` override keys of these sections;
    `http` is what to listen on, as 127.0.0.1:PORT.
    """
    def make(instances, tree=None, start=True, agent=None, zookeeper=None,
             defaults=None, http=None, fleet=None, **options):
        keys = None
        if tree is not None:
            keys = zookeeper_keys(tree, **(zookeeper or {}))
        directory = tmp_path / f"agent-{next(numbers)}"
        agent = {"pid_file": directory / "pid", **(agent or {})}
        text = config_text(instances, agent, keys, defaults, http, fleet)
        a = Agent(directory, text, **options)
        request.addfinalizer(a.finish)
        return a.start() if start else a
    return make


@pytest.fixture
def make_served(make_agent):
    """An agent that listens, and a client of it."""
    def make(instances, *args, **options):
        http = options.pop("http", None) or f"127.0.0.1:{reserve_port()}"
        agent = make_agent(instances, *args, http=http, **options)
        return agent, HttpClient(http)
    return make


@pytest.fixture
def daemon(request):
    """The program with -d, not started yet."""
    d = Daemon()
    request.addfinalizer(d.clean_up)
    return d


@pytest.fixture
def open_path():
    """A folder that other users can reach, which pytest's own are not."""
    directory = Path(tempfile.mkdtemp(prefix="sentinel-agent-test-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def agent_id():
    """An id for --check-once, which may lock it on the whole machine."""
    return f"web-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def write_config(tmp_path, numbers, agent_id):
    """A config file for a command that ends by itself; returns its path."""
    def write(instances, tree=None, agent=None, zookeeper=None,
              defaults=None, fleet=None):
        keys = None
        if tree is not None:
            keys = zookeeper_keys(tree, **(zookeeper or {}))
        agent = {"id": agent_id, "pid_file": tmp_path / "pid",
                 **(agent or {})}
        path = tmp_path / f"config-{next(numbers)}.ini"
        path.write_text(config_text(instances, agent, keys, defaults,
                                    fleet=fleet))
        return path
    return write


@pytest.fixture
def watch(make_agent):
    """An agent with a page, on INSTANCES."""
    def start(instances, tree=None, **options):
        http = f"127.0.0.1:{reserve_port()}"
        agent = make_agent(instances, tree, http=http, **options)
        agent.http = http
        return agent
    return start


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Starting one takes seconds; a page takes none."""
    browser = Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.quit()


@pytest.fixture
def open_page(browser):
    """Whatever a test looks at: no page may complain, or ask strangers."""
    pages = []

    def open_one(agent, view="", **options):
        for page in pages:
            page.assert_clean()
        pages[:] = [Page(browser, f"http://{agent.http}", view, **options)]
        return pages[0]
    yield open_one
    for page in pages:
        page.assert_clean()
    browser.driver.get("about:blank")
