"""The parts that every section of the config is made of: names, numbers, seeds, choices of registered functions."""

from __future__ import annotations

import os
import re
from pathlib import PurePath
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    model_validator,
)

NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,63}$"
COHORT_PATTERN = r"^(0|[1-9][0-9]{0,5})-(0|[1-9][0-9]{0,5})$"
FOLDER_PATTERN = r"^[^{}\x00-\x1f]+$"


def seeds_of(cohort: str) -> list[int]:
    """List the seeds of a cohort: "0-4" -> [0, 1, 2, 3, 4]. Raises ValueError if there are none."""
    first, last = map(int, cohort.split("-"))
    if last < first:
        raise ValueError(f"cohort '{cohort}' has no seeds: put the lower seed first")
    return list(range(first, last + 1))


def _no_device(name: str) -> str:
    if re.fullmatch(r"con|prn|aux|nul|com\d|lpt\d", name):
        raise ValueError(f"'{name}' cannot be the name of a folder on Windows: choose another")
    return name


def _plain_folder(path: str) -> str:
    """Write each folder in one way: Snakemake takes `results/` and `./results` for other files than `results`.

    A folder below the working directory is relative to it.
    """
    if path != path.strip():
        raise ValueError(f"'{path}' begins or ends with a blank: remove it")
    expanded = os.path.expanduser(path)
    if expanded.startswith("~"):
        raise ValueError(f"'{path}' names no user of this machine: give the folder itself")
    plain = PurePath(os.path.normpath(expanded))
    below = [here for here in (os.getcwd(), os.path.realpath(os.getcwd())) if plain.is_relative_to(here)]
    return str(plain.relative_to(below[0]) if below else plain)


def mixed(path: str) -> str:
    """Say why files cannot be computed into a folder that has others."""
    return f"'{path}' would mix what is computed with other files: name a folder in it"


def _with_name(path: str) -> str:
    if PurePath(path).name in ("", ".."):
        raise ValueError(mixed(path))
    return path


def _with_seeds(cohort: str) -> str:
    seeds_of(cohort)
    return cohort


def _prunes_something(density: Any) -> Any:
    if density == 1:
        raise ValueError(
            "1 keeps all weights: remove it (the whole network is measured anyway: level 0, untrained at step 0)"
        )
    return density


Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN), AfterValidator(_no_device)]
Kind = Literal["conv", "hidden", "output", "embedding", "recurrent", "attention", "edge", "latent"]
Rate = Annotated[float, Field(gt=0, lt=1)]
Density = Annotated[Rate, BeforeValidator(_prunes_something)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Step = Annotated[int, Field(ge=0)]
Cohort = Annotated[str, StringConstraints(pattern=COHORT_PATTERN), AfterValidator(_with_seeds)]
Folder = Annotated[str, StringConstraints(pattern=FOLDER_PATTERN), AfterValidator(_plain_folder)]
OutputFolder = Annotated[Folder, AfterValidator(_with_name)]


class Section(BaseModel):
    """A section of the config. Unknown keys are errors, and values never change after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Choice(Section):
    """A registered function: its `name`, and its options as further keys. A bare string is a name without options."""

    model_config = ConfigDict(extra="allow")

    name: str
    """The registered name."""

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, handler(core_schema)]}

    @classmethod
    def of(cls, name: str, **options: Any) -> Choice:
        """Return the choice of a registered function with options; the class declares none of them."""
        return cls.model_validate({"name": name, **options})

    @property
    def options(self) -> dict[str, Any]:
        """The options in the config; the pipeline supplies the function's other arguments."""
        return dict(self.model_extra or {})
