"""Salts as solids: those that a solution may form, and by how much it is supersaturated.

A solution is in equilibrium with a solid where the product of the activities of its ions, in mol/l, is the solubility
product K; above, the saturation index log10(product / K) is positive. The solids are those of solubility.csv, each in
the form that salines are known to deposit, which need not be the least soluble one: of calcium no calcite, dolomite or
apatite, which salines supersaturate for days. A sulfide consists of HS and OH, as S has no activity of its own. Those
of salt_solubility.csv are readily soluble: their saturation is only stated.
"""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nernstfit.physics.solution.temperature import log_K_at


@dataclass(frozen=True)
class Solid:
    """Solid of some ions.

    Attributes
    ----------
    name : str
        Its formula.
    ions : mapping of str to int
        Number of each ion in it.
    log_K : float
        Of the solubility product of activities in mol/l, at `temperature_C`.
    temperature_C : float
    kJ_per_mol : float
        Enthalpy of dissolution; 0 where none is known.
    clear_to : float
        Saturation index at which clean solutions nucleate, or up to which they are known to stay clear: there nothing
        deposits. At half of that of brushite, saline that is sold as a clear liquid would be a suspension with 40 % of
        its calcium solid; at double, phosphate that clouds within hours would count as dissolved. At half of that of
        calcium carbonate, gassed saline with 4 mM Ca at pH 7.5 and 34 C would lose a fifth of it; at double, saline of
        which the CO2 has left, at pH 8, would count as clear.
    """

    name: str
    ions: Mapping[str, int]
    log_K: float
    temperature_C: float
    kJ_per_mol: float
    clear_to: float = 0.0

    def deposits(self, saturation: Mapping[str, float]) -> bool:
        """Return True where the index of a solution, by the solid's name, is above that to which it stays clear."""
        return saturation.get(self.name, -math.inf) > self.clear_to

    def limit(self, deposits: Collection[str] | None) -> float:
        """Return the index above which it deposits, where it is known which solids do, or else by `clear_to`."""
        if deposits is None or self.clear_to == 0:
            return self.clear_to
        return 0.0 if self.name in deposits else math.inf

    def saturation(self, log_activity: Mapping[str, float], temperature_C: float) -> float:
        """Return the saturation index.

        Parameters
        ----------
        log_activity : mapping of str to float
            log10 of the activities in mol/l; an ion that is not in it is absent.
        temperature_C : float

        Returns
        -------
        float
            log10 of the ratio of the product of activities to the solubility product; -inf where an ion is absent.
        """
        log_K = log_K_at(temperature_C, self.log_K, self.temperature_C, self.kJ_per_mol)
        return sum(n * log_activity.get(ion, -math.inf) for ion, n in self.ions.items()) - log_K


@cache
def known() -> tuple[Solid, ...]:
    """Return the solids of solubility.csv."""
    return _read("solubility.csv")


@cache
def salts() -> tuple[Solid, ...]:
    """Return the salts of salt_solubility.csv, whose products are of molal activities by Pitzer's equations."""
    return _read("salt_solubility.csv")


def _read(name: str) -> tuple[Solid, ...]:
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    return tuple(
        Solid(
            row["solid"],
            Counter(row["ions"].split()),
            float(row["log_K"]),
            float(row["temperature_C"]),
            float(row["kJ_per_mol"] or 0),
            float(row.get("clear_to") or 0),
        )
        for row in csv.DictReader(text.splitlines())
    )


def possible(ions: Collection[str]) -> list[Solid]:
    """Return the solids of which all ions are among some names."""
    return [solid for solid in known() if all(ion in ions for ion in solid.ions)]
