"""A plugin with a network that fails, and whose trainings wait, as files in the working folder say."""

import os
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING

from lth_core.registry import model

if TYPE_CHECKING:
    from torch import Tensor, nn

FAILURES = Path("failures")
"""How often the network still cannot be built in a job of a cluster: what plans the run finds nothing wrong with it."""
HELD = Path("held")
"""While it is there, trainings wait in their 100th pass: where that happens, they have begun and do not end."""


@model("unsteady")
def unsteady(classes: int, input_shape: tuple[int, ...]) -> "nn.Module":
    from torch import nn

    class Hold(nn.Identity):
        passes = 0

        def forward(self, images: "Tensor") -> "Tensor":
            self.passes += 1
            while self.passes >= 100 and HELD.exists():
                sleep(0.05)
            return images

    if "SLURM_JOB_ID" in os.environ and FAILURES.exists() and (left := int(FAILURES.read_text())):
        FAILURES.write_text(str(left - 1))
        raise RuntimeError("this machine has a bad day")
    return nn.Sequential(nn.Flatten(), Hold(), nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, classes))
