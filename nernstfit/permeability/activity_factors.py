"""Fitted factors on activities: which activities of which observation each multiplies.

A factor f of a term (`pipette`, `pipette:<ion>`, `bath:<solution>`) stands for what the model's activities miss: a cell
that is not dialysed, a chelator or a dilution that was misjudged. It is common to all cells. Several factors multiply
each other. Potentials were corrected for liquid junctions before, with the model's activities: a factor moves the
membrane potential alone.

Notation, as in `observations`: n observations of k permeant ions; q factors, whose ln f stand behind the ln P.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.correction_terms import CorrectionTerm
from nernstfit.solutions.conditions import Condition

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ActivityFactors:
    """Factors of some terms on the activities of some observations.

    Attributes
    ----------
    terms : tuple of CorrectionTerm, length q
    side : ndarray of int, shape (n, q)
        Side of the membrane whose activities the factor multiplies: 1 inside, -1 outside, 0 neither.
    ions : ndarray of bool, shape (q, k)
        Ions whose activities the factor multiplies.
    """

    terms: tuple[CorrectionTerm, ...] = ()
    side: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 0), dtype=np.int64))
    ions: NDArray[np.bool_] = field(default_factory=lambda: np.zeros((0, 0), dtype=bool))

    @classmethod
    def of(
        cls, terms: Sequence[CorrectionTerm], conditions: Sequence[Condition], permeant: Sequence[str]
    ) -> ActivityFactors:
        """Return the factors of some terms.

        Parameters
        ----------
        terms : sequence of CorrectionTerm, length q
        conditions : sequence of Condition, length n
        permeant : sequence of str, length k
        """
        if not terms:
            return NO_FACTORS
        side = [[_side(term, condition) for term in terms] for condition in conditions]
        ions = [[term.ion in ("", ion) for ion in permeant] for term in terms]
        return cls(tuple(terms), np.array(side, dtype=np.int64).reshape(-1, len(terms)), np.array(ions, dtype=bool))

    def __len__(self) -> int:
        """Return the number of factors."""
        return len(self.terms)

    def subset(self, rows: Sequence[int] | NDArray[np.int64]) -> ActivityFactors:
        """Return the factors on some of the observations."""
        return replace(self, side=self.side[rows]) if self.terms else self

    def turned(self, side: NDArray[np.float64]) -> ActivityFactors:
        """Return the factors where inside and outside are exchanged in the rows where `side`, shape (n,), is -1."""
        return replace(self, side=np.where(side[:, None] < 0, -self.side, self.side)) if self.terms else self

    def present(self, inside: FloatArray, outside: FloatArray) -> NDArray[np.bool_]:
        """Return whether each factor multiplies any activity above 0, shape (q,)."""
        on_sides = (self.touched(q, inside, outside) for q in range(len(self)))
        return np.array([bool((own_in > 0).any() or (own_out > 0).any()) for own_in, own_out in on_sides], dtype=bool)

    def touched(self, q: int, inside: FloatArray, outside: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the activities that one factor multiplies, 0 for all others; shapes (..., n, k)."""
        is_inside, is_outside = self._touches(q)
        return np.where(is_inside, inside, 0.0), np.where(is_outside, outside, 0.0)

    def applied(self, ln_f: FloatArray, inside: FloatArray, outside: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the activities times the factors.

        Parameters
        ----------
        ln_f : ndarray, shape (..., q)
            -inf removes what the factor multiplies.
        inside, outside : ndarray, shape (n, k), or of more dimensions before these
        """
        for q in range(len(self)):
            is_inside, is_outside = self._touches(q)
            factor = np.exp(ln_f[..., None, None, q])
            inside, outside = np.where(is_inside, factor, 1.0) * inside, np.where(is_outside, factor, 1.0) * outside
        return inside, outside

    def _touches(self, q: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which activities inside and outside one factor multiplies, shape (n, k) each."""
        side = self.side[:, q, None]
        return (side > 0) & self.ions[q], (side < 0) & self.ions[q]


def _side(term: CorrectionTerm, condition: Condition) -> int:
    """Return the side of the membrane on which a term acts under a condition; 0 for none."""
    if not term.solution:
        return condition.sign
    return -condition.sign if condition.bath == term.solution else 0


NO_FACTORS = ActivityFactors()
"""No factor is fitted."""
