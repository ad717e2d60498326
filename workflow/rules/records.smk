# Snakemake's records of files; where it has none of a file, the origin that lies beside the file decides.
#
# Snakemake believes whatever file lies where it has no record, and one that was replaced since. Here such a file counts
# only if its origin says that the job at hand would make it, from inputs of the same content: results can be copied,
# shared between folders and outlive `.snakemake`, and another config's never pass for this one's.
import hashlib
import os
import stat

import snakemake.workflow
from snakemake.persistence import NO_PARAMS_CHANGE, ParamsChange
from snakemake.persistence.db import DbPersistence
from snakemake.persistence.file import FilePersistence
from snakemake_interface_executor_plugins.settings import ExecMode

from lth_core.storage.origins import content_of, read_origin, write_origin


class Records:
    """What Snakemake asks before it decides which jobs to run; its own answers come from a class that is mixed in."""

    def __init__(self, *arguments, **options):
        self._contents, self._sums, self._belongs = {}, {}, {}
        super().__init__(*arguments, **options)
        if self.dag.workflow.exec_mode == ExecMode.DEFAULT:  # before Snakemake looks which files are there
            put_back_what_was_left(self)

    def has_metadata(self, job):
        """Tell whether it is known if a job's outputs are up to date: always, as `params_changed` says of the rest."""
        return is_local(job) or super().has_metadata(job)

    def params_changed(self, job, file=None):
        """Say how what a job is asked to do has changed; outputs of which nothing is known were asked for otherwise."""
        if self._is_recorded(job):
            return super().params_changed(job, file)
        return NO_PARAMS_CHANGE if self.belongs(job) else ParamsChange(only_new={"unknown"}, files=set(job.output))

    def input_checksums(self, job, input_path):
        """Give the sums of an input that is newer than the outputs, as it was when these were made."""
        if self._is_recorded(job):
            return super().input_checksums(job, input_path)
        if not self.belongs(job):
            return {None}
        if input_path not in self._sums:
            self._sums[input_path] = sha256_of(input_path)
        return {self._sums[input_path]}

    async def finished(self, job):
        """Record a job that has ended, and write the origin of its outputs."""
        await super().finished(job)
        is_complete = all(map(os.path.exists, job.output))  # also of a job that has failed, before they are removed
        if self.dag.workflow.exec_mode == ExecMode.DEFAULT and is_local(job) and is_complete:
            write_origin(self._asked(job), list(job.input), list(job.output))

    def is_up_to_date(self, job):
        """Tell whether the outputs are those of this very job, whatever times say and triggers are switched off."""
        if not self._is_recorded(job):
            return self.belongs(job)
        return not super().params_changed(job) and not any(super().code_changed(job))

    def belongs(self, job):
        """Tell whether the origin of a job's outputs says that it would make them from its inputs as they are."""
        if job not in self._belongs:
            origin = read_origin(job.output)
            files = list(job.input), list(job.output)
            self._belongs[job] = origin is not None and origin.holds(self._asked(job), *files, self._content)
        return self._belongs[job]

    def deactivate_cache(self):
        """Remember no records from now on: the plan is made, and its run begins."""
        super().deactivate_cache()
        collector.resume()

    def _is_recorded(self, job):
        """Whether Snakemake's records are all that is to be asked: of files in stores there is nothing else."""
        return not is_local(job) or super().has_metadata(job)

    def _read_record(self, key):
        """Read the record of a file, unless the file has been replaced since."""
        record = super()._read_record(key)
        return record if record is None or is_of(record, key) else None

    def _asked(self, job):
        """Digest what makes a job this one: its parameters and its command."""
        return hashlib.sha256(repr((self._params(job), self._code(job.rule))).encode()).hexdigest()[:32]

    def _content(self, path):
        if path not in self._contents:
            self._contents[path] = content_of(path)
        return self._contents[path]

    def _clear_cache(self):
        super()._clear_cache()
        self._contents.clear()
        self._sums.clear()
        self._belongs.clear()


def is_local(job):
    """Whether a job is one of this workflow's, and all of its files lie in this file system, rather than in a store."""
    if job.rule.module_globals.get("root") != root:  # a rule of a workflow that imports this one
        return False
    return bool(job.output) and not any(file.is_storage for file in [*job.input, *job.output])


def is_of(record, path):
    """Whether a file has the time that it had when the record was made; what is not in this file system has none."""
    try:
        facts = os.lstat(path)
        if record.endtime == facts.st_mtime:
            return True
        return stat.S_ISLNK(facts.st_mode) and record.endtime == os.stat(path).st_mtime
    except OSError:
        return True


def sha256_of(path):
    with open(path, "rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


# Snakemake makes one of them when all rules are read.
snakemake.workflow.FilePersistence = type("FileRecords", (Records, FilePersistence), {})
snakemake.workflow.DbPersistence = type("DbRecords", (Records, DbPersistence), {})
