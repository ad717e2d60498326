"""What a ticket starts from: which weights, and which learning rate."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import field_validator, model_serializer, model_validator

from lth_core.config.sections import Section, Step

Policy = Literal["reset", "rewind", "rewind-low-rate", "lr-rewind", "fine-tune"]
TO_A_STEP = ("rewind", "rewind-low-rate")
"""The policies that go back to the weights of a step, which must be given."""


class Rewind(Section):
    """The weights and the learning rate that a ticket starts from."""

    policy: Policy = "reset"
    """Start from theta_0 (`reset`), from step k (`rewind`, `rewind-low-rate`) or from the trained weights (`lr-rewind`,
    `fine-tune`)."""
    step: Step = 0
    """The step k at which the schedule starts again; `rewind` and `rewind-low-rate` need it. `rewind-low-rate` and
    `fine-tune` keep its last learning rate."""

    @field_validator("policy", mode="before")
    @classmethod
    def _has_its_new_name(cls, policy: Any) -> Any:
        if policy == "continue":
            raise ValueError("'continue' is now called 'lr-rewind'")
        return policy

    @model_validator(mode="after")
    def _reset_is_to_step_0(self) -> Rewind:
        if self.policy == "reset" and self.step:
            raise ValueError("policy 'reset' goes back to step 0: remove step, or use policy 'rewind'")
        return self

    @model_validator(mode="after")
    def _rewinds_to_a_step(self) -> Rewind:
        if self.policy in TO_A_STEP and "step" not in self.model_fields_set:
            raise ValueError(f"policy '{self.policy}' goes back to a step of training: add step (0: theta_0)")
        return self

    @model_serializer(mode="wrap")
    def _with_the_step(self, write: Any, info: Any) -> dict[str, Any]:
        """Write a step that has to be given, even where it is what would be the default."""
        written = write(self)
        if info.exclude_defaults and self.policy in TO_A_STEP:
            written["step"] = self.step
        return written

    @property
    def keeps_trained(self) -> bool:
        """Whether tickets start from trained weights."""
        return self.policy in ("lr-rewind", "fine-tune")

    @property
    def last_rate(self) -> bool:
        """Whether tickets are trained at the schedule's last learning rate throughout."""
        return self.policy in ("fine-tune", "rewind-low-rate")
