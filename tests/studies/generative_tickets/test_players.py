"""What the study asks of GANs and of generators that pass between tasks."""

from __future__ import annotations

import re
from itertools import product
from typing import Any

import pytest

from lth_core.config import Config, Method, Rewind
from lth_core.storage.runs import Run
from tests.support.players_results import METHOD, config, study


def test_a_generator_is_pruned_alone_and_with_its_discriminator() -> None:
    runs = [run for run in study().runs(config()) if run.task == "gan" and run.cohort == "0-1"]
    assert {run.level for run in runs if run.method == "players"} == {1, 2, 3, 4}
    starts = {(run.level, run.branch) for run in runs if run.branch and run.branch.startswith("discriminator")}
    assert starts == {(level, f"discriminator-{start}") for level in (2, 3) for start in ("trained", "fresh")}
    treatment = study().branches(config())["discriminator-trained"].treatment
    assert treatment.model_dump() == {"name": "part-from", "part": "discriminator.*", "weights": "trained"}


def test_generators_of_another_tasks_tickets_come_with_random_masks() -> None:
    runs = [run for run in study().runs(config()) if run.branch and "-from-" in run.branch and run.cohort == "0-1"]
    assert runs == [
        Run("gan", "0-1", "imp", 3, "generator-from-vae"),
        Run("gan", "0-1", "imp", 3, "random-from-vae"),
        Run("vae", "0-1", "generator", 3, "generator-from-gan"),
        Run("vae", "0-1", "generator", 3, "random-from-gan"),
    ]
    branch = study().branches(config())["random-from-vae"]
    assert (branch.source, branch.part, branch.treatment.name) == ("vae", "generator.*", "random-mask")


def test_all_networks_of_a_gan_are_judged_and_only_data_with_a_judge() -> None:
    judged = study().judged(config())
    of_gan = [run for run in study().runs(config()) if run.task == "gan"]
    assert [run for run in judged if run.task == "gan"] == of_gan
    assert {run.branch for run in judged if run.task == "vae"} == {None, "random-mask"}
    files = study().analyses(config())
    assert "results/gan/0-1/players/level_2/judged.csv" in files and len(files) == 3 * len(judged) + 1
    assert files.count("results/data/digits.safetensors") == 1  # of the mean image, for the autoencoder
    alone = {"tasks": {"vae": "imp"}, "both": {}, "discriminator_levels": [], "transfers": {}, "transfer_levels": []}
    assert study(**alone).judged(config(judges={}, **alone)) == []


def test_sheets_show_the_tickets_of_the_generator_alone() -> None:
    shown = study().shown(config(), "gan")
    assert {run.method for run in shown if run.level} == {"generator"}
    assert {(run.level, run.branch) for run in shown} == {(0, None), *product((1, 2, 3, 4), (None, "random-mask"))}
    assert len(shown) == 9 and {run.cohort for run in shown} == {"0-1"}


def test_gans_are_not_rewound() -> None:
    runs = study(rewind_step=5).runs(config(rewind_step=5))
    assert {run.task for run in runs if "rewind" in run.method} == {"vae"}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"both": {"vae": "players"}}, "both: 'vae' must be one of gan"),
        ({"both": {"gan": "generator"}}, "both.gan: 'generator' must be another method"),
        ({"transfers": {"gan": "judge"}}, "transfers: 'judge' must be one of gan, vae"),
    ],
)
def test_options_that_fit_no_task_are_one_line(options: dict, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        study(**options).methods(config(**options))


ALONE, SAME = {"exclude": ["discriminator.*"]}, "generators have the same density"


@pytest.mark.parametrize(
    ("methods", "line"),
    [
        (
            {"generator": METHOD, "players": METHOD | ALONE},
            "both.gan: method 'generator' of tasks.gan must prune the generator alone: take one with 'discriminator.*' "
            "in exclude",
        ),
        (
            {"generator": METHOD | {"exclude": ["discriminator.0.*"]}},
            "both.gan: method 'generator' of tasks.gan must prune the generator alone: take one with 'discriminator.*' "
            "in exclude",
        ),
        (
            {"players": METHOD | {"exclude": ["disc*"]}},
            "both.gan: method 'players' must prune the discriminator, too: remove disc* from exclude",
        ),
        (
            {"players": METHOD | {"exclude": ["generator.*"]}},
            f"both.gan: method 'players' must be 'generator' but for 'discriminator.*' in exclude, so that {SAME}: it "
            "differs in exclude",
        ),
        (
            {"players": METHOD | {"levels": 2}},
            f"both.gan: method 'players' must be 'generator' but for 'discriminator.*' in exclude, so that {SAME}: it "
            "differs in levels",
        ),
        (
            {"players": {"rate": 0.2, "scope": "global", "levels": 4}},
            f"both.gan: method 'players' must be 'generator' but for 'discriminator.*' in exclude, so that {SAME}: it "
            "differs in scope and rate",
        ),
        (
            {"players": METHOD | {"rate_by_kind": {"output": 0.1}}},
            f"both.gan: method 'players' must be 'generator' but for 'discriminator.*' in exclude, so that {SAME}: it "
            "differs in rate_by_kind",
        ),
        (
            {"generator": METHOD | ALONE | {"scope": "global"}, "players": METHOD | {"scope": "global"}},
            f"both.gan: {SAME} only if each layer is pruned at its rate: remove scope 'global' from 'generator' and "
            "'players'",
        ),
        (
            {"generator": METHOD | ALONE | {"allocation": "lamp"}, "players": METHOD | {"allocation": "lamp"}},
            f"both.gan: {SAME} only if each layer is pruned at its rate: remove allocation 'lamp' from 'generator' and "
            "'players'",
        ),
    ],
)
def test_both_is_the_method_of_the_generator_alone_but_for_the_discriminator(
    methods: dict[str, Any], line: str
) -> None:
    """Otherwise claims would compare generators of other densities, or the opposite of what they say."""
    with pytest.raises(ValueError, match=f"^{re.escape(line)}$"):
        study().methods(with_methods(**methods))


def test_methods_may_exclude_more_of_both_players() -> None:
    more: dict[str, Any] = {"generator": METHOD | {"exclude": ["output", "discriminator.*.weight"]}}
    assert study().methods(with_methods(**more, players=METHOD | {"exclude": ["output"]})) == {}


def test_discriminators_start_anew_only_where_the_generator_is_pruned_alone() -> None:
    line = r"^discriminator_levels: method 'generator' of tasks.gan must prune the generator alone: take one with"
    with pytest.raises(ValueError, match=line):
        study(both={}).methods(with_methods(generator=METHOD))
    bare: dict[str, Any] = {"both": {}, "discriminator_levels": []}
    assert study(**bare).methods(with_methods(generator=METHOD)) == {}


@pytest.mark.parametrize("task", ["gan", "vae"])
def test_generators_that_are_not_pruned_have_no_tickets_to_compare_or_pass_on(task: str) -> None:
    method = {"gan": "generator", "vae": "imp"}[task]
    line = f"^tasks.{task}: method '{method}' must prune the generator: remove generator.* from exclude$"
    with pytest.raises(ValueError, match=line):
        study().methods(with_methods(**{method: METHOD | {"exclude": ["generator.*"]}}))


def with_methods(**methods: Any) -> Config:
    """The config with other methods; its study is looked at no more."""
    settings = config()
    made = {name: Method.model_validate(method) for name, method in methods.items()}
    return settings.model_copy(update={"methods": settings.methods | made})


@pytest.mark.parametrize("option", ["transfer_levels", "discriminator_levels"])
def test_a_level_beyond_the_last_is_one_line(option: str) -> None:
    with pytest.raises(ValueError, match=f"^{option}: 5 must be at most 4"):
        study(**{option: [5]}).runs(config(**{option: [5]}))


def test_discriminators_start_from_theta_0_only_where_their_generators_do() -> None:
    rewinding = config()
    rewind = Rewind(policy="rewind", step=5)
    rewinding.methods["generator"] = rewinding.methods["generator"].model_copy(update={"rewind": rewind})
    with pytest.raises(ValueError, match=r"^discriminator_levels: method 'generator' must reset .*'rewind'$"):
        study().methods(rewinding)


def test_options_that_change_nothing_are_one_line() -> None:
    with pytest.raises(ValueError, match="transfer_levels changes nothing without transfers: remove it"):
        study(transfers={})
    alone: dict = {"both": {}, "transfers": {}, "transfer_levels": []}
    with pytest.raises(ValueError, match=r"^discriminator_levels changes nothing without a GAN under tasks: remove"):
        study(tasks={"vae": "imp"}, **alone).methods(config(**alone))
    gans = alone | {"tasks": {"gan": "generator"}, "rewind_step": 5}
    with pytest.raises(ValueError, match=r"^rewind_step changes nothing where all tasks are GANs, .*: remove it$"):
        study(**gans).methods(config(**gans))


def test_figures_are_named_by_what_is_compared() -> None:
    names = study().figure_names(config())
    assert names == [
        "tickets-gan",
        "samples-gan",
        "players-gan",
        "transfer-gan",
        "tickets-vae",
        "samples-vae",
        "transfer-vae",
    ]
