"""Generative adversarial networks (Goodfellow et al. 2014): two players, one loss, each with its own gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lth_core.metrics import Metric
from lth_core.registry import objective
from lth_core.tasks.generation import Latents, latents_of, needing

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor, nn

    from lth_core.tasks.base import Examples

SCORES = 3
"""Numbers that a network returns of an example."""

FOOLED = Metric("fooled", "generated images taken for real", "percentage points", scale=100, percent=True)
"""The part of generated images that the discriminator takes for real: how the two players stand against each other, not
how good images are. That is what samples are judged for."""


class Generated(Latents):
    """Images of a generator that is trained against a discriminator."""

    def check(self, module: nn.Module, pixels: int) -> None:
        """Check that the module has both. Raises ModelError."""
        from lth_core.models.outputs import check_outputs

        wanted = {"scores (of a real image, of a generated one, and of this with a constant discriminator)": SCORES}
        with needing("a generator and a discriminator", "gan", like="gan"):
            super().check(module, pixels)
            check_outputs(module, (pixels + latents_of(module),), wanted)


@objective("gan", data="images", metrics=(FOOLED,), generates=Generated)
def gan(outputs: Float[Tensor, "batch 3"], batch: Examples) -> dict[str, Tensor]:
    """Tell real images from generated ones, and generate images that are taken for real (Goodfellow et al. 2014).

    The loss of an example is the sum of both players' in the non-saturating form, in nats: the discriminator's
    cross-entropy on a real image and on a generated one that is a constant, and the generator's, whose image is to be
    taken for real by a discriminator that is a constant. Both players are updated at once by the recipe's optimizer.

    Outputs are logits of being real (see `SCORES`).
    """
    from torch.nn.functional import softplus

    real, constant_fake, fake = outputs.unbind(dim=-1)
    return {"loss": softplus(-real) + softplus(constant_fake) + softplus(-fake), "fooled": fake > 0}
