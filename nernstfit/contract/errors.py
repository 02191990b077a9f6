"""The two faults that the program expects, and nothing else is caught.

`InputError` is a fault of the user's tables or configuration: it stops the run before the
first job, with every fault that was found. `RecordingError` is a fault of one recording:
it becomes that recording's verdict, and the run goes on.
"""

from __future__ import annotations

from collections.abc import Iterable


class InputError(Exception):
    """Faults in tables or configuration, one sentence each.

    Attributes
    ----------
    faults : tuple of str
        One line per fault: where it is, what was found, what would be right.
    """

    def __init__(self, faults: Iterable[str] | str) -> None:
        self.faults: tuple[str, ...] = (faults,) if isinstance(faults, str) else tuple(faults)
        super().__init__("\n".join(self.faults))


class RecordingError(Exception):
    """What is wrong with one recording, in one sentence that a table can carry."""
