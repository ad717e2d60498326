"""Data sets by name. Importing this package registers the built-in ones; heavy libraries wait until one is read."""

from lth_core.data import builtin, folder  # noqa: F401 (importing registers)
