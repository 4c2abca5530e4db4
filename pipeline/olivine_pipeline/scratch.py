"""Temporary folders that go with their process; those of one that was killed go when the next is made."""

from __future__ import annotations

import os
import re
import shutil
import socket
import tempfile
from pathlib import Path


def scratch_folder() -> tempfile.TemporaryDirectory[str]:
    """A new empty folder, as a context manager; it is removed at the end of this process at the latest."""
    import psutil

    # By its host too: machines and containers may share a folder for temporary files, but not their processes.
    ours = f"olivine-{re.sub(r'[^A-Za-z0-9]', '', socket.gethostname())}-"
    for left in Path(tempfile.gettempdir()).glob(f"{ours}*"):
        pid = left.name[len(ours) :].partition("-")[0]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(left, ignore_errors=True)  # another person's stays
    return tempfile.TemporaryDirectory(prefix=f"{ours}{os.getpid()}-", ignore_cleanup_errors=True)
