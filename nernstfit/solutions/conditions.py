"""The condition of a measurement: solutions, configuration, temperature and zeroing of the electrode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from nernstfit.contract.terms import Configuration

NEW_ZERO = "same"
"""Value of `zeroed_in` where the electrode offset is zeroed anew in each bath."""


@dataclass(frozen=True, order=True)
class Condition:
    """Condition of a measurement.

    Attributes
    ----------
    bath, pipette : str
        Names of the solutions; the pipette is '' where it is unknown.
    configuration : str
        A `Configuration`.
    temperature_C : float
    zeroed_in : str
        Bath in which the electrode offset was zeroed, or `NEW_ZERO`.
    """

    bath: str
    pipette: str
    configuration: str
    temperature_C: float
    zeroed_in: str

    @property
    def sign(self) -> int:
        """Return -1 where the bath is the inside of the membrane, else +1."""
        return Configuration(self.configuration).sign

    @property
    def inside(self) -> str:
        """Return the solution on the membrane's inside."""
        return self.bath if self.sign < 0 else self.pipette

    @property
    def outside(self) -> str:
        """Return the solution on the membrane's outside."""
        return self.pipette if self.sign < 0 else self.bath


FIELDS = tuple(field.name for field in fields(Condition))
"""Columns of result tables that are a condition."""


def distinct(conditions: Mapping[str, Condition]) -> tuple[Condition, ...]:
    """Return the conditions that occur, each once, in a fixed order."""
    return tuple(sorted(set(conditions.values())))
