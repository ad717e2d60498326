"""Make the mask of a level: rule `prune`.

Input: theta_0, the mask of the level before, and the weights that the training before started from or ended with, if
the criterion looks at them. Output: the mask.
"""

from __future__ import annotations

from lth_core.jobs.support.command import command, import_modules
from lth_core.jobs.support.masks import parser, write_masks


@command
def main() -> None:
    options = parser(__doc__).parse_args()
    import_modules(options.spec["modules"])
    write_masks(options)


if __name__ == "__main__":
    main()
