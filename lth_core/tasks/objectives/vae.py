"""Variational autoencoders: the evidence lower bound of images (Kingma & Welling 2014)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from lth_core.metrics import Metric
from lth_core.registry import objective
from lth_core.tasks.generation import Latents, latents_of, needing

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor, nn

    from lth_core.tasks.base import Examples

NEGATIVE_ELBO = Metric("negative_elbo", "negative ELBO", "nats", higher_is_better=False, matching=1.0)
"""The negative evidence lower bound of an image, with a KL weight of 1. It matches up to 1 nat above, which no paper
defines: one percent of what small networks reach on MNIST."""
RECONSTRUCTION = Metric("reconstruction", "reconstruction error", "nats", higher_is_better=False, matching=1.0)
"""The part of it that is the negative log-likelihood of the pixels."""


class Encoded(Latents):
    """Images of an autoencoder, which returns the logits of the pixels, then mean and log variance of the latents."""

    def check(self, module: nn.Module, pixels: int) -> None:
        """Check that the module is an autoencoder. Raises ModelError."""
        from lth_core.models.outputs import check_outputs

        with needing("an encoder and a decoder", "vae", like="vae"):
            super().check(module, pixels)
            latents = latents_of(module)
            wanted = {"numbers (logits of the pixels, mean and log variance of the latents)": pixels + 2 * latents}
            check_outputs(module, (pixels + latents,), wanted)


@objective("vae", data="images", metrics=(NEGATIVE_ELBO, RECONSTRUCTION), generates=Encoded)
def vae(
    outputs: Float[Tensor, "batch outputs"], batch: Examples, kl_weight: Annotated[float, Field(ge=0)] = 1.0
) -> dict[str, Tensor]:
    """Encode images into latent numbers and decode them: the negative ELBO, in nats per image (Kingma & Welling 2014).

    Pixels in [0, 1] are Bernoulli variables, or their means. One latent vector is drawn for each image. `kl_weight`
    multiplies the divergence of the latents from the standard normal in the loss (beta-VAE), not in the metric.
    """
    from torch.nn.functional import binary_cross_entropy_with_logits

    pixels = batch.targets.shape[-1]
    logits, (mean, log_variance) = outputs[..., :pixels], outputs[..., pixels:].chunk(2, dim=-1)
    reconstruction = binary_cross_entropy_with_logits(logits, batch.targets, reduction="none").sum(dim=-1)
    divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=-1) / 2
    return {
        "loss": reconstruction + kl_weight * divergence,
        "negative_elbo": reconstruction + divergence,
        "reconstruction": reconstruction,
    }
