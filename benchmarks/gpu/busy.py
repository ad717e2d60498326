"""How busy a GPU is: the share of time in which any kernel runs on it, as NVML or nvidia-smi says."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import threading
from collections.abc import Callable

import torch

INTERVAL = 0.1
"""Seconds between two readings; NVML's own are over a sixth of a second to a second."""
UNKNOWN = "How busy the GPU was is not measured: neither nvidia-ml-py nor nvidia-smi is installed."

Reading = Callable[[], float]
"""Gives the percentage of the last moments in which the GPU was busy."""


def reading() -> Reading | None:
    """What reads the present GPU; None where nothing does."""
    try:
        torch.cuda.utilization()
        return torch.cuda.utilization
    except (ImportError, RuntimeError, AssertionError):  # without nvidia-ml-py, or without its library
        return _from_nvidia_smi if shutil.which("nvidia-smi") else None


def _from_nvidia_smi() -> float:
    gpu = f"GPU-{torch.cuda.get_device_properties(0).uuid}"
    command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-i", gpu]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


class Busy:
    """Reads a GPU while a block of code runs."""

    def __init__(self, read: Reading):
        self.read = read
        self.readings: list[float] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._go_on)

    def __enter__(self) -> Busy:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _go_on(self) -> None:
        while not self._ended.wait(INTERVAL):
            self.readings.append(self.read())

    @property
    def percent(self) -> float | None:
        """The mean, without the first reading, which tells of the time before; None where there are no others."""
        return statistics.fmean(self.readings[1:]) if len(self.readings) > 1 else None
