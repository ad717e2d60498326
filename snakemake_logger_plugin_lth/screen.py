"""Lines on a terminal or in a file: messages that stay and, on a terminal, a block below them that is redrawn."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import TextIO

DOTS = "..."


class Screen:
    """Print messages, which scroll, and a block (`show`), which is replaced in place.

    The cursor rests below the block and is never hidden. Without a terminal `live` is False and blocks are not shown. A
    stream that cannot be written to any more is ignored.
    """

    def __init__(self, stream: TextIO):
        self._stream = stream
        self._height = 0
        self.live = stream.isatty() and os.environ.get("TERM") != "dumb"

    def say(self, text: str) -> None:
        """Print a message that stays. It overwrites the block, which the next `show` draws again."""
        self._write(self._erase() + text.rstrip("\n") + "\n")
        self._height = 0

    def show(self, lines: Sequence[str]) -> None:
        """Replace the block, each line cut to the terminal's width and the block to its height."""
        if not self.live:
            return
        columns, rows = self._size()
        fitting = [shortened(line, columns - 1) for line in lines[-(rows - 1) :]]
        self._write(self._erase() + "".join(f"{line}\n" for line in fitting))
        self._height = len(fitting)

    def keep(self) -> None:
        """Let the block stay, too."""
        self._height = 0

    def _erase(self) -> str:
        return f"\r\033[{self._height}A\033[J" if self._height else ""

    def _size(self) -> tuple[int, int]:
        try:
            columns, rows = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            columns, rows = 0, 0
        return columns or 80, rows if rows > 1 else 24

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self.live = False
            self._discard()

    def _discard(self) -> None:
        """Nobody reads any more: what is still buffered would make Python end with an error."""
        with suppress(OSError, ValueError), open(os.devnull, "w") as nothing:
            os.dup2(nothing.fileno(), self._stream.fileno())


def shortened(line: str, width: int) -> str:
    """Cut a line that is longer than `width` between two words, with dots to say so; one long word is cut anywhere."""
    if len(line) <= width:
        return line
    end = max(width - len(DOTS), 0)
    words = line[:end] if line[end].isspace() else line[:end].rpartition(" ")[0]
    return ((words.rstrip() or line[:end]) + DOTS)[:width]
