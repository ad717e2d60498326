"""What all jobs share: they end with their parent, errors for users are one line, Ctrl-C is no error."""

from __future__ import annotations

import functools
import importlib
import os
import re
import sys
from collections.abc import Callable, Iterable

from lth_core.runtime.lifetime import end_with_named
from lth_core.runtime.sockets import shorten_temporary_paths

INTERRUPTED = 130
"""The exit status of a process that Ctrl-C ended, as shells have it."""

OUT_OF_MEMORY = r"DefaultCPUAllocator|CUDA out of memory|[Cc]an(no|')t allocate memory"
"""What torch's errors say where there is no memory left."""


def command(main: Callable[[], None]) -> Callable[[], None]:
    """Make `main` end with its parent, and with status 1 and one line on stderr for an error written for users.

    Those are the ValueErrors that lth_core itself defines (ArtifactError, DataError, UnknownName and their like), and
    what is raised when memory runs out.
    Any other exception is a bug and keeps its traceback. Ctrl-C ends it with status 130.
    """

    @functools.wraps(main)
    def wrapped() -> None:
        end_with_named()
        shorten_temporary_paths()
        try:
            main()
        except ValueError as error:
            if not type(error).__module__.startswith(("lth_core.", "__main__")):
                raise
            print("error:", " ".join(str(error).split()), file=sys.stderr)
            sys.exit(1)
        except (MemoryError, RuntimeError) as error:
            if not isinstance(error, MemoryError) and not re.search(OUT_OF_MEMORY, str(error)):
                raise
            reason = (str(error).splitlines() or ["no more to be had"])[0]
            print(f"error: out of memory ({reason}); run fewer jobs at once or smaller cohorts", file=sys.stderr)
            sys.exit(1)
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            sys.exit(INTERRUPTED)
        if main.__module__ == "__main__":
            _leave()

    return wrapped


def _leave() -> None:
    """End the process at once: all files are written, and to take torch apart would cost half a second per job."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def import_modules(modules: Iterable[str]) -> None:
    """Import the modules of the registered functions that a spec names; the user's lie in the current folder."""
    for module in modules:
        importlib.import_module(module)
