"""Generation: what an objective makes of images before a network learns to make images, and how images are drawn.

Whatever is random in a batch is among its inputs, so that losses are functions of weights and batch alone. An objective
names its generation at registration (`generates`); torch waits until its methods are called.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from lth_core.models.requirements import ModelError, require

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn


class Generation(Protocol):
    """How batches are made of pixels and noise, and images of a trained network. Pixels are in [0, 1], in a row."""

    def check(self, module: nn.Module, pixels: int) -> None:
        """Check that a module is of the kind that is trained so. Raises ModelError."""
        ...

    def noise(self, module: nn.Module, pixels: int, count: int, rng: np.random.Generator) -> np.ndarray:
        """Draw the noise of `count` examples, float32 (count, ...)."""
        ...

    def examples(self, module: nn.Module, pixels: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Make inputs (..., pixels + module.extra_inputs) and targets (..., pixels) of pixels and noise (..., _)."""
        ...

    def draw(self, module: nn.Module, pixels: int, count: int, rng: np.random.Generator) -> Tensor:
        """Draw images (count, pixels) with the module's weights; where sampling diverges they are not finite."""
        ...


class Latents:
    """Images are functions of latent numbers, which are standard normal: `module.generator` gives a pixel's logit.

    The latent numbers of a batch stand after the pixels; there are `module.extra_inputs` of them.
    """

    def check(self, module: nn.Module, pixels: int) -> None:
        """Check that the module has latent numbers and a generator. Raises ModelError."""
        fits = isinstance(getattr(module, "extra_inputs", None), int) and hasattr(module, "generator")
        require(fits, "images are drawn from latent numbers: it needs a `generator` of them, as vae has")

    def noise(self, module: nn.Module, pixels: int, count: int, rng: np.random.Generator) -> np.ndarray:
        """Draw latent numbers (count, latents)."""
        import numpy as np

        return rng.standard_normal((count, latents_of(module)), dtype=np.float32)

    def examples(self, module: nn.Module, pixels: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Put latent numbers after the pixels, which are also the targets."""
        import torch

        return torch.cat([pixels, noise], dim=-1), pixels

    def draw(self, module: nn.Module, pixels: int, count: int, rng: np.random.Generator) -> Tensor:
        """Generate images from latent numbers: each pixel is its mean."""
        import torch

        generator = module.generator
        assert isinstance(generator, torch.nn.Module)
        latents = torch.from_numpy(self.noise(module, pixels, count, rng))
        return generator(latents.to(next(generator.parameters()).device)).sigmoid()


@contextmanager
def needing(what: str, objective: str, like: str) -> Iterator[None]:
    """Say in a ModelError `what` an objective needs, and a model `like` that, where a module is another."""
    try:
        yield
    except ModelError as error:
        raise ModelError(
            f"objective '{objective}' needs {what}: choose a model like '{like}', or another objective ({error})"
        ) from None


def latents_of(module: nn.Module) -> int:
    """Count the numbers that a module takes besides the pixels of an image."""
    extra = module.extra_inputs
    assert isinstance(extra, int)
    return extra
