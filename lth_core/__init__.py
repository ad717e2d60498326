"""lth: the lottery-ticket literature as one cached, extensible pipeline."""

__version__ = "0.1.0"
