"""A group of processes in which a test has its work done, and how much rounding to bfloat16 may change."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Callable
from typing import Any

import torch

from lth_core.engine.distributed import join
from lth_core.runtime.shares import Share

CPU = torch.device("cpu")
BF16_ROUNDING = 2.0**-8
"""The largest relative error of rounding to bfloat16, which has 8 significant bits."""


def in_processes(count: int, work: Callable[[Share], Any]) -> list[Any]:
    """What `work` returns in each of the processes of a group, or the exception that it raises."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("fork")
    answers = context.Queue()

    def process(rank: int) -> None:
        here = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "MASTER_ADDR": "localhost", "MASTER_PORT": port}
        os.environ |= {name: str(value) for name, value in here.items()} | {"TORCHELASTIC_RUN_ID": "test"}
        try:
            answers.put((rank, work(join(CPU))))
        except Exception as error:
            answers.put((rank, error))

    processes = [context.Process(target=process, args=(rank,)) for rank in range(count)]
    for started in processes:
        started.start()
    results = dict(answers.get(timeout=60) for _ in processes)
    for started in processes:
        started.join()
    return [results[rank] for rank in range(count)]
