"""Texts and environments: what does not go together with a kind of data is one line before anything runs."""

# ruff: noqa: E501 (the table has the lines as users see them)

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lth_core import registry
from tests.support.config_samples import CONTROL, LANGUAGE, LSTM, POLE, TASK, errors_of, with_known_names
from tests.support.config_samples import GOOD as IMAGES


def text(path: str, context: int = 64, train: str = "{}") -> str:
    """A data set of a file, and the task that is trained on it."""
    source = f"{{name: text, path: {path}, context: {context}}}"
    return f"{{datasets: {{mine: {{source: {source}}}}}, tasks: {{lstm: {{dataset: mine, train: {train}}}}}}}"


def environment(id: str) -> str:
    return f"{{datasets: {{mine: {{source: {{name: gymnasium, id: '{id}'}}}}}}, tasks: {{pole: {{dataset: mine}}}}}}"


BAD = [
    # objectives, models and data of different kinds
    (IMAGES, TASK % "objective: language", "tasks.digits-lenet.objective: 'language' takes text, but 'digits' is of kind images, which goes with classification, diffusion, gan and vae"),
    (LANGUAGE, LSTM % "objective: actor-critic", "tasks.lstm.objective: 'actor-critic' takes environment, but 'english' is of kind text, which goes with language"),
    (LANGUAGE, LSTM % "model: mlp", "tasks.lstm.model: 'mlp' needs features and outputs, which 'english' (text) does not have"),
    (CONTROL, POLE % "dataset: english, model: lstm", "tasks.pole.objective: 'actor-critic' takes environment, but 'english' is of kind text, which goes with language"),
    (CONTROL, POLE % "objective: classification", "tasks.pole.objective: 'classification' takes images or graph or labelled-texts, but 'cartpole' is of kind environment, which goes with actor-critic"),
    (LANGUAGE, LSTM % "dataset: digits-graph, model: gcn", "tasks.lstm.objective: 'language' takes text, but 'digits-graph' is of kind graph, which goes with classification"),
    (IMAGES, TASK % "model: gcn", "tasks.digits-lenet.model: 'gcn' needs graph, which 'digits' (images) does not have"),
    (IMAGES, TASK % "dataset: digits-graph", "tasks.digits-lenet.model: 'lenet' needs input_shape, which 'digits-graph' (graph) does not have"),
    # objectives and their options
    (LANGUAGE, LSTM % "objective: langauge", "tasks.lstm.objective: unknown objective 'langauge'; did you mean 'language'? (known: {objective})"),
    (CONTROL, POLE % "objective: {name: actor-critic, discont: 0.9}", "tasks.pole.objective.discont: unknown option of objective 'actor-critic'; did you mean 'discount'?"),
    (CONTROL, POLE % "objective: {name: actor-critic, discount: high}", "tasks.pole.objective.discount: must be a number (got 'high')"),
    (CONTROL, POLE % "objective: {name: actor-critic, discount: 2}", "tasks.pole.objective.discount: must be at most 1 (got 2)"),
    (CONTROL, POLE % "objective: {name: actor-critic, evaluation_episodes: 0}", "tasks.pole.objective.evaluation_episodes: must be greater than 0 (got 0)"),
    (LANGUAGE, LSTM % "objective: 3", "tasks.lstm.objective: must be a name, or a map with a name (got 3)"),
    # models and their options
    (LANGUAGE, LSTM % "model: {width: 1.5}", "tasks.lstm.model.width: must be a whole number (got 1.5)"),
    (LANGUAGE, LSTM % "model: {layers: 0}", "tasks.lstm.model.layers: must be greater than 0 (got 0)"),
    (LANGUAGE, LSTM % "model: {tied: 1}", "tasks.lstm.model.tied: must be true or false (got 1)"),
    (LANGUAGE, LSTM % "model: {dropout: 1}", "tasks.lstm.model.dropout: must be less than 1 (got 1)"),
    (LANGUAGE, LSTM % "model: {vocabulary: 3}", "tasks.lstm.model.vocabulary: unknown option of model 'lstm' (known: dropout, layers, prune_embeddings, tied, width)"),
    # recipes of images
    (CONTROL, POLE % "train: {label_smoothing: 0.1}", "tasks.pole.train.label_smoothing: 'actor-critic' has no labels to smooth: remove it"),
    (LANGUAGE, LSTM % "train: {augment: crop-flip}", "tasks.lstm.train.augment: 'crop-flip' is for images, not text"),
    (CONTROL, POLE % "train: {augment: resized-crop-flip}", "tasks.pole.train.augment: 'resized-crop-flip' is for images, not environment"),
    (LANGUAGE, "{datasets: {mine: {source: english, transforms: [{name: subset, examples: 4}]}}, tasks: {lstm: {dataset: mine}}}", "datasets.mine.transforms: transforms are of images, and 'english' is of kind text"),
    (CONTROL, POLE % "train: {test_folds: 10}", "tasks.pole.train.test_folds: episodes are no test examples: remove it"),
    (CONTROL, "{datasets: {mine: {source: cartpole, transforms: [blur]}}, tasks: {pole: {dataset: mine}}}", "datasets.mine.transforms: transforms are of images, and 'cartpole' is of kind environment"),
    # sizes
    (LANGUAGE, LSTM % "train: {evaluate_every: 21}", "tasks.lstm.train: evaluate_every (21) must be at most steps (20)"),
    (CONTROL, "methods: {imp: {rewind: {policy: rewind, step: 20}}}", "methods.imp.rewind.step: 20 must be less than 20, the last step of task 'pole', in study 'toy'"),
    (LANGUAGE, text("long.txt", train="{batch_size: 40}"), "tasks.lstm.train.batch_size: 40 is more than the 22 training examples of 'mine'"),
    (IMAGES, TASK % "dataset: digits-graph, model: gcn, processes: 2", "tasks.digits-lenet.processes: 2 cannot share a graph: set 1"),
    (IMAGES, TASK % "dataset: digits-graph, model: gcn, train: {batch_size: 51}", "tasks.digits-lenet.train.batch_size: 51 is more than the 50 training examples of 'digits-graph'"),
    (CONTROL, POLE % "processes: 2", "tasks.pole.processes: 2 cannot share the episodes of a policy: set 1"),
    # texts
    (LANGUAGE, text("short.txt"), "datasets.mine.source: data/short.txt: 1,299 characters are too few for context 64, which needs 1,300: give more text, or a smaller context"),
    (LANGUAGE, text("long.txt", 100), "datasets.mine.source: data/long.txt: 1,600 characters are too few for context 100, which needs 2,020: give more text, or a smaller context"),
    (LANGUAGE, text("missing.txt"), "datasets.mine.source: data/missing.txt: cannot be read (No such file or directory): put a text file or a folder of them there"),
    (LANGUAGE, text("empty"), "datasets.mine.source: data/empty: has no files: put text files into it"),
    (LANGUAGE, text("../data"), "datasets.mine.source.path: '../data' leads out of data_root: give a folder below it (which may be a link)"),
    (LANGUAGE, "{datasets: {mine: {source: {name: shakespeare, context: 99999}}}, tasks: {lstm: {dataset: mine}}}", "datasets.mine.source: Tiny Shakespeare: 1,115,394 characters are too few for context 99999, which needs 2,000,000: give more text, or a smaller context"),
    # environments
    (CONTROL, environment("Pendulum-v1"), "datasets.mine.source: environment 'Pendulum-v1' cannot be used: its actions are continuous: Box(1,), and must be Discrete"),
    (CONTROL, environment("Blackjack-v1"), "datasets.mine.source: environment 'Blackjack-v1' cannot be used: its observations are Tuple(Discrete(32), Discrete(11), Discrete(2)), and must be a flat Box: one row of numbers"),
    (CONTROL, environment("CartPole"), "datasets.mine.source: unknown environment 'CartPole'; did you mean 'CartPole-v1'? gymnasium.pprint_registry() lists those that there are, and a plugin can import or register others"),
    (CONTROL, POLE % "dataset: gymnasium", "tasks.pole.dataset: data set 'gymnasium' needs id: give it an entry under datasets"),
    (CONTROL, "datasets: {mine: {source: {name: gymnasium, id: 3}}}", "datasets.mine.source.id: must be text (got 3)"),
    # graphs
    (IMAGES, "{datasets: {mine: {source: {name: digits-graph, labelled: 122}}}, tasks: {digits-lenet: {dataset: mine, model: gcn}}}", "datasets.mine.source: labelled: some class has 121 training images, not 122"),
    (IMAGES, TASK % "dataset: planetoid, model: gcn", "tasks.digits-lenet.dataset: data set 'planetoid' needs graph: give it an entry under datasets"),
    (IMAGES, "{datasets: {mine: {source: {name: planetoid, graph: dblp}}}, tasks: {digits-lenet: {dataset: mine, model: gcn}}}", "datasets.mine.source.graph: must be one of 'cora', 'citeseer', 'pubmed' (got 'dblp')"),
    (IMAGES, TASK % "dataset: digits-graph, model: {name: gcn, hidden: 0}", "tasks.digits-lenet.model.hidden: must be greater than 0 (got 0)"),
    # data sets of plugins
    (LANGUAGE, LSTM % "dataset: videos", "tasks.lstm.dataset: 'videos' is registered with the kind 'videos' (known: images, text, labelled-texts, points, environment, graph)"),
    (LANGUAGE, LSTM % "dataset: raising", "datasets.raising.source: 'raising' failed: KeyError: 'characters'"),
]  # fmt: skip


def raising(**options: Any) -> dict[str, Any]:
    """What is known, by a plugin that fails."""
    return {"vocabulary": options["characters"]}


def registered() -> None:
    """What anyone registers, whatever it does."""


@pytest.fixture(autouse=True)
def _files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "data" / "empty").mkdir(parents=True)
    (tmp_path / "data" / "short.txt").write_text("abc" * 433)
    (tmp_path / "data" / "long.txt").write_text("ab" * 800)
    for known, name, facts in (
        (registry.dataset, "videos", {"kind": "videos"}),
        (registry.dataset, "raising", {"kind": "text", "known": raising}),
    ):
        monkeypatch.setitem(known._functions, name, registered)
        monkeypatch.setitem(known._facts, name, facts)


@pytest.mark.parametrize("config", [LANGUAGE, CONTROL])
def test_good_configs_of_texts_and_environments_have_no_errors(config: str) -> None:
    assert errors_of(config) == []


@pytest.mark.parametrize(("config", "fragment", "expected"), BAD, ids=[expected[:60] for *_, expected in BAD])
def test_what_does_not_fit_the_kind_of_data_is_one_line(config: str, fragment: str, expected: str) -> None:
    assert errors_of(config, fragment) == [with_known_names(expected)]


def test_a_network_without_what_it_needs_is_named_beside_its_objective() -> None:
    assert errors_of(LANGUAGE, LSTM % "dataset: digits") == [
        "tasks.lstm.objective: 'language' takes text, but 'digits' is of kind images, which goes with classification, diffusion, gan and vae",
        "tasks.lstm.model: 'lstm' needs vocabulary, which 'digits' (images) does not have",
    ]


def test_a_mistake_is_said_of_the_task_that_is_written_not_of_those_that_studies_derive() -> None:
    wrong = "tasks.lstm.train.augment: 'crop-flip' is for images, not text"
    study = "methods: {imp: {levels: 1}}, studies: {yu2019: {tasks: {lstm: imp}}}"
    assert errors_of(LANGUAGE, f"{{tasks: {{lstm: {{train: {{augment: crop-flip}}}}}}, {study}}}") == [wrong]


def test_a_missing_package_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import gymnasium

    def lacking(*_: Any, **__: Any) -> None:
        raise gymnasium.error.DependencyNotInstalled("Box2D is not installed:\nrun `pip install gymnasium[box2d]`")

    monkeypatch.setattr(gymnasium, "make", lacking)
    needs = "needs a package that is not installed: Box2D is not installed: run `pip install gymnasium[box2d]`"
    assert errors_of(CONTROL, environment("LunarLander-v3")) == [
        f"datasets.mine.source: environment 'LunarLander-v3' {needs}"
    ]
