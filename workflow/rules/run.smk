# How a run begins and ends: alone in its folder, on sound artifacts, with a server for its jobs.
import os
import sys

from lth_core.jobs.support.checkpoints import CHECKPOINTS_VARIABLE, by_training
from lth_core.jobs.support.server import start_server
from lth_core.runtime import timing
from lth_core.runtime.lock import LockError, lock_run
from lth_core.runtime.timers import cancel_timers
from lth_core.storage.checks import check_artifacts
from lth_core.storage.errors import ArtifactError
from lth_core.storage.files import out_of_the_future


def jobs_of_this_run():
    """List the jobs that this run has to do."""
    return [job for job in workflow.dag.needrun_jobs() if not job.is_group()]


def made_by_this_run():
    """Return the files that this run makes."""
    return {str(file) for job in jobs_of_this_run() for file in job.output}


def changed_inputs():
    """List the artifacts that changed since jobs used them, unless this run makes them again."""
    changed = {str(file) for job in jobs_of_this_run() for file in workflow.dag.reason(job).updated_input}
    return sorted(path for path in changed - made_by_this_run() if path.startswith(f"{results}/"))


def begin_run():
    """Get ready for jobs, or end with one line."""
    try:
        # Snakemake's own lock, which the profiles switch off, has to be removed by hand after a crash.
        lock = lock_run(".snakemake/running.lock")
        out_of_the_future(results, reports)
        # Before any job starts: Snakemake removes the sound outputs of a job and only then runs it on damaged inputs.
        check_artifacts(changed_inputs())
    except (LockError, ArtifactError) as error:
        sys.exit(f"error: {error}")
    timing.start(logs)
    os.environ.update({CHECKPOINTS_VARIABLE: by_training(made_by_this_run())})
    if not workflow.non_local_exec and (server := start_server(lock)):
        os.environ.update(LTH_JOB_SERVER=server)


def end_run():
    """Let snakemake end at once."""
    cancel_timers()
