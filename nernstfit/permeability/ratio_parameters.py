"""Parameters of the ratios that the user sets (`fit.parameters`): start values, bounds, held and tied ratios.

The keys are those of lmfit's Parameter. A tied ratio is a function of others, P_t = f(P); the fit moves the free ln P
only, and the derivative of a potential by one of them holds that of every ratio that is tied to it:

    dE / d ln P_j (total) = g_j + sum_t g_t d ln P_t / d ln P_j,    g = dE / d ln P at fixed others.

The derivatives d ln P_t / d ln P_j are exact, by complex steps (Squire & Trapp 1998, SIAM Rev 40:110).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.expressions import Expression, ions_by_parameter, parameter_names
from nernstfit.permeability.limits import MAX_LN_P

FloatArray = NDArray[np.float64]

_COMPLEX_STEP = 1e-20
"""Imaginary step of ln P. Its square is lost beside any number, so that the derivative is exact; half or twice of it
changes no digit."""


@dataclass(frozen=True)
class RatioParameter:
    """One ratio as the configuration has it; see lmfit's Parameter.

    Attributes
    ----------
    ion : str
    value : float or None
        Start, or the value where the ratio is held.
    vary : bool
        False: the ratio is held.
    min, max : float
        Bounds of the ratio.
    expr : Expression or None
        Ties the ratio to others.
    """

    ion: str
    value: float | None = None
    vary: bool = True
    min: float = 0.0
    max: float = math.inf
    expr: Expression | None = None

    @property
    def is_held(self) -> bool:
        """True for a ratio at a value of the user's."""
        return self.expr is None and not self.vary


@dataclass(frozen=True)
class RatioParameters:
    """Parameters of the ratios of some ions; an ion without any has those of lmfit: free, without bounds.

    Attributes
    ----------
    ions : tuple of str, length k
        Permeant ions, in the order of ln P.
    entries : tuple of RatioParameter
        Those that the user has set.
    """

    ions: tuple[str, ...] = ()
    entries: tuple[RatioParameter, ...] = ()

    @classmethod
    def of(cls, ions: Sequence[str], keys: Mapping[str, Mapping[str, Any]]) -> RatioParameters:
        """Return the parameters of some ions from the section `fit.parameters`, which was checked before."""
        named = ions_by_parameter(ions)
        found = []
        for name, given in keys.items():
            numbers = {key: float(given[key]) for key in ("value", "min", "max") if given.get(key) is not None}
            expr = Expression(str(given["expr"])) if given.get("expr") is not None else None
            found.append(RatioParameter(named[name], **numbers, vary=given.get("vary", True), expr=expr))
        return cls(tuple(ions), tuple(sorted(found, key=lambda entry: ions.index(entry.ion))))

    def without(self, ion: str) -> RatioParameters | None:
        """Return the parameters without one ion; None where another ratio is tied to it."""
        name = next((name for name, i in self.index.items() if self.ions[i] == ion), "")
        if any(entry.expr and name in entry.expr.names for entry in self.entries if entry.ion != ion):
            return None
        left = tuple(other for other in self.ions if other != ion)
        return RatioParameters(left, tuple(entry for entry in self.entries if entry.ion != ion))

    def untied(self) -> RatioParameters:
        """Return the parameters without ties, for ln P of which each is its own."""
        return replace(self, entries=tuple(entry for entry in self.entries if entry.expr is None))

    def unbounded(self) -> RatioParameters:
        """Return the parameters without bounds."""
        return replace(self, entries=tuple(replace(entry, min=0.0, max=math.inf) for entry in self.entries))

    @cached_property
    def index(self) -> Mapping[str, int]:
        """Index of each ion by the name of its ratio."""
        return {name: i for i, name in enumerate(parameter_names(self.ions))}

    @cached_property
    def by_ion(self) -> Mapping[int, RatioParameter]:
        """Parameters that the user has set, by the index of the ion."""
        return {self.ions.index(entry.ion): entry for entry in self.entries}

    @cached_property
    def ties(self) -> tuple[tuple[int, Expression], ...]:
        """Tied ions with their expressions, those that others are tied to first."""
        waiting = {i: entry.expr for i, entry in self.by_ion.items() if entry.expr}
        index = self.index
        found: list[tuple[int, Expression]] = []
        while waiting:
            i = next(i for i, expr in waiting.items() if not any(index[name] in waiting for name in expr.names))
            found.append((i, waiting.pop(i)))
        return tuple(found)

    @cached_property
    def fixed(self) -> frozenset[int]:
        """Indices of the held and the tied ions."""
        return frozenset(i for i, entry in self.by_ion.items() if entry.is_held or entry.expr)

    def sources(self, ion: int) -> Iterator[int]:
        """Yield the ions that a tied ion depends on, directly or through others; those that are tied too included."""
        expr = dict(self.ties).get(ion)
        for name in expr.names if expr else ():
            yield self.index[name]
            yield from self.sources(self.index[name])

    def bounds(self, size: int) -> tuple[FloatArray, FloatArray]:
        """Return the least and the largest ln P of each of `size` coefficients; those of the optimizers if none."""
        low, high = np.full(size, -MAX_LN_P), np.full(size, MAX_LN_P)
        for i, entry in self.by_ion.items():
            low[i] = max(low[i], math.log(entry.min) if entry.min > 0 else -math.inf)
            high[i] = min(high[i], math.log(entry.max))
        return low, high

    def at_bound(self, ln_p: FloatArray) -> tuple[int, ...]:
        """Return the indices of the free ions whose ln P, shape (k,), is at a bound that the user has set."""
        low, high = self.bounds(len(ln_p))
        own = [i for i in self.by_ion if i not in self.fixed]
        return tuple(
            i for i in own if (low[i] > -MAX_LN_P and ln_p[i] <= low[i]) or (high[i] < MAX_LN_P and ln_p[i] >= high[i])
        )

    def start(self, size: int) -> FloatArray:
        """Return ln P to start from, shape (size,): the user's values, else equal permeabilities within the bounds."""
        start = np.clip(np.zeros(size), *self.bounds(size))
        for i, entry in self.by_ion.items():
            if entry.value is not None:
                start[i] = math.log(entry.value)
        return self.completed(start)

    def expected(self, ratios: Mapping[str, float], ions: Sequence[str]) -> dict[str, float]:
        """Return the ratios of some ions where `ratios` are those of the free ones; held and tied ones follow."""
        values = [
            math.log(ratios.get(ion, 1.0)) if i not in self.fixed else start
            for i, (ion, start) in enumerate(zip(self.ions, self.start(len(self.ions)), strict=True))
        ]
        of_ion = dict(zip(self.ions, np.exp(self.completed(np.array(values))).tolist(), strict=True))
        fixed = {self.ions[i] for i in self.fixed}
        return {ion: of_ion[ion] if ion in fixed else ratios.get(ion, 1.0) for ion in ions}

    def completed(self, ln_p: FloatArray) -> FloatArray:
        """Return ln P, shape (..., k), with those of the tied ions; one without a positive value is impermeant."""
        if not self.ties:
            return ln_p
        found = np.array(ln_p, dtype=np.float64)
        values = self._values(found)
        for i, _ in self.ties:
            with np.errstate(all="ignore"):
                found[..., i] = np.clip(np.log(np.where(values[i] > 0, values[i], 0.0)), -MAX_LN_P, MAX_LN_P)
        return found

    def negative(self, ln_p: FloatArray) -> tuple[int, ...]:
        """Return the tied ions whose expression has no positive value at some ln P, shape (k,)."""
        values = self._values(ln_p)
        return tuple(i for i, _ in self.ties if not values[i] > 0)

    def slopes(self, ln_p: FloatArray, by: int) -> Mapping[int, FloatArray]:
        """Return d ln P_t / d ln P of one ion for every tied ion t, each of the shape (...) of ln P (..., k)."""
        moved = np.array(ln_p, dtype=np.complex128)
        moved[..., by] += 1j * _COMPLEX_STEP
        values = self._values(moved)
        with np.errstate(all="ignore"):
            found = {i: values[i].imag / values[i].real / _COMPLEX_STEP for i, _ in self.ties}
        return {i: np.where(np.isfinite(slope), slope, 0.0) for i, slope in found.items()}

    def _values(self, ln_p: NDArray[Any]) -> dict[int, NDArray[Any]]:
        """Return the permeability ratio of every ion, real or complex, the ties evaluated in order."""
        values = {i: np.exp(ln_p[..., i]) for i in range(len(self.ions))}
        for i, expr in self.ties:
            value = expr.value({name: values[j] for name, j in self.index.items() if j in values})
            values[i] = np.where((value.real > 0) & np.isfinite(value.real), value, 0.0)
        return values


NONE = RatioParameters()
"""Parameters of ratios that are all free and without bounds."""
