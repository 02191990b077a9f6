"""Epochs that the table of recordings or the configuration names, and that no recording has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nernstfit.abf.read import read
from nernstfit.contract.errors import RecordingError, RowFault
from nernstfit.contract.settings import CONFIG_FILE
from nernstfit.experiment.records import Experiment, Row

_KEYS = {"epoch": "", "leak": "epoch:"}  # keys of `measure` that name an epoch, with what stands before the letter


def absent_epochs(experiment: Experiment) -> Iterator[str]:
    """Yield the faults of epochs by letter that none of the recordings measured by them has.

    Recordings are opened until one has the epoch: as a rule one for each letter. A recording that cannot be read, or
    whose command has no epochs, is left to its verdict.
    """
    rows = [row for row in experiment.rows if row.recording and not row.exclude]
    for key, prefix in _KEYS.items():
        for value in sorted({getattr(row.measure, key) for row in rows}):
            letter = value.removeprefix(prefix)
            if value.startswith(prefix) and letter.isupper():
                of_value = [row for row in rows if getattr(row.measure, key) == value]
                there = _letters(of_value, letter)
                if there and letter not in there:
                    got = f"got '{value}', but no recording has an epoch {letter}; expected one of {', '.join(there)}"
                    yield from _told(experiment, key, of_value, got)


def _letters(rows: Sequence[Row], wanted: str) -> list[str]:
    """Return the letters of the epochs in the recordings of some rows, up to the first that has the wanted one."""
    found: set[str] = set()
    for path in dict.fromkeys(row.recording for row in rows):
        try:
            recording = read(path)
        except RecordingError:
            continue
        found |= {epoch.letter for waveform in recording.waveforms for epoch in waveform.epochs}
        if wanted in found:
            break
    return sorted(found, key=lambda letter: (len(letter), letter))


def _told(experiment: Experiment, key: str, rows: Sequence[Row], got: str) -> Iterator[str]:
    """Yield the fault in the configuration, or in the rows whose column gives the value."""
    settings = experiment.settings
    if getattr(settings.measure, key) == getattr(rows[0].measure, key):
        yield f"{CONFIG_FILE}: key 'measure.{key}': {got}"
    else:
        yield from (RowFault(settings.table, row.number, f"column '{key}': {got}") for row in rows)
