"""Progress of a run on a terminal: a bar of the recordings that are read and one of the stages."""

from __future__ import annotations

from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from nernstfit.running.course import Course

# At twice the rate the bars take twice the processor time, some ms a second; at half, the clock jumps.
REDRAWN_PER_SECOND = 2


class Bar:
    """Bars on a terminal, which are gone when the run has ended."""

    def __init__(self, terminal: TextIO) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[now]}"),
        )
        self._progress = Progress(
            *columns,
            console=Console(file=terminal),
            transient=True,
            refresh_per_second=REDRAWN_PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._recordings = self._progress.add_task("Measurements", total=None, visible=False, now="")
        self._stages = self._progress.add_task("Stages", total=None, now="planning")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, course: Course) -> None:
        """Show how far a run has come."""
        if course.to_read:
            read = min(course.have_read, course.to_read)
            self._progress.update(self._recordings, total=course.to_read, completed=read, visible=True)
        if course.stages:
            now = ", ".join(dict.fromkeys(course.running.values()))
            self._progress.update(self._stages, total=course.stages, completed=course.done, now=now)
