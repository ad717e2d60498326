"""The job server: imports torch once per run and forks a process for every job, which then starts in milliseconds.

`workflow/bin/lth-job` hands a job over: its arguments, folder, environment and open files. The forked process is the
job in every respect, and dies with the `lth-job` that asked for it; that one exits as the job does. The server ends
with the process at the other end of its standard input, and its jobs with it, however it ends. Till then they hold the
lock that keeps the next snakemake out, so that no job writes beside its successor.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from lth_core.runtime.lifetime import end_with
from lth_core.runtime.sockets import socket_folder

COMPUTING = (
    "torch",
    "lth_core.jobs.dense",
    "lth_core.jobs.prune",
    "lth_core.jobs.branch",
    "lth_core.jobs.initialize",
    "lth_core.engine.kernels",
)
"""What nearly every job that computes with networks imports."""
REPORTING = (
    "pandas",
    "scipy.special",
    "matplotlib.backends.backend_agg",
    "lth_core.drawing.figures",
    "lth_core.drawing.lines",
    "lth_core.jobs.report",
)
"""What the jobs that make tables, figures and pages import."""
FOR_JOBS = (signal.SIGINT, signal.SIGTERM)
"""Signals that end jobs, and the server only before there are any."""
SLOWEST_REQUEST = 10.0
"""Seconds after which a client that has not said what it wants is given up."""


class JobServer:
    """Accept requests on a socket, fork, and report to every client how its job ended.

    `lock` is an open file that jobs keep open; `later` names modules to import while jobs run and none is waiting: not
    before the first, which it would delay.
    """

    def __init__(self, address: str, lock: int, later: Sequence[str]):
        self.lock, self.later = lock, later
        self.process = os.getpid()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(address)
        self.listener.listen(64)
        self.jobs: dict[int, socket.socket] = {}
        """Process of a job -> the connection to its client."""
        self.selector = selectors.DefaultSelector()
        self.ended = os.pipe()
        for fd in self.ended:
            os.set_blocking(fd, False)

    def serve(self) -> None:
        """Serve until standard input is closed."""
        signal.set_wakeup_fd(self.ended[1])
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for source in (self.listener, self.ended[0], sys.stdin.fileno()):
            self.selector.register(source, selectors.EVENT_READ)
        waiting = list(self.later)
        while True:
            events = self.selector.select(timeout=0.05 if waiting and self.jobs else None)
            if not events:
                importlib.import_module(waiting.pop(0))
            sources = [key.fileobj for key, _ in events]
            if sys.stdin.fileno() in sources:
                return
            if self.ended[0] in sources:
                os.read(self.ended[0], 4096)
                self.reap()
            for connection in sources:
                if isinstance(connection, socket.socket) and connection is not self.listener:
                    self.abandon(connection)
            if self.listener in sources:
                connection, _ = self.listener.accept()
                try:
                    self.accept(connection)
                except OSError as error:  # the client is gone, or there is no memory for another process
                    print(f"job server: {error}", file=sys.stderr, flush=True)
                    connection.close()

    def accept(self, connection: socket.socket) -> None:
        """Fork for the next request."""
        connection.settimeout(SLOWEST_REQUEST)
        message, files, *_ = socket.recv_fds(connection, 8, 3)
        try:
            size = int.from_bytes(message, "little")
            request = b""
            while len(request) < size and (piece := connection.recv(size - len(request))):
                request += piece
            if len(files) != 3 or len(request) != size:
                raise ConnectionError("a client ended before it had said what it wants")
            gc.freeze()
            process = os.fork()
            if not process:
                self.become(json.loads(request), files)
            self.jobs[process] = connection
            self.selector.register(connection, selectors.EVENT_READ)
        finally:
            for file in files:
                os.close(file)

    def become(self, request: dict[str, Any], files: list[int]) -> None:
        """In the forked process: run the job as `python -m` would, and exit."""
        status = 1
        try:
            gc.enable()
            end_with(self.process)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            for target, file in enumerate(files):
                os.dup2(file, target)
            os.closerange(3, self.lock)  # the server's own
            os.closerange(max(3, self.lock + 1), 4096)
            os.environ.clear()
            os.environ.update(request["environment"])
            os.chdir(request["folder"])
            sys.path[0] = request["folder"]
            status = run(request["job"], request["arguments"])
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else int(error.code is not None)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def reap(self) -> None:
        """Report to the clients of jobs that have ended how they did."""
        for process in list(self.jobs):
            ended, status = os.waitpid(process, os.WNOHANG)
            if not ended:
                continue
            connection = self.jobs.pop(process)
            self.selector.unregister(connection)
            with suppress(OSError):  # the client may be gone
                connection.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, "little", signed=True))
            connection.close()

    def abandon(self, connection: socket.socket) -> None:
        """End the job of a client that is gone."""
        for process, client in self.jobs.items():
            if client is connection:
                os.kill(process, signal.SIGKILL)


def run(job: str, arguments: list[str]) -> int:
    """Run the job in this process, on the threads that its environment says."""
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdigit():
        set_threads(int(threads))
    sys.argv = [f"lth_core.jobs.{job}", *arguments]
    importlib.import_module(f"lth_core.jobs.{job}").main()
    return 0


def set_threads(threads: int) -> None:
    """Give those libraries their threads that are here already: what is imported later reads the environment itself."""
    torch = sys.modules.get("torch")
    if torch and threads != torch.get_num_threads():
        torch.set_num_threads(threads)
    if "numpy" in sys.modules:
        from threadpoolctl import threadpool_limits  # which the process that starts the server does not need

        threadpool_limits(threads, user_api="blas")


def start_server(lock: int, computes: bool, reports: bool) -> str | None:
    """Start a job server that ends when this process does, however that ends; its jobs keep the file `lock` open.

    It imports what jobs need that compute with networks, and that make tables, figures and pages, where there are such.
    Returns what `lth-job` looks for in LTH_JOB_SERVER: this process, its Python and the server's address, separated by
    colons. None where the system cannot hand over open files, or every folder for temporary files has a long path; jobs
    then start as programs of their own.
    """
    if not hasattr(socket, "send_fds"):
        return None
    folder = socket_folder()
    if folder is None:
        return None
    address = f"{tempfile.mkdtemp(prefix='lth-', dir=folder)}/jobs"
    first, later = (COMPUTING, REPORTING if reports else ()) if computes else (REPORTING, ())
    modules = [" ".join(first), " ".join(later)]
    command = [sys.executable, "-m", "lth_core.jobs.support.server", address, str(lock), *modules]
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, FOR_JOBS)  # until the server is ready for them
    server = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[lock])
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    while not os.path.exists(address) and server.poll() is None:
        time.sleep(0.005)
    return f"{os.getpid()}:{os.path.dirname(sys.executable)}:{address}"


def main() -> None:
    """Serve.

    Arguments: the address, whose folder is removed at the end, the lock's open file (0: none), and the names of modules
    to import before anything is served, and later, each separated by spaces.
    """
    address, lock, first, later = sys.argv[1:]
    gc.disable()  # what is imported lives to the end; jobs look for dead objects among their own
    server = JobServer(address, int(lock), later.split())

    def leave(*_: Any) -> None:  # at once: what is being imported might catch an exception
        shutil.rmtree(Path(address).parent, ignore_errors=True)
        os._exit(1)

    try:
        for number in FOR_JOBS:
            signal.signal(number, leave)  # no job is there yet
        signal.pthread_sigmask(signal.SIG_UNBLOCK, FOR_JOBS)
        for module in first.split():
            importlib.import_module(module)
        for number in FOR_JOBS:
            signal.signal(number, signal.SIG_IGN)
        server.serve()
    finally:
        for process in server.jobs:
            os.kill(process, signal.SIGKILL)
        shutil.rmtree(Path(address).parent, ignore_errors=True)


if __name__ == "__main__":
    main()
    os._exit(0)  # taking everything apart would take longer than all else that is left to do
