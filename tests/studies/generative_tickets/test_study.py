"""What the study of generative networks asks for."""

from __future__ import annotations

import pytest

from lth_core.config import Rewind
from lth_core.storage.runs import Run
from tests.support.generative_results import config, study


def test_tickets_have_controls_and_are_rewound_at_every_level() -> None:
    runs = study().runs(config())
    of_vae = [run for run in runs if run.task == "vae" and run.cohort == "0-1"]
    assert len(of_vae) == 1 + 4 * 4
    assert Run("vae", "0-1", "imp-rewind-5", 4) in of_vae and Run("vae", "0-1", "imp", 4, "reinit") in of_vae
    assert study().methods(config())["imp-rewind-5"].rewind.step == 5


def test_dense_networks_tickets_and_random_masks_draw_images() -> None:
    sampled = study().sampled_runs(config())
    kinds = {(run.method, run.branch) for run in sampled}
    assert kinds == {("dense", None), ("imp", None), ("imp", "random-mask")}
    files = study().analyses(config())
    data = [file for file in files if file.startswith("results/data/")]
    assert data == ["results/data/digits.safetensors"]  # of the mean image, for the autoencoder
    assert len(files) - len(data) == 2 * len(sampled) == 2 * 4 * (1 + 4 * 2)
    assert "results/vae/0-1/imp/level_2/random-mask/energy_distance.csv" in files


def test_a_step_beyond_the_training_is_one_line() -> None:
    with pytest.raises(ValueError, match="rewind_step: 41 must be at most 40, the steps of task 'vae'"):
        study(rewind_step=41).methods(config())


@pytest.mark.parametrize("step", [5, 20])
def test_rewound_tickets_are_compared_only_with_reset_ones(step: int) -> None:
    rewinding = config()
    rewind = Rewind(policy="rewind", step=step)
    rewinding.methods["imp"] = rewinding.methods["imp"].model_copy(update={"rewind": rewind})
    with pytest.raises(ValueError, match=r"^rewind_step: method 'imp' must reset tickets .*: not policy 'rewind'$"):
        study(rewind_step=5).methods(rewinding)
    assert study(rewind_step=0).methods(rewinding) == {}


def test_a_level_beyond_the_last_is_one_line() -> None:
    with pytest.raises(ValueError, match=r"^sheet_levels: 5 must be at most 4"):
        study(sheet_levels=[1, 5]).runs(config())


def test_sheets_show_four_levels_or_those_that_are_named() -> None:
    assert study().shown_levels(config(), "vae") == [1, 2, 3, 4]
    long = config()
    long.methods["imp"] = long.methods["imp"].model_copy(update={"levels": 10})
    assert study().shown_levels(long, "vae") == [1, 4, 7, 10]
    assert study(sheet_levels=[2, 3]).shown_levels(long, "vae") == [2, 3]
