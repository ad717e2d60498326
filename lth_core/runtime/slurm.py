"""What SLURM says of a job. The workflow asks, too, so nothing is imported here."""

from __future__ import annotations

import subprocess


class SlurmError(ValueError):
    """SLURM does not answer; one line."""


def nodes_of(job: str) -> int:
    """Count the nodes of a SLURM job; one where SLURM's commands are not installed, as in some containers.

    Raises SlurmError.
    """
    try:
        asked = subprocess.run(
            ["squeue", "--noheader", f"--jobs={job}", "--format=%D"], capture_output=True, text=True, check=True
        )
    except FileNotFoundError:
        return 1
    except subprocess.CalledProcessError as error:
        raise SlurmError(f"squeue does not say how many nodes job {job} has: {error.stderr.strip()}") from None
    return int(asked.stdout.split()[0])  # of an array, whose jobs are alike, there is a line for each
