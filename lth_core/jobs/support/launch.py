"""launch PROCESSES JOB ARGUMENT ...: run a training job in several processes, which torchrun starts and watches.

Each has its share of the examples (lth_core/engine/distributed.py). When one fails, all end, and what it said is said
once; when this process ends, they do, too. In a SLURM job of several nodes, or where torchrun's own variables
(PET_NNODES, PET_RDZV_ENDPOINT, ...) name several machines and this runs on each, the processes are spread over them
evenly. One process is the job itself.
"""

from __future__ import annotations

import importlib
import logging
import os
import re
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from lth_core.engine.distributed import LOST
from lth_core.jobs.support.command import command
from lth_core.jobs.support.trainings import kind_of_device
from lth_core.runtime.lifetime import PARENT
from lth_core.runtime.slurm import nodes_of

ERROR = "error: "
"""How the line begins that a job ends with (lth_core.jobs.support.command)."""


class LaunchError(ValueError):
    """Processes that cannot be started as the config says, or that have failed; one line."""


@command
def main() -> None:
    processes, job, *arguments = sys.argv[1:]
    if processes == "1":
        sys.argv = [f"lth_core.jobs.{job}", *arguments]
        return importlib.import_module(f"lth_core.jobs.{job}").main()
    spread_over_nodes()
    launch(int(processes), job, arguments)


def spread_over_nodes() -> None:
    """On the first of a SLURM job's nodes: start this very command on all of them, in place of this process.

    Raises SlurmError when SLURM does not say how many there are.
    """
    job = os.environ.get("SLURM_JOB_ID", "")
    if not job or "PET_NNODES" in os.environ:
        return
    nodes = nodes_of(job)
    if nodes == 1:
        return
    with socket.socket() as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    # Snakemake's plugin runs this in a step of one node, which SLURM's variables describe; the new one has all that the
    # job has been given, on all of its nodes.
    for name in [name for name in os.environ if name.startswith(("SLURM_", "SRUN_")) and name != "SLURM_CONF"]:
        del os.environ[name]
    os.environ |= {
        "PET_NNODES": str(nodes),
        "PET_RDZV_BACKEND": "c10d",
        "PET_RDZV_ENDPOINT": f"{socket.gethostname()}:{port}",
        "PET_RDZV_ID": job,
    }
    once_each = [f"--jobid={job}", f"--nodes={nodes}", f"--ntasks={nodes}", "--ntasks-per-node=1"]
    shared = ["--overlap", "--cpu-bind=none", "--kill-on-bad-exit=1"]
    os.execvp(
        "srun", ["srun", *once_each, *shared, sys.executable, "-m", "lth_core.jobs.support.launch", *sys.argv[1:]]
    )


def launch(processes: int, job: str, arguments: Sequence[str]) -> None:
    """Run the job in those of its processes that belong on this machine, to their end.

    Raises LaunchError when one of them fails.
    """
    from torch.distributed import run as torchrun
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    nodes = int(os.environ.get("PET_NNODES", "1"))
    here, left_over = divmod(processes, nodes)
    if left_over:
        raise LaunchError(f"processes: {processes} do not spread evenly over {nodes} nodes")
    take_devices(here)
    share_threads(here)
    logging.disable(logging.CRITICAL)  # torchrun's pages about a process that failed
    with tempfile.TemporaryDirectory(prefix="lth-") as folder:
        quiet = ",".join(["0:2", *(f"{index}:3" for index in range(1, here))])  # only the first one's output is shown
        options = [f"--nproc-per-node={here}", f"--redirects={quiet}", f"--log-dir={folder}", "--no-python", "job"]
        settings = torchrun.parse_args(options)
        # Not parsed: it would take the job's options for abbreviations of its own.
        command = ["env", f"{PARENT}={os.getpid()}", sys.executable, "-m", f"lth_core.jobs.{job}", *arguments]
        settings.training_script, *settings.training_script_args = command
        try:
            torchrun.run(settings)
        except ChildFailedError as error:
            ended = {failure.local_rank: failure.exitcode for failure in error.failures.values()}
            raise LaunchError(blame(ended, said(folder))) from None
        except SignalException as received:
            if received.sigval == signal.SIGINT:
                raise KeyboardInterrupt from None
            sys.exit(128 + received.sigval)
        sys.stderr.write(said(folder).get(0, ""))


def share_threads(processes: int) -> None:
    """Divide the threads of the job among its processes: each library has a variable of its own."""
    for name in {"OMP_NUM_THREADS", *(name for name in os.environ if re.search("_(NUM|MAXIMUM)_THREADS$", name))}:
        threads = os.environ.get(name, "1")
        os.environ[name] = str(max(1, int(threads) // processes)) if threads.isdigit() else threads


def take_devices(processes: int) -> None:
    """Find a GPU for each process, where GPUs are used, and show them to the processes. Raises LaunchError."""
    import torch

    from lth_core.runtime.gpus import VISIBLE, take_gpu

    if kind_of_device() != "cuda":
        return
    gpus = torch.cuda.device_count()
    if gpus < processes:
        raise LaunchError(
            f"processes on this machine: {processes}, GPUs: {gpus}, and each process needs one; set fewer `processes`"
        )
    names = os.environ.get(VISIBLE) or ",".join(map(str, range(gpus)))
    taken: dict[int, None] = {}
    while len(taken) < processes:
        taken[take_gpu(gpus)] = None
    os.environ[VISIBLE] = ",".join(names.split(",")[index] for index in taken)


def said(folder: str) -> dict[int, str]:
    """Read what the processes on this machine wrote to standard error, by process."""
    return {int(path.parent.name): path.read_text(errors="replace") for path in Path(folder).rglob("stderr.log")}


def blame(ended: Mapping[int, int], said: Mapping[int, str]) -> str:
    """Say why processes failed: the error of the first that did not only wait for another one.

    Args:
        ended: process -> exit status, negative for a signal, of those that ended by themselves.
        said: process -> what it wrote to standard error.
    """
    lines = [line for text in said.values() for line in text.splitlines()]
    errors = [line.removeprefix(ERROR) for line in lines if line.startswith(ERROR) and LOST not in line]
    if errors:
        return errors[0]
    # torchrun ends the others with SIGTERM, and some abort when they lose one.
    killed = {process: status for process, status in sorted(ended.items()) if status < 0 and status != -signal.SIGTERM}
    if killed:
        process = min(killed, key=lambda process: (killed[process] == -signal.SIGABRT, process))
        name = signal.Signals(-killed[process]).name
        return f"process {process} was ended by {name}, and with it the others: run the same command again"
    for process in sorted(ended):
        text = said.get(process, "")
        if text and LOST not in text:
            sys.stderr.write(text)
            return f"process {process} failed, as above"
    return f"{LOST}: run the same command again, or see the log of the machine where it was"


if __name__ == "__main__":
    main()
