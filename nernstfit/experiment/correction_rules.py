"""Terms of `fit.activity_correction` against the rows: a factor needs measurements that it acts on."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from nernstfit.contract.correction_terms import KEY
from nernstfit.contract.settings import CONFIG_FILE, Settings
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.conditions import Condition


def correction_faults(settings: Settings, solutions: Solutions, used: Collection[Condition]) -> Iterator[str]:
    """Yield the terms that no row concerns: of a bath that is none, or of an ion that no pipette holds.

    Parameters
    ----------
    settings : Settings
    solutions : Solutions
    used : collection of Condition
        Conditions of the rows that are not excluded; where there is none, nothing is said.
    """
    baths, pipettes = sorted({c.bath for c in used}), sorted({c.pipette for c in used} - {""})
    for term in settings.fit.corrections if used else ():
        if term.solution and term.solution not in baths:
            expected = f"expected one of {', '.join(baths)}"
            yield f"{CONFIG_FILE}: key '{KEY}': got '{term}', which is the bath of no row in use; {expected}"
        elif not term.solution and not pipettes:
            yield f"{CONFIG_FILE}: key '{KEY}': got '{term}', expected rows with a pipette solution: all leave it empty"
        elif term.ion and not any(_holds(solutions, c, term.ion) for c in set(used) if c.pipette):
            yield (
                f"{CONFIG_FILE}: key '{KEY}': got '{term}', expected an ion in the pipette: there is no {term.ion} in "
                f"{' or '.join(pipettes)}"
            )


def _holds(solutions: Solutions, at: Condition, ion: str) -> bool:
    """Return True where the pipette of a condition has some of an ion."""
    row = solutions.row(at.pipette, at.temperature_C).tolist()
    return any(known.name == ion and c > 0 for known, c in zip(solutions.ions, row, strict=True))
