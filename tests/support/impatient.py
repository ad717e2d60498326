"""Snakemake that asks a cluster for the state of its jobs three times a second; run like `python -m snakemake`.

The SLURM plugin waits 10 seconds longer after each answer that brings no success, and no option changes that.
"""

from __future__ import annotations

import asyncio

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor


async def sleep(executor: RemoteExecutor) -> None:
    await asyncio.sleep(0.3)


if __name__ == "__main__":
    RemoteExecutor.sleep = sleep
    main()
