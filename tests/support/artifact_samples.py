"""What the tests of artifacts write."""

from __future__ import annotations

import numpy as np

TENSORS = {"weight": np.arange(6, dtype=np.float32).reshape(2, 3), "kept": np.array([True, False])}
