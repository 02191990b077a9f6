"""Process that holds the lock of an experiment folder."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import psutil

# A run works in the folder and is called by one of these names; so are its jobs, which are its children.
_NAMES = ("snakemake", "nernstfit")


def living_run(folder: Path) -> str:
    """Return the words for the oldest process of this machine that runs the workflow in a folder; '' for none.

    Parameters
    ----------
    folder : Path
        Experiment folder.

    Returns
    -------
    str
        Number of the process and the local time since which it runs.
    """
    place, found = str(folder.resolve()), []
    for process in psutil.process_iter():
        try:
            is_run = process.pid != os.getpid() and any(name in " ".join(process.cmdline()) for name in _NAMES)
            if is_run and process.cwd() == place:
                found.append((process.create_time(), process.pid))
        except (psutil.Error, OSError):  # it has ended, or belongs to somebody else
            continue
    if not found:
        return ""
    since, number = min(found)
    return f"process {number}, since {dt.datetime.fromtimestamp(since):%Y-%m-%d %H:%M}"
