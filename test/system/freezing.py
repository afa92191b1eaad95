"""Stops a single thread of a child, as if it hung in the kernel."""

import ctypes
import os
import signal

PTRACE_SEIZE = 0x4206
PTRACE_INTERRUPT = 0x4207
PTRACE_DETACH = 17
WALL = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long] * 4
_libc.ptrace.restype = ctypes.c_long


def _ptrace(request, tid):
    if _libc.ptrace(request, tid, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request:#x} of {tid}")


class FrozenThread:
    """The thread TID does not run between freeze and thaw.

    Both must be called by the thread that started the child.
    """

    def __init__(self, tid):
        self.tid = tid
        _ptrace(PTRACE_SEIZE, tid)
        _ptrace(PTRACE_INTERRUPT, tid)
        os.waitpid(tid, WALL)
        self.held = True

    def thaw(self):
        if self.held:
            self.held = False
            try:
                _ptrace(PTRACE_DETACH, self.tid)
            except ProcessLookupError:
                self.reap()

    def reap(self):
        """True once the thread is gone.  Until it is reaped the kernel does
        not tell that its process ended."""
        try:
            pid, _ = os.waitpid(self.tid, WALL | os.WNOHANG)
        except ChildProcessError:
            return True
        if pid:
            self.held = False
        return pid != 0


def thread_called(process, name):
    tids = [t for t, n in process.thread_names().items() if n == name]
    assert len(tids) == 1, process.thread_names()
    return tids[0]


def allowed():
    """Whether we may trace a child of ours at all."""
    pid = os.fork()
    if pid == 0:
        signal.pause()
    try:
        _ptrace(PTRACE_SEIZE, pid)
        return True
    except OSError:
        return False
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
