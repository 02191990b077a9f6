"""Snakemake in this process, which has imported already what the workflow needs: its events, its lines, its end."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

from nernstfit.contract.errors import INTERRUPTED

Listener = Callable[[logging.LogRecord], None]

_PLUGIN = "nernstfit"


def call(arguments: Sequence[str], listeners: Sequence[Listener]) -> int:
    """Run Snakemake with the arguments of its command line.

    Parameters
    ----------
    arguments : sequence of str
    listeners : sequence of callable
        Called with each of its events, in a thread of their own.

    Returns
    -------
    int
        Its exit status; `INTERRUPTED` after Ctrl-C.
    """
    # An executor that sends jobs elsewhere starts each by `python -m` in the experiment folder, whose modules would
    # come before all others.
    os.environ["PYTHONSAFEPATH"] = "1"
    with _noting_interrupt() as interrupts:
        try:
            cli = importlib.import_module("snakemake.cli")
            _register(listeners)
            with contextlib.chdir(Path.cwd()):  # snakemake may end in another folder
                cli.main(["--logger", _PLUGIN, *arguments])
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        except KeyboardInterrupt:
            status = INTERRUPTED
        else:
            status = 0
    return INTERRUPTED if interrupts else status


@contextlib.contextmanager
def _noting_interrupt() -> Iterator[list[int]]:
    """Yield a list that holds each Ctrl-C: Snakemake itself ends after one as after any failure."""
    found: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        found.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, note)
    try:
        yield found
    finally:
        signal.signal(signal.SIGINT, before)


def _register(listeners: Sequence[Listener]) -> None:
    """Register a logger plugin that hands every event to the listeners, for this process alone."""
    base: Any = importlib.import_module("snakemake_interface_logger_plugins.base").LogHandlerBase
    registry = importlib.import_module("snakemake_interface_logger_plugins.registry").LoggerPluginRegistry()

    class Handler(base):  # type: ignore[misc]
        """Handler that writes nothing."""

        writes_to_stream = writes_to_file = has_formatter = needs_rulegraph = False
        has_filter = True

        def emit(self, record: logging.LogRecord) -> None:
            for listener in listeners:
                listener(record)

    registry.register_plugin(f"snakemake_logger_plugin_{_PLUGIN}", SimpleNamespace(LogHandler=Handler))


@contextlib.contextmanager
def errors_to(log: Path) -> Iterator[int]:
    """Append what this process and its children write to standard error to a file, while the context lasts.

    Yields
    ------
    int
        Descriptor of the stream that standard error was.
    """
    sys.stderr.flush()
    own = os.dup(2)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield own
    finally:
        sys.stderr.flush()
        os.dup2(own, 2)
        os.close(own)
