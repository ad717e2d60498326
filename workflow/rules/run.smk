# How a run begins and ends: alone in its folder, on sound artifacts, with a server for its jobs.
import os
import sys

from lth_core.jobs.support.checkpoints import CHECKPOINTS_VARIABLE, by_training
from lth_core.jobs.support.server import start_server
from lth_core.planning.precheck import complaints
from lth_core.planning.replacing import replaced as replaced_by
from lth_core.runtime import missing, timing
from lth_core.runtime.interruption import stop_when_told
from lth_core.runtime.lock import LockError, lock_run
from lth_core.runtime.timers import cancel_timers, one_timer
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


def refuse_others_inputs():
    """Raise ArtifactError where a job of this run would read a file of another config, as without rerun triggers."""
    made = set(jobs_of_this_run())
    read = {source for job in made for source in workflow.dag.dependencies[job]} - made
    for source in sorted(read, key=lambda source: str(source.output[0])):
        if not workflow.persistence.is_up_to_date(source):
            raise ArtifactError.unusable(
                source.output[0], "was made from another config, by other code or of other files"
            )


def refuse_what_cannot_run():
    """End with one line where a job would lose its finished files to a mistake that only it would find."""
    tasks = sorted({job.wildcards.task for job in jobs_of_this_run() if hasattr(job.wildcards, "task")})
    if tasks:
        problems = complaints(plan, tasks, made_by_this_run(), ["lth-job", "check"], here=not workflow.non_local_exec)
        if problems:
            sys.exit("\n".join(f"error: {line}" for line in problems))


def warn_of_what_is_replaced():
    """Say which files of other configs this run replaces, as it gives their names to something else."""
    tasks = sorted({job.wildcards.task for job in jobs_of_this_run() if hasattr(job.wildcards, "task")})
    for line in replaced_by(config_name, plan.specs.config_of([]), tasks, results):
        print(f"warning: {line}", file=sys.stderr)


def what_is_made():
    """Tell whether this run `computes` with networks, and whether it `reports`: makes tables, figures or pages.

    Of all rules, only those that report have no wildcards.
    """
    computing = [len(job.wildcards) > 0 for job in jobs_of_this_run()]
    return {"computes": any(computing), "reports": not all(computing)}


def look_once_per_job():
    """Let snakemake look for jobs to start whenever one has ended.

    Where it limits how many jobs start per second, every look also sets a timer for another one, and that one for the
    next: after n jobs it looks n times per second. One machine needs no limit; on a cluster, one timer at a time will do.
    """
    if workflow.non_local_exec:
        workflow.scheduler._schedule_reevalutation = one_timer(workflow.scheduler._schedule_reevalutation)
    else:
        workflow.scheduler.job_rate_limiter = None


def refuse_too_few():
    """End with one line where no job could ever start, or Snakemake takes a number for another."""
    for option, count in (("cores", workflow.resource_settings.cores), ("jobs", workflow.resource_settings.nodes)):
        if count is not None and count < 1:
            sys.exit(f"error: --{option} {count}: must be at least 1")


def begin_run():
    """Get ready for jobs, or end with one line."""
    refuse_too_few()
    try:
        # Snakemake's own lock, which the profiles switch off, is of this folder and has to be removed by hand after a
        # crash. Results may be shared by several folders.
        lock = lock_run(f"{results}/.running.lock")
        out_of_the_future(results, reports)
        # Before any job starts: Snakemake removes the sound outputs of a job and only then runs it on damaged inputs.
        check_artifacts(changed_inputs())
        refuse_others_inputs()
    except (LockError, ArtifactError) as error:
        sys.exit(f"error: {error}")
    warn_of_what_is_replaced()
    os.environ[RUNNING_VARIABLE] = str(os.getpid())
    stop_when_told()
    look_once_per_job()
    timing.start(logs)
    os.environ.update({CHECKPOINTS_VARIABLE: by_training(made_by_this_run())})
    if not workflow.non_local_exec and (server := start_server(lock, **what_is_made())):
        os.environ.update(LTH_JOB_SERVER=server)
    refuse_what_cannot_run()


def end_run():
    """Put back what jobs were to replace, and have not, and let snakemake end at once."""
    cancel_timers()
    if replaced.are_left(folders):
        put_outputs_back(workflow.persistence)
