"""The init script, run for real: LSB exit codes and what they stand for."""

import os
import pathlib
import signal
import subprocess
import time

import pytest

from daemonproc import children_of

TOP = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = TOP / "scripts" / "sentinel-agent.init"
AGENT = os.environ.get("AGENT_BIN", str(TOP / "build" / "sentinel-agent"))
BOUND_S = 30

OK, FAILED, USAGE, NOT_INSTALLED, NOT_CONFIGURED, NOT_RUNNING = 0, 1, 2, 5, 6, 7
RUNNING, DEAD, STOPPED = 0, 1, 3


def wait_until(condition, what):
    deadline = time.monotonic() + BOUND_S
    while not condition():
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(0.02)


def alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return state.rsplit(")", 1)[1].split()[0] != "Z"


class Service:
    """An agent with a config of its own, behind the init script."""

    def __init__(self, folder):
        self.folder = folder
        self.config = folder / "agent.ini"
        self.pid_file = folder / "agent.pid"
        self.log = folder / "agent.log"
        self.defaults = folder / "defaults"
        self.env = {"PATH": os.environ["PATH"], "DAEMON": AGENT,
                    "CONFIG": str(self.config),
                    "DEFAULTS": str(self.defaults)}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]
        self.write_config()

    def write_config(self, agent="", pid_file=None):
        self.config.write_text(
            "[agent]\n"
            "stop_timeout = 900ms\n"
            f"log = {self.log}\n"
            f"pid_file = {pid_file or self.pid_file} ; where we look\n"
            f"{agent}\n"
            "[redis:none]\n"
            f"address = unix:{self.folder}/none.sock\n")

    def break_config(self):
        self.write_config("no_such_key = 1")

    def do(self, action, code):
        done = subprocess.run(
            [str(SCRIPT), action], env=self.env, cwd="/", text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, timeout=BOUND_S)
        assert done.returncode == code, done.stdout
        return done.stdout

    def pid(self):
        return int(self.pid_file.read_text())

    def events(self, name):
        if not self.log.exists():
            return 0
        return self.log.read_text().count(f"event={name} ")

    def workers(self):
        """What the supervisor runs: the agent itself, if it is up."""
        return children_of(self.pid())

    def clean_up(self):
        try:
            pid = self.pid()
        except (OSError, ValueError):
            return
        for pid in [pid, *children_of(pid)]:
            try:
                if os.readlink(f"/proc/{pid}/exe") == os.path.realpath(AGENT):
                    os.kill(pid, signal.SIGKILL)
            except OSError:
                pass  # it is gone


@pytest.fixture
def service(tmp_path):
    s = Service(tmp_path)
    yield s
    s.clean_up()


@pytest.fixture
def bystander():
    """A process that has nothing to do with us."""
    child = subprocess.Popen(["sleep", "600"])
    yield child
    child.kill()
    child.wait()


def test_start_comes_back_when_the_agent_is_up(service):
    service.do("start", OK)
    assert alive(service.pid())
    assert str(service.pid()) in service.do("status", RUNNING)
    wait_until(lambda: service.events("started"), "the event started")


def test_a_second_start_is_refused_kindly(service):
    service.do("start", OK)
    pid = service.pid()
    assert "already running" in service.do("start", OK)
    assert service.pid() == pid and alive(pid)


def test_start_shows_the_faults_of_a_config(service):
    service.break_config()
    out = service.do("start", NOT_CONFIGURED)
    assert f"{service.config}:5:" in out and "no_such_key" in out
    service.do("status", STOPPED)


def test_start_without_a_config_says_which_file(service):
    service.config.unlink()
    assert str(service.config) in service.do("start", NOT_CONFIGURED)


def test_start_fails_when_the_agent_fails_at_its_start(service):
    (service.folder / "link").symlink_to(service.folder / "elsewhere")
    service.write_config(pid_file=service.folder / "link")
    assert str(service.folder / "link") in service.do("start", FAILED)
    service.do("status", STOPPED)


def test_a_missing_program_is_not_installed(service):
    service.env["DAEMON"] = str(service.folder / "nothing")
    service.do("start", NOT_INSTALLED)
    service.do("restart", NOT_INSTALLED)


def test_stop_ends_the_agent_and_its_pid_file(service):
    service.do("start", OK)
    pid = service.pid()
    said = service.do("stop", OK)
    assert "stopped" in said and "cannot open" not in said
    assert not alive(pid) and not service.pid_file.exists()
    service.do("status", STOPPED)
    assert service.events("stopped") == 1


def test_stop_of_what_does_not_run_succeeds(service):
    assert "not running" in service.do("stop", OK)


def test_stop_is_bounded_even_if_the_agent_hears_nothing(service):
    service.do("start", OK)
    pid = service.pid()
    os.kill(pid, signal.SIGSTOP)
    service.do("stop", OK)
    assert not alive(pid)
    service.do("status", STOPPED)


def test_stop_is_bounded_even_if_nothing_of_the_agent_runs(service):
    service.do("start", OK)
    pid = service.pid()
    worker, = service.workers()
    os.kill(pid, signal.SIGSTOP)
    os.kill(worker, signal.SIGSTOP)
    service.do("stop", OK)
    assert not alive(pid) and not alive(worker)
    service.do("status", STOPPED)


def test_a_crash_of_the_agent_is_no_change_for_the_service(service):
    service.do("start", OK)
    pid = service.pid()
    worker, = service.workers()
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: service.events("started") == 2, "a second start")
    assert str(pid) in service.do("status", RUNNING)
    assert service.pid() == pid


def orphan(service, agent=""):
    """An agent that hears nothing, and whose supervisor was killed."""
    service.write_config(agent)
    service.do("start", OK)
    supervisor, (worker,) = service.pid(), service.workers()
    os.kill(worker, signal.SIGSTOP)
    os.kill(supervisor, signal.SIGKILL)
    wait_until(lambda: not alive(supervisor), "its end")
    return worker


@pytest.mark.parametrize("action", ["stop", "restart"])
def test_an_agent_without_supervisor_is_waited_for(service, action):
    worker = orphan(service)
    script = subprocess.Popen([str(SCRIPT), action], env=service.env, cwd="/",
                              stdin=subprocess.DEVNULL)
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            script.wait(timeout=1)
    finally:
        os.kill(worker, signal.SIGCONT)
    assert script.wait(timeout=BOUND_S) == OK
    assert not alive(worker)
    assert service.events("started") == 1 + (action == "restart")
    assert service.pid_file.exists() == (action == "restart")


def test_stop_says_that_an_agent_without_supervisor_does_not_end(service):
    worker = orphan(service)
    try:
        said = service.do("stop", FAILED)
    finally:
        os.kill(worker, signal.SIGKILL)
    assert str(service.pid_file) in said
    assert service.pid_file.exists()
    wait_until(lambda: not alive(worker), "its end")
    service.do("stop", OK)
    assert not service.pid_file.exists()


def test_stop_finds_the_agent_though_the_config_has_faults_now(service):
    service.do("start", OK)
    pid = service.pid()
    service.break_config()
    service.do("status", RUNNING)
    service.do("stop", OK)
    assert not alive(pid)


def test_restart_gives_a_new_process(service):
    service.do("start", OK)
    pid = service.pid()
    service.do("restart", OK)
    assert service.pid() != pid
    assert not alive(pid) and alive(service.pid())


def test_restart_starts_what_did_not_run(service):
    service.do("restart", OK)
    service.do("status", RUNNING)


def test_restart_with_a_bad_config_leaves_the_agent_running(service):
    service.do("start", OK)
    pid = service.pid()
    service.break_config()
    assert "no_such_key" in service.do("restart", NOT_CONFIGURED)
    assert service.pid() == pid and alive(pid)


def test_status_tells_a_killed_agent_from_a_stopped_one(service):
    service.do("status", STOPPED)
    service.do("start", OK)
    pid = service.pid()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not alive(pid), "the end of the agent")
    service.do("status", DEAD)
    service.do("start", OK)
    assert service.pid() != pid
    service.do("status", RUNNING)


def test_a_pid_file_that_names_another_program_is_stale(service, bystander):
    service.pid_file.write_text(f"{bystander.pid}\n")
    service.do("status", DEAD)
    service.do("stop", OK)
    assert bystander.poll() is None
    service.pid_file.write_text(f"{bystander.pid}\n")
    service.do("start", OK)
    assert service.pid() != bystander.pid
    assert bystander.poll() is None
    service.do("status", RUNNING)


@pytest.mark.parametrize("content", ["", "\n", "garbage\n", "-1\n", "0\n",
                                     "99999999999999999999\n"])
def test_a_pid_file_with_nonsense_is_survived(service, content):
    service.pid_file.write_text(content)
    service.do("status", STOPPED if not content.strip() else DEAD)
    service.do("start", OK)
    service.do("status", RUNNING)


@pytest.mark.parametrize("action", ["reload", "force-reload"])
def test_reload_reads_the_config_again(service, action):
    service.do("start", OK)
    pid = service.pid()
    service.do(action, OK)
    wait_until(lambda: service.events("reloaded"), "the event reloaded")
    assert service.pid() == pid


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_reload_tells_what_waits_for_a_restart(service, form):
    service.write_config(f"log_format = {form}")
    service.do("start", OK)
    assert "restart" not in service.do("reload", OK)
    service.write_config(f"log_format = {form}\nworkers = 5\nid = other")
    out = service.do("reload", OK)
    assert "needs a restart for: " in out
    assert "agent.id, agent.workers" in out
    service.write_config(f"log_format = {form}")
    assert "restart" not in service.do("reload", OK)


def test_reload_shows_the_faults_and_changes_nothing(service):
    service.do("start", OK)
    service.break_config()
    assert "no_such_key" in service.do("force-reload", NOT_CONFIGURED)
    service.do("status", RUNNING)
    assert not service.events("reload_rejected")


def test_reload_of_what_does_not_run_fails(service):
    service.do("force-reload", NOT_RUNNING)


@pytest.mark.parametrize("faulty", [False, True])
def test_rotate_makes_the_agent_let_go_of_its_log(service, faulty):
    service.do("start", OK)
    wait_until(lambda: service.events("started"), "the event started")
    old = service.folder / "agent.log.1"
    service.log.rename(old)
    if faulty:
        service.break_config()
    service.do("rotate", OK)
    wait_until(service.log.exists, "a new log")


def test_rotate_of_what_does_not_run_is_no_failure(service):
    service.do("rotate", OK)


def test_the_settings_come_from_the_defaults_file(service):
    elsewhere = service.folder / "elsewhere.ini"
    service.config.rename(elsewhere)
    service.defaults.write_text(f"CONFIG={elsewhere}\n")
    del service.env["CONFIG"]
    service.do("start", OK)
    service.do("status", RUNNING)
    service.do("stop", OK)
    service.defaults.write_text(
        f"CONFIG={elsewhere}\nDAEMON_OPTS=--no-such-option\n")
    service.do("start", NOT_CONFIGURED)


def test_any_other_word_is_bad_usage(service):
    assert "Usage" in service.do("dance", USAGE)
