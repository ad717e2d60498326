"""Data sets and their transforms by name. Importing this package registers the built-in ones.

Heavy libraries wait until a data set is read.
"""

from lth_core.data import builtin, folder, transforms  # noqa: F401 (importing registers)
