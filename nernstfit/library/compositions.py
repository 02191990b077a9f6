"""Solutions as they are typed on the command line: by their name in a table, or as a composition."""

from __future__ import annotations

from collections.abc import Mapping

from nernstfit.contract import tables
from nernstfit.contract.cells import Cells
from nernstfit.contract.errors import InputError, nearest_or_all
from nernstfit.contract.numbers import CONCENTRATION
from nernstfit.experiment import solution_table
from nernstfit.library.solutions import amounts, read, user_ions
from nernstfit.physics.solution.components import UnknownComponent, components
from nernstfit.physics.solution.ions import UserIons
from nernstfit.solutions.composition import Solutions


def composition(text: str, option: str, own_ions: UserIons) -> Solutions:
    """Read a composition like `NaCl=140,HEPES=10,pH=7.4,titrant=NaOH` as the only solution of a table.

    Parameters
    ----------
    text : str
        Components in mM; beside them the other columns of a table of solutions.
    option : str
        Its option, which without its hyphens becomes the name of the solution.
    own_ions : tuple of Ion

    Raises
    ------
    InputError
        Where a part is no name and number, or an unknown component, or the solution has a fault.
    """
    row = _row(text, option, own_ions)
    recipe, faults = solution_table.parse(Cells.of_rows([row]), option, own_ions)
    if faults:
        raise InputError(faults)
    return recipe


def solutions(texts: Mapping[str, str], path: str | None, species: str | None) -> Solutions:
    """Read several solutions, each by its name in a table or as a composition.

    Parameters
    ----------
    texts : mapping of str to str
        Option to text; a composition holds a `=` and has the option, without its hyphens, as its name.
    path : str or None
        Table of solutions.
    species : str or None
        Table of the user's own ions.

    Returns
    -------
    Solutions
        The table's, and the compositions.

    Raises
    ------
    InputError
        As `composition` does, and where a name is in no table.
    """
    own_ions = user_ions(species)
    typed = {option: _row(text, option, own_ions) for option, text in texts.items() if "=" in text}
    for option, text in texts.items():
        if option in typed:
            composition(text, option, own_ions)  # with its option in every fault
        elif path is None:
            raise InputError(
                f"{option}: got '{text}' without --solutions, expected the table that contains it, or a composition in "
                "mM like NaCl=140,KCl=5"
            )
    table = [] if path is None else list(tables.read_text(path).rows)
    names = () if path is None else read(path, own_ions).names
    for option, text in texts.items():
        if option not in typed and text not in names:
            raise InputError(f"{path}: contains no solution '{text}'; {nearest_or_all(text, names)}")
    rows = Cells.of_rows([*table, *typed.values()])
    recipe, faults = solution_table.parse(rows, ", ".join(texts), own_ions)
    if faults:
        raise InputError(faults)
    return recipe


def _row(text: str, option: str, own_ions: UserIons) -> dict[str, str]:
    """Return a composition as a row of a table of solutions."""
    parts = [part.partition("=") for part in text.split(",")]
    titrants = [value.strip() for name, _, value in parts if name.strip() == solution_table.TITRANT]
    others = ["".join(part) for part in parts if part[0].strip() != solution_table.TITRANT]
    typed = amounts([",".join(others)], option, CONCENTRATION)
    conditions = {solution_table.PH, solution_table.GAS} & typed.keys()
    named = sorted(typed.keys() - conditions)
    try:
        free = [component for component in named if solution_table.is_acid_or_base(component, own_ions)]
        for component in named if not (conditions or free) else ():
            components(component, own_ions)
    except UnknownComponent as fault:
        raise InputError(f"{option}: {fault}") from None
    if len(titrants) > 1:
        raise InputError(f"{option}: got {solution_table.TITRANT} twice, expected it once")
    row = {"solution": option.strip("-")} | {name: repr(amount) for name, amount in typed.items()}
    return row | ({solution_table.TITRANT: titrants[0]} if titrants else {})
