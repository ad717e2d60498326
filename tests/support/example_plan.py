"""A config that has methods and branches of every kind, and the plan of it after any change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from lth_core.planning.plan import Plan

CONFIG = """
tasks:
  mini: &mini
    dataset: digits
    model: {name: lenet, hidden: [20, 10]}
    train:
      optimizer: {name: adam, learning_rate: 1.2e-3}
      batch_size: 60
      steps: 40
      evaluate_every: 20
    cohorts: ["0-1", "2-4"]
  other: {<<: *mini, dataset: digits}
methods:
  reset: {levels: 3, rate_by_kind: {output: 0.1, hidden: 0.3}}
  rewound: {levels: 3, rewind: {policy: rewind, step: 7}}
  from-zero: {levels: 3, rewind: {policy: rewind, step: 0}}
  continued: {levels: 3, rewind: {policy: lr-rewind}}
  at-once: {levels: 3, iterative: false}
  fine-tuned: {levels: 3, rewind: {policy: fine-tune, step: 30}}
  fine-tuned-at-once: {levels: 3, iterative: false, rewind: {policy: fine-tune, step: 30}}
  low-rate: {levels: 3, rewind: {policy: rewind-low-rate, step: 7}}
  treated: {levels: 3, treatment: redraw-kept}
branches:
  twice: {treatment: reinit, draws: 2}
  twice-elsewhere: {treatment: reinit, draws: 2, order: 1}
  elsewhere: {treatment: ticket, order: 1}
  mask-elsewhere: {treatment: random-mask, order: 3}
  alone: {treatment: redraw-kept, draws: 5, order: 1}
  spawned: {treatment: reinit, draws: 2, order: 2, order_from: 9}
  from-other: {treatment: ticket, source: other}
  pretrained: {treatment: ticket, weights: {task: other, step: 5}}
  pretrained-sparse: {treatment: ticket, weights: {task: other, step: 5, branch: from-mini}}
  from-mini: {treatment: reset, source: mini}
studies:
  frankle2019: {tasks: {mini: reset}, controls: [twice], one_shot: false, continued: false}
"""


Change = Callable[[dict[str, Any]], Any]


@pytest.fixture
def plan_of(tmp_path: Path) -> Callable[..., Plan]:
    """plan_of(change) -> the plan of the config above after a change of its keys."""

    def read(change: Change = lambda config: None) -> Plan:
        config = yaml.safe_load(CONFIG.replace("1.2e-3", "0.0012"))
        change(config)
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
        return Plan.read([tmp_path / "config.yaml"])

    return read
