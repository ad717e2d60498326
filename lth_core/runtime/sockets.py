"""Sockets that lie in files: the system limits the path of each to about a hundred bytes, which TMPDIR may exceed.

That is so in jobs of some clusters. Python's multiprocessing, which hands decoded images over, then waits for ever.
"""

from __future__ import annotations

import os
import tempfile

LONGEST_PATH = 103
"""Bytes of a socket's path: 107 on Linux, 103 on macOS."""
LONGEST_NAME = len("/pymp-12345678/listener-12345678")
"""What is added to the folder of temporary files, by multiprocessing; the job server adds less."""
SHORT_FOLDERS = ("/tmp", "/var/tmp")


def socket_folder() -> str | None:
    """Return the folder of temporary files, or another one if its path is too long for sockets; None without any."""
    for folder in (tempfile.gettempdir(), *SHORT_FOLDERS):
        if len(os.fsencode(folder)) + LONGEST_NAME <= LONGEST_PATH and os.access(folder, os.W_OK | os.X_OK):
            return folder
    return None


def shorten_temporary_paths() -> None:
    """Let this process and those that it forks make temporary files where sockets can be."""
    tempfile.tempdir = socket_folder() or tempfile.gettempdir()
