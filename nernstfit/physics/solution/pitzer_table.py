"""Table of the parameters of Pitzer's equations, pitzer.csv beside this module: see `pitzer`."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType


@dataclass(frozen=True)
class Salt:
    """Parameters of a cation and an anion, for molalities in mol/kg; changes per kelvin are those of C, not of Cphi."""

    beta0: float
    beta1: float
    beta2: float
    alpha1: float
    c_phi: float
    dbeta0: float
    dbeta1: float
    dc: float


_OF_SALT = ("beta0", "beta1", "beta2", "alpha1", "Cphi", "dbeta0_per_K", "dbeta1_per_K", "dC_per_K")


@dataclass(frozen=True)
class Table:
    """Contents of pitzer.csv: salts by cation and anion, mixing terms by the set of their ions."""

    salts: Mapping[tuple[str, str], Salt]
    theta: Mapping[frozenset[str], float]
    psi: Mapping[frozenset[str], float]


def _read_table() -> Table:
    text = Path(__file__).with_name("pitzer.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    salts = {
        (row["i"], row["j"]): Salt(*(float(row[key] or 0) for key in _OF_SALT))
        for row in rows
        if row["kind"] == "binary"
    }
    mixing: dict[str, dict[frozenset[str], float]] = {"theta": {}, "psi": {}}
    for row in rows:
        if row["kind"] in mixing:
            mixing[row["kind"]][frozenset(row[key] for key in "ijk" if row[key])] = float(row["value"])
    theta, psi = (MappingProxyType(mixing[kind]) for kind in ("theta", "psi"))
    return Table(MappingProxyType(salts), theta, psi)


TABLE = _read_table()
"""Parameters of pitzer.csv."""
