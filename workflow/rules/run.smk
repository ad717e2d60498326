# How a run begins and ends: alone in its folder, on sound artifacts, with a server for its jobs.
import fcntl
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress

import psutil  # comes with snakemake

from lth_core.storage.files import out_of_the_future, read_bytes
from lth_core.storage.tensors import read_tensors
from lth_core.storage.errors import ArtifactError


def refuse_damaged():
    """Look at the artifacts that have changed since they were used, before any job starts on them.

    Snakemake removes what a job is to make when it starts: sound files would go, and be made again, for a damaged one.
    """
    jobs = [job for job in workflow.dag.needrun_jobs() if not job.is_group()]
    made = {str(file) for job in jobs for file in job.output}
    changed = {str(file) for job in jobs for file in workflow.dag.reason(job).updated_input} - made
    for path in sorted(changed):
        if path.startswith(f"{results}/") and os.path.isfile(path):
            try:
                (read_tensors if path.endswith(".safetensors") else read_bytes)(path)
            except ArtifactError as error:
                sys.exit(f"error: {error}")


def run_alone():
    """Keep a second snakemake out of this folder. The kernel lets it in when this one and its jobs end, however they do.

    Snakemake's own lock, which the profile switches off, has to be removed by hand after a crash.
    """
    lock = os.open(".snakemake/running.lock", os.O_CREAT | os.O_RDWR)
    began = time.monotonic()
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waited = time.monotonic() - began  # the jobs of one that was killed take a moment to end
            if waited > 10 or (waited > 1 and runs(os.pread(lock, 20, 0))):
                sys.exit("error: another snakemake is running in this folder: wait for it, or stop it")
            time.sleep(0.05)
            continue
        except OSError:
            pass  # a file system without locks
        with suppress(OSError):  # a full disk, which the first job will name
            os.truncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
        return lock


def runs(process):
    """Whether another process of this number runs on this machine."""
    try:
        return int(process) != os.getpid() and psutil.Process(int(process)).status() != psutil.STATUS_ZOMBIE
    except (ValueError, psutil.NoSuchProcess):
        return False


def serve_jobs(lock):
    """Start the job server, which ends when this process does, however it ends. Without it jobs start as usual."""
    if not hasattr(socket, "send_fds") or workflow.non_local_exec:
        return
    address = f"{tempfile.mkdtemp(prefix='lth-')}/jobs"
    command = [sys.executable, "-m", "lth_core.jobs.support.server", address, str(lock)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[lock])
    while not os.path.exists(address) and server.poll() is None:
        time.sleep(0.005)
    os.environ.update(LTH_JOB_SERVER=f"{os.getpid()}:{os.path.dirname(sys.executable)}:{address}")


def stop_timers():
    """End what the scheduler still waits for, and would for up to a second after the last job."""
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.cancel()
