"""The known ions, and those that a user adds to the table."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType


@dataclass(frozen=True)
class Ion:
    """One ion in water.

    Attributes
    ----------
    name : str
        Name as in a table's column.
    valence : int
        Signed charge number.
    mobility : float
        Absolute mobility relative to that of K: limiting equivalent conductivity / |valence| / 73.48 S cm2/mol.
    mobility_percent : float
        Standard error of the mobility in percent: 1 where a limiting conductivity is known, 10 where it is
        estimated.
    source : str
        Sources of the numbers.
    molar_mass_g_per_mol : float or None
    size_A : float or None
        Diameter of the ion with its water in Angstrom, for Debye and Hueckel's equation; None where unknown.
    pKa : float or None
        At 25 C and infinite dilution: a cation's own, an anion's that of the acid with one proton more; None where
        the ion is no buffer.
    pKa_kJ_per_mol : float or None
        Enthalpy of that dissociation, which gives the temperature dependence of the pKa: dpKa/dT = -H / (ln(10) R T^2).
    acid : str or None
        The ion with one proton more; None where that has no charge.
    analogue : str or None
        Ion of equal charge whose activity coefficient is used where this one's is not known.
    formula : str
        Elements with their counts; '' where unknown.
    volume_cm3_per_mol : float or None
        Partial molar volume that a user gives; None where molar_volumes.csv or a rule has it.
    """

    name: str
    valence: int
    mobility: float
    mobility_percent: float
    source: str
    molar_mass_g_per_mol: float | None = None
    size_A: float | None = None
    pKa: float | None = None
    pKa_kJ_per_mol: float | None = None
    acid: str | None = None
    analogue: str | None = None
    formula: str = ""
    volume_cm3_per_mol: float | None = None

    @property
    def is_uncharged(self) -> bool:
        """Return whether it is a user's substance without charge, which does not move in a field."""
        return self.valence == 0 and self.mobility == 0

    def __hash__(self) -> int:
        """Hash what tells most ions apart: they are keys of results that are kept, and all fields take far longer."""
        return hash((self.name, self.mobility))

    @property
    def is_metal(self) -> bool:
        """Return whether the ion binds chelators: a polyvalent cation without carbon (polyamines do not)."""
        return self.valence > 1 and not re.search("C(?![a-z])", self.formula)


_OPTIONAL = ("molar_mass_g_per_mol", "size_A", "pKa", "pKa_kJ_per_mol")


def _read_ions() -> dict[str, Ion]:
    text = Path(__file__).with_name("ions.csv").read_text(encoding="utf-8")
    return {
        row["ion"]: Ion(
            name=row["ion"],
            valence=int(row["valence"]),
            mobility=float(row["mobility"]),
            mobility_percent=float(row["mobility_percent"]),
            source=row["source"],
            **{key: float(row[key]) if row[key] else None for key in _OPTIONAL},
            acid=row["acid"] or None,
            analogue=row["analogue"] or None,
            formula=row["formula"],
        )
        for row in csv.DictReader(text.splitlines())
    }


IONS: Mapping[str, Ion] = MappingProxyType(_read_ions())
"""Every known ion by its name; the values and their sources are in ions.csv beside this module."""

UserIons = tuple[Ion, ...]


@cache
def known_ions(user_ions: UserIons = ()) -> Mapping[str, Ion]:
    """Return every ion by its name: those of the table, and the user's, which take precedence."""
    return MappingProxyType({**IONS, **{ion.name: ion for ion in user_ions if not ion.is_uncharged}})


def uncharged_substances(user_ions: UserIons) -> Mapping[str, Ion]:
    """Return the user's substances without charge by their names."""
    return MappingProxyType({ion.name: ion for ion in user_ions if ion.is_uncharged})
