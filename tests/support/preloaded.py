"""Snakemake without the seconds that it takes to import it, and PyTorch in its job server: most of a miniature run.

A process imports what others have written, nothing of lth_core, and forks for each run. The fork does from there on
what `python -m snakemake` does, in a session of its own, and forks again where the run starts its job server. Whatever
interrupts or kills a run has it started as users do.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SERVER = "lth_core.jobs.support.server"
MODULES = (
    *("snakemake.cli", "snakemake.workflow", "torch", "numba", "numpy", "pandas", "scipy.special", "scipy.stats"),
    *("sklearn.datasets", "matplotlib.backends.backend_agg", "pydantic", "yaml", "safetensors.numpy"),
)


class Preloaded:
    """The process that forks, of one environment."""

    def __init__(self, environment: Mapping[str, str]):
        self.connection, its = socket.socketpair()
        with its:
            command = [sys.executable, "-m", "tests.support.preloaded", str(its.fileno())]
            self.process = subprocess.Popen(command, pass_fds=[its.fileno()], cwd=ROOT, env={**environment})

    def run(self, arguments: Sequence[str], folder: Path) -> tuple[int, str]:
        """Run snakemake in a folder to its end. Returns its exit status and all that it said."""
        with tempfile.TemporaryFile() as said:
            request = json.dumps({"arguments": [*arguments], "folder": str(folder)}).encode()
            socket.send_fds(self.connection, [len(request).to_bytes(8, "little")], [said.fileno()])
            self.connection.sendall(request)
            status = self.connection.recv(8)
            assert status, "the process that forks has ended"
            said.seek(0)
            return int.from_bytes(status, "little", signed=True), said.read().decode()


def serve(connection: socket.socket) -> None:
    """Fork for one request after the other; in the fork, become snakemake."""
    while message := socket.recv_fds(connection, 8, 1):
        if not message[0]:
            return
        size, (said,) = int.from_bytes(message[0], "little"), message[1]
        request = json.loads(connection.recv(size, socket.MSG_WAITALL))
        process = os.fork()
        if not process:
            connection.close()
            become_snakemake(said, **request)
        os.close(said)
        _, status = os.waitpid(process, 0)
        connection.sendall(os.waitstatus_to_exitcode(status).to_bytes(8, "little", signed=True))


def become_snakemake(said: int, arguments: list[str], folder: str) -> None:
    """Do what `python -m snakemake` does in a folder, and exit as it does."""
    os.setsid()
    for target, file in enumerate((os.open(os.devnull, os.O_RDONLY), said, said)):
        os.dup2(file, target)
    os.closerange(3, 64)
    os.chdir(folder)
    sys.path[0] = folder
    sys.argv = ["snakemake", *arguments]
    subprocess.Popen = ForkingServers
    ForkingServers.path = [*sys.path]
    try:
        runpy.run_module("snakemake", run_name="__main__", alter_sys=True)
    except SystemExit:
        raise
    except BaseException:
        traceback.print_exc()
        sys.exit(1)
    sys.exit(0)


class ForkingServers(subprocess.Popen):
    """Processes of which the job server is a fork of this one."""

    path: list[str]

    def _execute_child(self, args: Any, *options: Any) -> None:
        """Start the program; the arguments are those of Python 3.11 to 3.13."""
        if not isinstance(args, list) or args[1:3] != ["-m", SERVER]:
            super()._execute_child(args, *options)  # pyright: ignore
            return
        pass_fds, read_end = options[3], options[9]
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if not self.pid:
            become_server(args[3:], read_end, pass_fds)
        self._child_created = True
        os.close(read_end)


def become_server(arguments: list[str], read_end: int, pass_fds: Sequence[int]) -> None:
    """Do what `python -m` does with the job server, and exit as it does."""
    status = 1
    try:
        os.dup2(read_end, 0)
        for file in range(3, 256):
            if file not in pass_fds:
                os.closerange(file, file + 1)
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            if callable(signal.getsignal(number)):
                signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.excepthook = sys.__excepthook__
        for name in [name for name, module in sys.modules.items() if is_own(name, module)]:
            del sys.modules[name]
        further = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
        sys.path[:] = [ForkingServers.path[0], *further, *ForkingServers.path[1:]]
        sys.argv = ["server", *arguments]
        runpy.run_module(SERVER, run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def is_own(name: str, module: Any) -> bool:
    """Whether a module is the project's, or a plugin that registers with it: neither installed nor Python's own."""
    file = getattr(module, "__file__", None)
    return f"{name}.".startswith("lth_core.") or bool(file and not file.startswith((sys.prefix, sys.base_prefix)))


if __name__ == "__main__":
    for name in MODULES:
        importlib.import_module(name)
    assert not [name for name in sys.modules if f"{name}.".startswith("lth_core.")]
    serve(socket.socket(fileno=int(sys.argv[1])))
