"""Denoising diffusion: the noise in images, predicted (Ho et al. 2020)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from lth_core.metrics import Metric
from lth_core.models.requirements import require
from lth_core.registry import objective
from lth_core.tasks.generation import latents_of, needing

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float
    from torch import Tensor, nn

    from lth_core.tasks.base import Examples

DENOISING = Metric("denoising", "denoising loss", "squared noise", higher_is_better=False, matching=0.005)
"""The squared error of the predicted noise, averaged over pixels; 1 for a network that always predicts 0. It matches up
to 0.005 above, which no paper defines: half a percent of that."""

NOISE_STEPS = 50
OFFSET = 0.008
"""Nichol & Dhariwal 2021, equation 17: keeps the first steps of noise from being too small."""


@dataclass(frozen=True)
class Denoised:
    """Images come out of noise in `noise_steps` steps, each of which takes a part of the predicted noise away.

    Pixels lie in [-1, 1] there. The schedule of noise is the cosine of Nichol & Dhariwal 2021, which suits few steps.
    """

    noise_steps: int = NOISE_STEPS

    def check(self, module: nn.Module, pixels: int) -> None:
        """Check that the module takes an image with features of time, and predicts its noise. Raises ModelError."""
        from lth_core.models.outputs import check_outputs

        extra = getattr(module, "extra_inputs", None)
        even = isinstance(extra, int) and extra > 0 and extra % 2 == 0
        with needing("a network that predicts the noise in an image", "diffusion", like="denoiser"):
            require(even, "it needs an even number of `time_features`")
            check_outputs(module, (pixels + latents_of(module),), {"numbers (the noise of every pixel)": pixels})

    def noise(self, module: nn.Module, pixels: int, count: int, rng: np.random.Generator) -> np.ndarray:
        """Draw the noise of every pixel and, last, a uniform number for the time (count, pixels + 1)."""
        import numpy as np

        noise = rng.standard_normal((count, pixels), dtype=np.float32)
        return np.concatenate([noise, rng.random((count, 1), dtype=np.float32)], axis=1)

    def examples(self, module: nn.Module, pixels: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Add noise to images: inputs are the noisy image and the features of its time, targets the noise."""
        noise, uniform = noise[..., :-1], noise[..., -1:]
        time = 1 + (uniform * self.noise_steps).floor().clamp(max=self.noise_steps - 1)
        kept = self.kept(time)
        noisy = kept.sqrt() * (2 * pixels - 1) + (1 - kept).sqrt() * noise
        return self.inputs(module, noisy, time), noise

    def inputs(self, module: nn.Module, noisy: Tensor, time: Tensor) -> Tensor:
        """Put sines and cosines of the time (..., 1), of rising frequencies, after noisy images (..., pixels)."""
        import torch

        frequencies = torch.arange(1, latents_of(module) // 2 + 1, device=noisy.device)
        angles = math.pi * frequencies * time / self.noise_steps
        return torch.cat([noisy, angles.sin(), angles.cos()], dim=-1)

    def kept(self, time: Tensor) -> Tensor:
        """Return what part of an image's variance is left after `time` steps: alpha bar, 1 at step 0."""
        angle = (time / self.noise_steps + OFFSET) / (1 + OFFSET) * math.pi / 2
        return (angle.cos() / math.cos(OFFSET / (1 + OFFSET) * math.pi / 2)).square().clamp(min=1e-5)

    def draw(self, module: nn.Module, pixels: int, count: int, rng: np.random.Generator) -> Tensor:
        """Draw images by going back from pure noise (Ho et al. 2020, algorithm 2), whose estimates stay in [-1, 1].

        Images are nan from where the network predicts noise that is not finite.
        """
        import numpy as np
        import torch

        device = next(module.parameters()).device

        def normal() -> Tensor:
            return torch.from_numpy(rng.standard_normal((count, pixels), dtype=np.float32)).to(device)

        images = normal()
        for step in range(self.noise_steps, 0, -1):
            time = torch.full((count, 1), float(step), device=device)
            after, before = self.kept(time), self.kept(time - 1)
            predicted = module(self.inputs(module, images, time))
            clean = ((images - (1 - after).sqrt() * predicted) / after.sqrt()).clamp(-1, 1)
            step_kept = after / before
            mean = before.sqrt() * (1 - step_kept) * clean + step_kept.sqrt() * (1 - before) * images
            deviation = ((1 - step_kept) * (1 - before) / (1 - after)).sqrt()
            images = mean / (1 - after) + (deviation * normal() if step > 1 else 0.0)
            images = images.where(predicted.isfinite(), math.nan)
        return ((images + 1) / 2).clamp(0, 1)


def gradient(
    outputs: Float[Tensor, "replicate batch pixels"], batch: Examples, label_smoothing: float = 0.0
) -> Float[Tensor, "replicate batch pixels"]:
    """Compute the gradient of every replicate's mean loss by its outputs, by hand, which is faster."""
    return (outputs - batch.targets) * (2 / (outputs.shape[-1] * outputs.shape[-2]))


@objective("diffusion", data="images", metrics=(DENOISING,), gradient=gradient, generates=Denoised)
def diffusion(
    outputs: Float[Tensor, "batch pixels"],
    batch: Examples,
    noise_steps: Annotated[int, Field(ge=2)] = NOISE_STEPS,
) -> dict[str, Tensor]:
    """Predict the noise that was added to an image: the squared error, averaged over pixels (Ho et al. 2020, eq. 14).

    Every image has noise of one of `noise_steps` times, by the cosine schedule of Nichol & Dhariwal 2021; images are
    drawn in as many steps.
    """
    loss = (outputs - batch.targets).square().mean(dim=-1)
    return {"loss": loss, "denoising": loss}
