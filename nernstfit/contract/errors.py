"""The two faults that the program expects, and nothing else is caught.

`InputError` is a fault of the user's tables or configuration: it stops the run before the
first job, with every fault that was found. `RecordingError` is a fault of one recording:
it becomes that recording's verdict, and the run goes on.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable


class InputError(Exception):
    """Faults in tables or configuration, one sentence each.

    Attributes
    ----------
    faults : tuple of str
        One line per fault: where it is, what was got, what was expected.
    """

    def __init__(self, faults: Iterable[str] | str) -> None:
        self.faults: tuple[str, ...] = (faults,) if isinstance(faults, str) else tuple(faults)
        super().__init__("\n".join(self.faults))


class RecordingError(Exception):
    """A fault of one recording, in one sentence that a table can carry."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that is most like `name`, or '' where none is."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return close[0] if close else ""


def nearest_or_all(name: str, known: Collection[str]) -> str:
    """Return the phrase for what was expected in place of an unknown name: the nearest, or one of all."""
    hint = nearest(name, known)
    return f"the nearest is '{hint}'" if hint else f"expected one of {', '.join(known)}"
