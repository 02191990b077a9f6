"""Solutions as they are typed on the command line: by their name in a table, or as a composition."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from nernstfit.contract import tables
from nernstfit.contract.cells import Cells
from nernstfit.contract.errors import InputError, RowFault, nearest_or_all
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
        raise InputError(_faults(faults, option))
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
    alone = [composition(texts[option], option, own_ions) for option in typed]  # with its option in every fault
    check_units(alone if len(typed) == len(texts) else (), list(typed))
    for option, text in texts.items():
        if option in typed:
            continue
        if path is None:
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
    row = {"solution": option.strip("-")}
    columns = tables.SOLUTIONS_INPUT.columns
    for column in (solution_table.PH, solution_table.GAS, solution_table.TITRANT):
        parts = [part for part in text.split(",") if part.partition("=")[0].strip() == column]
        if len(parts) > 1:
            raise InputError(f"{option}: got {column} twice, expected it once")
        if parts and column == solution_table.TITRANT:
            row[column] = parts[0].partition("=")[2].strip()
        elif parts:
            row |= {name: repr(value) for name, value in amounts(parts, option, columns[column].range).items()}
    others = [part for part in text.split(",") if part.partition("=")[0].strip() not in row]
    typed = amounts([",".join(others)], option, CONCENTRATION) if others else {}
    _check_names(sorted(typed), row.keys(), option, own_ions)
    return row | {name: repr(amount) for name, amount in typed.items()}


def _check_names(named: Sequence[str], conditions: Collection[str], option: str, own_ions: UserIons) -> None:
    """Check that the names of a composition are those of components, or tell which condition is meant."""
    meant = solution_table.misspelt_conditions(named, own_ions)
    if meant:
        faults = (
            f"'{each.typed}' is not known; did you mean '{each.known}'?"
            + (f" {each.advice}" if each.conversion else "")
            for each in meant
        )
        raise InputError(f"{option}: {fault}" for fault in faults)
    has_pH = bool({solution_table.PH, solution_table.GAS} & set(conditions))
    known = [component for component in named if solution_table.is_component(component, own_ions)]
    free = any(solution_table.is_acid_or_base(component, own_ions) for component in known)
    for component in named if not (has_pH or (free and known == list(named))) else ():
        try:
            components(component, own_ions)
        except UnknownComponent as fault:
            advice = "; a value of pH decides which" if component in known else ""
            raise InputError(f"{option}: {fault}{advice}") from None


def _faults(faults: Iterable[str], option: str) -> Iterator[str]:
    """Yield the faults of a composition in the words of what is typed, without the row and columns of a table."""
    for fault in faults:
        words = fault.words if isinstance(fault, RowFault) else fault.removeprefix(f"{option}: row 1, ")
        words = re.sub(r"\bin column '([^']+)'", r"as \1=...", words.removeprefix(f"{option}: "))
        yield f"{option}: " + re.sub(r"\bcolumn '([^']+)'", r"\1", words)


def check_units(recipes: Sequence[Solutions], options: Sequence[str]) -> None:
    """Check that compositions are not in mol/l, as a table of solutions is checked.

    Raises
    ------
    InputError
        Where every concentration is below what any bath or pipette holds.
    """
    largest = max((recipe.largest_mM for recipe in recipes), default=0.0)
    if 0 < largest < solution_table.MAX_MOLAR:
        raise InputError(
            f"{', '.join(options)}: every concentration is below {solution_table.MAX_MOLAR:g} mM: mol/l? give mM; if "
            "it is meant, give the solution in a table"
        )
