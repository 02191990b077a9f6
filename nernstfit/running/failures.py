"""Sentences for a run that did not end well: what happened, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from nernstfit.contract.errors import InputError
from nernstfit.contract.files import typed
from nernstfit.running.course import OUTCOME, Course
from nernstfit.running.locks import living_run

_KILLED = re.compile(
    r"scripts/tmp\w+\.(\w+)\.py' (?:died with <Signals\.(\w+)|returned non-zero exit status (137|143))"
)
_SIGNALS = {"137": "SIGKILL", "143": "SIGTERM"}  # as a shell gives them: 128 and the number of the signal
# The last line of a traceback in the log: the name of an exception, then its words.
_EXCEPTION = re.compile(r"^Traceback .*\n(?:[ ].*\n)+((?:\w+\.)*\w+(?:: .*)?)$", re.MULTILINE)


def sentences(course: Course, folder: Path, log: Path | None, text: str) -> Iterator[str]:
    """Yield a sentence for each failure of a run.

    Parameters
    ----------
    course : Course
    folder : Path
        Experiment folder.
    log : Path, optional
        File with the lines of Snakemake and of its jobs; none where they were shown.
    text : str
        The lines of this run in it.
    """
    if any(exception == "LockException" for exception, _ in course.errors):
        yield _locked(folder)
        return
    killed = {rule: signal or _SIGNALS[status] for _, error in course.errors for rule, signal, status in _killed(error)}
    raised = _EXCEPTION.findall(text)
    for rule in dict.fromkeys(course.failed):
        if rule == OUTCOME:
            yield from _without_result(folder)
        elif rule in killed:
            yield (
                f"The job of stage '{rule}' was killed ({killed[rule]}), most often for want of memory: close other "
                "programs, or give --cores 1, and run again; what is done is kept."
            )
        else:
            reason = f": {raised[0]}" if len(raised) == 1 else ""
            where = log or "the output above"
            yield f"Stage '{rule}' failed{reason}; {where} has the whole message, and what is done is kept."
    if log and not course.failed:
        yield from _before_any_job(course, log, text)


def _killed(error: str) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = _KILLED.findall(error)
    return found


def _locked(folder: Path) -> str:
    holder = living_run(folder)
    if holder:
        return f"{folder}: another run works in this folder ({holder}): wait until it has ended, or end it."
    return (
        f"{folder}: the folder is locked by a run that was killed, or that runs on another machine; where none does, "
        f"unlock it with: {typed('run', folder, '--unlock')}"
    )


def _without_result(folder: Path) -> Iterator[str]:
    """Yield the sentence of a run without a reversal, as its rule does."""
    from nernstfit.contract import tables  # noqa: PLC0415 - slow to import
    from nernstfit.stages.check_outcome import counts_of_verdicts  # noqa: PLC0415

    try:
        counts_of_verdicts(folder / tables.REVERSAL_POTENTIALS.path)
    except InputError as fault:
        yield from fault.faults


def _before_any_job(course: Course, log: Path, text: str) -> Iterator[str]:
    """Yield what Snakemake told, where it planned no jobs; of a wrong option, the line that names it."""
    told = [error for _, error in course.errors] or [line for line in text.splitlines() if line.strip()][-1:]
    for error in dict.fromkeys(told):
        yield error.strip()
    yield f"{log} has the lines of Snakemake."
