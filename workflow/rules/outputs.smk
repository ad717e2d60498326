# What becomes of the outputs of a job: finished ones are not lost to a job that fails, and jobs whose inputs have come
# back as they were are not run.
import os

import snakemake.jobs
import snakemake.workflow
from snakemake.dag import DAG

from lth_core.runtime.lock import LockError, lock_run
from lth_core.storage import replaced

# Set while a run of this workflow holds the lock of its folders, for its jobs, too.
RUNNING_VARIABLE = "LTH_RUNNING"
folders = [results, reports]


async def put_outputs_aside(job, remove=snakemake.jobs.Job.remove_existing_output):
    """Put the outputs of a job that is about to start aside; Snakemake would remove them, and does with the rest."""
    if os.environ.get(RUNNING_VARIABLE) and is_local(job):
        replaced.put_aside(list(job.output), folders)
    await remove(job)


class Finishing:
    """What Snakemake does when a job has finished well; its graph of jobs is mixed in."""

    async def finish(self, job, update_checkpoint_dependencies=True):
        ready, finished = False, [job]
        while finished:
            job = finished.pop()
            for single in job if job.is_group() else [job]:
                if is_local(single) and not self.workflow.dryrun:  # which would forget what a run beside it needs
                    replaced.forget(list(single.output), folders)
            ready |= bool(await super().finish(job, update_checkpoint_dependencies))
            unchanged = self.unchanged_after(job)
            self._running.update(unchanged)  # which `finish` takes them from
            finished += unchanged
        return ready

    def unchanged_after(self, job):
        """List the jobs that waited for this one alone, and have their outputs already: made of the same inputs.

        A dry run makes nothing that could be compared: all of them may have to run.
        """
        if self.workflow.dryrun:
            return []
        single = job if job.is_group() else [job]
        waiting = {after for before in single for after in self.depending[before]} & self._ready_jobs
        return [after for after in waiting if is_local(after) and not self.is_asked_for(after) and self.is_made(after)]

    def is_made(self, job):
        return all(map(os.path.exists, job.output)) and self.workflow.persistence.belongs(job)

    def is_asked_for(self, job):
        """Tell whether the command line demands a job whatever its files are."""
        return job.rule in self.forcerules or not self.forcefiles.isdisjoint(job.output)


def put_outputs_back(persistence):
    """Let files that jobs were to replace, and have not, be what they were."""
    for path in replaced.put_back(folders):
        persistence._unmark_incomplete(path)


def put_back_what_was_left(persistence):
    """Do so after a run that was killed, unless another one is alive: its jobs have put them aside."""
    if not replaced.are_left(folders):
        return
    try:
        lock = lock_run(f"{results}/.running.lock")
    except LockError:
        return
    put_outputs_back(persistence)
    os.close(lock)


if not imported:  # there, Snakemake's own lock is the only one
    snakemake.jobs.Job.remove_existing_output = put_outputs_aside
snakemake.workflow.DAG = type("FinishingGraph", (Finishing, DAG), {})
