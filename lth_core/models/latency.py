"""Latency: networks timed in turns, so that whatever else the machine does slows all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

WARM_UP = 3
"""Turns that are not counted: the first ones prepare buffers."""
LONGEST = 20.0
"""Seconds after which no further turn begins, once there are LEAST."""
LEAST = 3
"""Counted turns."""


def latencies(evaluate: Mapping[str, Callable[[Tensor], object]], inputs: Tensor, repeats: int) -> dict[str, float]:
    """Measure the median seconds that each function takes for the inputs, on their device, in `repeats` turns of all.

    There are fewer turns where they take long.
    """
    seconds: dict[str, list[float]] = {name: [] for name in evaluate}
    began = time.perf_counter()
    with torch.no_grad():
        for turn in range(WARM_UP + repeats):
            if turn >= WARM_UP + LEAST and time.perf_counter() - began > LONGEST:
                break
            for name, function in evaluate.items():
                start = time.perf_counter()
                function(inputs)
                if inputs.is_cuda:
                    torch.cuda.synchronize()
                if turn >= WARM_UP:
                    seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(measured) for name, measured in seconds.items()}
