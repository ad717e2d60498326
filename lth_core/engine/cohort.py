"""A cohort: the stacked weights of R replicates, each computed as if it were alone.

Networks of linear layers have their gradients computed by hand (linear_network.py). So have those of which little is
kept, on the kept weights alone: networks of linear layers (sparse_network.py) and of convolutions (convolutions/). All
others are computed by autograd. On a CPU the replicates take turns, which is fastest there; on a GPU they are computed
together where their module allows it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lth_core.engine import sparse_network
from lth_core.engine.convolutions.choice import sparse_convolutions
from lth_core.engine.convolutions.replicate import SparseConvolutions
from lth_core.engine.linear_network import LinearNetwork
from lth_core.engine.module_network import Gradient, ModuleNetwork
from lth_core.engine.sparse_network import SparseNetwork, gradients_of_all, kept_share, outputs_of_all
from lth_core.engine.stacking import stacks
from lth_core.randomness import kept_generators, kept_torch_generators, seed_generators
from lth_core.storage.tensors import Tensors
from lth_core.tasks.base import Batch, Task, evaluation_piece

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Shaped


TRIED = 4
"""Examples on which a module is tried."""


def all_at_once(device: torch.device) -> bool:
    """Tell whether replicates are computed together where they can be, rather than in turn."""
    return device.type != "cpu"


@contextmanager
def _kept_draws(device: torch.device) -> Iterator[None]:
    """Leave all global generators of random numbers as they are."""
    with kept_torch_generators(device), kept_generators():
        yield


class Cohort:
    """Gradients and evaluation of R replicates.

    `parameters` and `buffers` map the module's names to tensors (R, ...). A part is what is computed at a time: one
    replicate's views of the parameters, or all of them. `trained` lists the tensors that training changes: of every
    part those named in `trainable` or, where few weights are kept, one vector of the kept weights per replicate.
    `gradients` returns theirs.
    """

    def __init__(
        self,
        task: Task,
        weights: dict[str, Tensor],
        pruned: Tensors | None = None,
        together: bool | None = None,
        on_kernels: bool = False,
    ):
        """Take the tensors (R, ...) of a cohort by name, which training changes in place.

        `pruned`: masks (R, ...) by name, of weights that are 0 where they are False, and stay so. `together`: whether
        replicates are computed at once; None: where that is faster and `stacks` holds. `on_kernels`: convolutions are
        computed by the kernels for kept weights, however many these are.
        """
        self.task, self.on_kernels = task, on_kernels
        self.module = task.module.to(task.device)
        self._parameters = {name: weights[name] for name, _ in self.module.named_parameters()}
        self.size = len(next(iter(self._parameters.values())))
        self.buffers = {
            name: weights[name] if name in weights else buffer.expand(self.size, *buffer.shape).clone()
            for name, buffer in self.module.named_buffers()
        }
        self.network = ModuleNetwork(task, self.module)
        self.trainable = [name for name in self._parameters if name in self.network.trainable]
        self.linear = LinearNetwork.of(self.module) if task.recipe.precision == "float32" else None
        self.together = all_at_once(task.device) and self.stacks() if together is None else together
        self.parts = [self._parameters] if self.together else [self._replicate(r) for r in range(self.size)]
        self.train_under(pruned)

    def train_under(self, pruned: Tensors | None) -> None:
        """Choose what is trained, and how: from the present values in `parts`, which are 0 where a mask is False."""
        self.trained = [part[name] for part in self.parts for name in self.trainable]
        self.sparse: list[SparseNetwork] = []
        share = kept_share(self.linear, self._parameters, pruned or {})
        self.sparse_evaluation = share <= sparse_network.DENSEST_EVALUATED
        if self.linear and pruned and share <= sparse_network.DENSEST:
            masks = [{name: kept[r] for name, kept in pruned.items()} for r in range(self.size)]
            self.sparse = [SparseNetwork(self.linear, *tensors) for tensors in zip(self.parts, masks, strict=True)]
            self.trained = [network.trained for network in self.sparse]
        self.convolutions: list[SparseConvolutions] = []
        few = self.on_kernels or (pruned and self.task.recipe.precision == "float32")
        if not self.linear and not self.together and few:
            buffers = [self._buffers(r) for r in range(self.size)]
            self.convolutions = sparse_convolutions(self.task, self.parts, buffers, pruned or {}, self.on_kernels)
            if self.convolutions:
                self.trained = [network.trained for network in self.convolutions]

    @property
    def on_kept_weights(self) -> bool:
        """Tell whether the kept weights alone are trained, so that what is pruned stays 0 by itself."""
        return bool(self.sparse or self.convolutions)

    @property
    def by_hand(self) -> bool:
        """Tell whether gradients are computed without the module: it draws nothing, and no gradient is missing."""
        return self.linear is not None or bool(self.convolutions)

    @property
    def parameters(self) -> dict[str, Float[Tensor, "replicate ..."]]:
        """Return the present parameters by name."""
        for network, part in zip(self.sparse or self.convolutions, self.parts, strict=False):
            network.write_into(part)
        return self._parameters

    @property
    def changing_buffers(self) -> dict[str, Tensor]:
        """Return the tensors of buffers that training changes in place, each by another name."""
        return self.buffers

    def stacks(self) -> bool:
        """Tell whether replicates can be computed at once, as they are in turn."""
        if self.linear:
            return True
        (batch,) = self.task.sample_batches("validation", TRIED)
        return stacks(self.network, self._parameters, self.buffers, batch.inputs)

    def _replicate(self, index: int) -> dict[str, Tensor]:
        return {name: value[index] for name, value in self._parameters.items()}

    # ------------------------------------------------------------ gradients

    def gradients(self, batch: Batch, noise_seeds: Sequence[int]) -> list[Gradient]:
        """Compute the gradient of each replicate's mean loss on its own minibatch, one per tensor of `trained`.

        It is None for tensors that the loss does not depend on.
        `batch` has a leading replicate axis; `noise_seeds`, one per replicate, seed what modules draw that take turns.
        Batch norm updates its statistics (`buffers`) in place.
        """
        if self.sparse:
            return [gradient for which, even in self._even(batch) for gradient in self._sparse_gradients(even, which)]
        if self.linear:
            batches = [(slice(None), batch)] if self.together else self._even(batch)
            return [
                gradient for which, even in batches for gradient in self._linear_gradients(self.linear, even, which)
            ]
        if self.convolutions:
            return self._convolution_gradients(batch)
        self.module.train()
        if self.together:
            return self.network.stacked_gradients(self._parameters, self.buffers, batch)
        replicates = [self._autograd(r, batch.replicate(r), noise_seeds[r]) for r in range(self.size)]
        return [gradient for gradients in replicates for gradient in gradients]

    def _even(self, batch: Batch) -> list[tuple[slice, Batch]]:
        """Batches of one length, each with the replicates that it is of: every one has its own where lengths differ."""
        if not batch.uneven:
            return [(slice(None), batch)]
        return [(slice(index, index + 1), batch.alone(index)) for index in range(self.size)]

    def _linear_gradients(self, network: LinearNetwork, batch: Batch, replicates: slice) -> list[Gradient]:
        inputs, parts = batch.inputs.flatten(2), self.parts if self.together else self.parts[replicates]
        pieces = [inputs] if self.together else inputs.unbind()
        values = [network.activations(part, piece) for part, piece in zip(parts, pieces, strict=True)]
        outputs = values[0][-1] if self.together else torch.stack([activations[-1] for activations in values])
        by_outputs = self.task.output_gradient(outputs, batch)
        by_piece = [by_outputs] if self.together else by_outputs.unbind()
        gradients: list[Gradient] = []
        for part, activations, gradient in zip(parts, values, by_piece, strict=True):
            by_name = network.gradients(part, activations, gradient)
            gradients += [by_name[name] for name in part]
        return gradients

    def _sparse_gradients(self, batch: Batch, replicates: slice) -> list[Gradient]:
        towards = partial(self.task.output_gradient, batch=batch)
        return [*gradients_of_all(self.sparse[replicates], batch.inputs.flatten(2), towards)]

    def _convolution_gradients(self, batch: Batch) -> list[Gradient]:
        for index, network in enumerate(self.convolutions):
            minibatch = batch.replicate(index)
            outputs = network.outputs(minibatch.inputs)
            with torch.enable_grad():
                loss = self.task.losses(outputs.requires_grad_(), minibatch).mean()
                network.fill_gradient(*torch.autograd.grad(loss, [outputs]))
        return [network.gradient for network in self.convolutions]

    def _autograd(self, index: int, batch: Batch, noise_seed: int) -> list[Gradient]:
        self._seed(noise_seed)
        return self.network.gradients(self.parts[index], self._buffers(index), batch)

    def _seed(self, seed: int) -> None:
        """Seed what the module may draw from: dropout, or whatever else it does."""
        seed_generators(seed)
        torch.default_generator.manual_seed(seed)
        if self.task.device.type == "cuda":
            torch.cuda.manual_seed(seed)

    def _buffers(self, index: int) -> dict[str, Tensor]:
        return {name: value[index] for name, value in self.buffers.items()}

    # ------------------------------------------------------------ evaluation

    @property
    def piece(self) -> int:
        """Return how many examples to evaluate at a time."""
        return evaluation_piece(self.linear is not None, self.task.device)

    @torch.no_grad()
    def evaluate(self, split: str) -> dict[str, list[float]]:
        """Measure every replicate on a split: mean "loss" and the task's metrics, by name; changes nothing.

        A replicate with a weight that is not finite has no loss (nan), one without a finite loss has no metrics.
        """
        with nullcontext() if self.by_hand else _kept_draws(self.task.device):
            measured = self.task.evaluate(split, self)
        loss = measured["loss"].where(self.finite(), math.nan)
        known = loss.isfinite()
        metrics = {name: values.where(known, math.nan) for name, values in measured.items() if name != "loss"}
        return {name: values.tolist() for name, values in {"loss": loss, **metrics}.items()}

    def finite(self) -> Bool[Tensor, " replicate"]:
        """Tell whether all weights of a replicate are finite."""
        if self.on_kept_weights:
            return torch.stack([trained.isfinite().all() for trained in self.trained])
        weights = [value.detach().reshape(self.size, -1) for value in self.parameters.values()]
        finite = torch.stack([value.sum(dim=1) for value in weights]).isfinite().all(dim=0)  # quick, but may overflow
        if not finite.all():
            finite = torch.stack([value.isfinite().all(dim=1) for value in weights]).all(dim=0)
        return finite

    def totals(
        self, sums: Float[Tensor, "quantity replicate"], examples: int
    ) -> tuple[Float[Tensor, "quantity replicate"], int]:
        """Add up sums over examples, and their number, of all processes."""
        return sums, examples

    @torch.no_grad()
    def evaluated(self, batch: Batch, noise: int = 0) -> dict[str, Float[Tensor, "replicate batch"]]:
        """Measure every replicate on every example of a batch: "loss" and the task's metrics, by name.

        `noise` seeds what modules draw even now, the same for all replicates.
        """
        measured = [self.task.measures(values, batch) for values in self._outputs(batch.inputs, noise)]
        return {name: torch.stack([values[name] for values in measured]) for name in measured[0]}

    @torch.no_grad()
    def outputs_of(self, inputs: Shaped[Tensor, "replicate batch ..."]) -> Float[Tensor, "replicate batch ..."]:
        """Compute the outputs of every replicate, as it evaluates, on inputs of its own."""
        if not self.by_hand:
            self.module.eval()
        if self.together and self.linear:
            return self.linear.activations(self._parameters, inputs.flatten(2))[-1]
        if self.together:
            return self.network.stacked_outputs_of(self._parameters, self.buffers, inputs)
        return torch.stack([self._output(index, values) for index, values in enumerate(inputs)])

    def at_present(self) -> Callable[[Tensor], Tensor]:
        """Return `outputs_of` for many calls on few examples before the next step."""
        if self.linear and self.task.device.type == "cpu":
            return self.linear.outputs_of_few(self.parameters)
        return self.outputs_of

    def _outputs(self, inputs: Shaped[Tensor, "batch ..."], noise: int = 0) -> Iterable[Float[Tensor, "batch ..."]]:
        """The outputs of each replicate on the same inputs."""
        if not self.by_hand:
            self.module.eval()
        if self.together:
            return self._stacked_outputs(inputs).unbind()
        if self.sparse and self.sparse_evaluation:
            return outputs_of_all(self.sparse, inputs.flatten(1))
        return [self._output(index, inputs, noise) for index in range(self.size)]

    def _stacked_outputs(self, inputs: Float[Tensor, "batch ..."]) -> Float[Tensor, "replicate batch ..."]:
        if self.linear:
            return self.linear.activations(self._parameters, inputs.flatten(1).expand(self.size, -1, -1))[-1]
        return self.network.stacked_outputs(self._parameters, self.buffers, inputs)

    def _output(self, index: int, inputs: Shaped[Tensor, "batch ..."], noise: int = 0) -> Float[Tensor, "batch ..."]:
        """One replicate's outputs, computed in turn."""
        if self.sparse and self.sparse_evaluation:
            return outputs_of_all([self.sparse[index]], inputs.flatten(1))[0]
        if self.convolutions:
            return self.convolutions[index].evaluated(inputs)
        if self.linear:
            if self.sparse:
                self.sparse[index].write_into(self.parts[index])
            return self.linear.activations(self._replicate(index), inputs.flatten(1))[-1]
        self._seed(noise)
        buffers = {name: value.clone() for name, value in self._buffers(index).items()}  # modules may change them,
        return self.network.outputs(self._replicate(index), buffers, inputs.clone())  # and their inputs, in place
