"""Divalent ratios in the forms in which papers print them, and fractional currents, from the fitted ratios.

A fitted ratio r = P(M)/P(X) is that of the GHK current equation. The other forms are multiples of it; those of Lewis
(1979, J Physiol 286:417) depend on the reversal potential E by x = exp(FE/RT), and so on the bath:

    r,    4 r,    r / (1 + x),    4 r / (1 + x).

For a divalent anion x = exp(-FE/RT). Each is a monotonic function of r, E(r) included: the ends of the interval of r
give those of the form, with the other ratios held at their estimates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.terms import PublishedForm
from nernstfit.physics.constants import thermal_voltage_mV
from nernstfit.physics.membrane import ghk

FloatArray = NDArray[np.float64]

HOLDING_MV = -60.0
"""Membrane potential at which currents are divided between ions: that of Schneggenburger et al. (1993) and of most
later measurements. At half a small fraction of calcium is a tenth larger, at double it is 1 % smaller."""

NOT_SHARED = "the net current of the other ions has the opposite direction at this potential: there is no fraction"
NO_INSIDE = "the solution inside is unknown"
NO_RATIOS = "another permeability ratio is not known"
NO_FACTOR = "the data do not determine a fitted factor on the activities here"
NO_POTENTIAL = "the model predicts no reversal potential in this bath"
DIVALENT = 2  # a definition


@dataclass(frozen=True)
class Form:
    """One form of a divalent ratio.

    Attributes
    ----------
    name : PublishedForm
    multiple : callable
        Returns the multiple of the ratio of the GHK equation, from x = exp(FE/RT).
    depends_on_potential : bool
        True where the multiple does, and with it the bath.
    """

    name: PublishedForm
    multiple: Callable[[float], float]
    depends_on_potential: bool = False

    @property
    def formula(self) -> str:
        """Formula of the form."""
        return self.name.sentence

    @property
    def citation(self) -> str:
        """Publication that derives or uses it."""
        return self.name.reference


FORMS = (
    Form(PublishedForm.GHK, lambda x: 1.0),
    Form(PublishedForm.WITHOUT_FACTOR, lambda x: 4.0),
    Form(PublishedForm.LEWIS, lambda x: 1 / (1 + x), depends_on_potential=True),
    Form(PublishedForm.LEWIS_WITHOUT_FACTOR, lambda x: 4 / (1 + x), depends_on_potential=True),
)
"""Every form of a divalent ratio, the reported one first. A further one is a further record here, and its term."""


@dataclass(frozen=True)
class Value:
    """A number with its interval, or the reason why there is none; nan is missing."""

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    reason: str = ""

    @property
    def ends(self) -> tuple[float, float, float]:
        """Value, low and high."""
        return self.value, self.low, self.high

    def converted(self, function: Callable[[float], float]) -> Value:
        """Return the value and both ends of the interval after an increasing function; what is missing stays so.

        Parameters
        ----------
        function : callable
        """
        value, low, high = (function(each) if math.isfinite(each) else math.nan for each in self.ends)
        return Value(value, low, high, self.reason)


@dataclass(frozen=True)
class Membrane:
    """A membrane between two solutions with the permeabilities of one model.

    Attributes
    ----------
    valence : ndarray of int, shape (ions,)
    permeability : ndarray, shape (ions,)
        Relative to the reference; 0 where only an upper bound is known, nan where nothing is.
    inside, outside : ndarray, shape (ions,)
        Activities, times the fitted factors on them, or concentrations in mM; nan inside where it is unknown.
    temperature_C : float
    predicted_mV : float
        Reversal potential that the model predicts, with all that it fits beside the ratios; nan where it predicts none.
    has_unknown_factor : bool
        True where the data do not determine a fitted factor on these activities, which are then without it.
    """

    valence: FloatArray
    permeability: FloatArray
    inside: FloatArray
    outside: FloatArray
    temperature_C: float
    predicted_mV: float
    has_unknown_factor: bool = False

    def with_ratio(self, ion: int, ratio: float) -> Membrane:
        """Return the same with another permeability of one ion."""
        changed = self.permeability.copy()
        changed[ion] = ratio
        return replace(self, permeability=changed)

    def is_turned(self, ion: int) -> bool:
        """Return True for an ion that is mostly inside.

        The forms are those of an ion outside, with the other inside; turned over, the potential has the other sign.
        """
        return bool(self.inside[ion] > self.outside[ion])

    def sign_of_x(self, ion: int) -> int:
        """Return s in x = exp(s FE/RT): -1 for an anion outside and for a cation inside, else 1."""
        return -1 if self.is_turned(ion) != bool(self.valence[ion] < 0) else 1

    @property
    def sides(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, float]:
        """Arguments of the functions of `ghk`."""
        return self.permeability, self.valence, self.inside, self.outside, self.temperature_C

    def doubt(self, ion: int) -> str:
        """Return the reason why nothing follows from the ratios here, apart from that of one ion; '' for none."""
        if np.isnan(self.inside).any():
            return NO_INSIDE
        return NO_RATIOS if np.isnan(np.delete(self.permeability, ion)).any() else ""


def in_form(form: Form, ratio: Value, membrane: Membrane | None = None, ion: int = 0) -> Value:
    """Return a divalent ratio in one form, with its interval.

    Parameters
    ----------
    form : Form
    ratio : Value
        Of the GHK equation.
    membrane : Membrane, optional
        In which the form holds, where it depends on the potential.
    ion : int
        Position of the divalent ion in the membrane.

    Raises
    ------
    ValueError
        If the form depends on the potential and no membrane is given.
    """
    if not form.depends_on_potential:
        return ratio.converted(lambda r: form.multiple(1.0) * r)
    if membrane is None:
        raise ValueError(f"the form {form.name} depends on the potential: no membrane given")
    reason = membrane.doubt(ion) or ("" if math.isfinite(membrane.predicted_mV) else NO_POTENTIAL)
    if reason:
        return Value(reason=reason)
    return ratio.converted(lambda r: r * form.multiple(_x(membrane, ion, r, ratio.value)))


def _x(membrane: Membrane, ion: int, ratio: float, estimate: float) -> float:
    """Return exp(FE/RT), or exp(-FE/RT) for an anion or an ion that is mostly inside, with one ratio for its estimate.

    The prediction is moved by the change that the ratio makes, so that whatever the model fits beside the ratios stays
    in it; where there is no estimate, as of a bound, there is no such prediction.
    """
    e_mV = float(ghk.reversal_mV(*membrane.with_ratio(ion, ratio).sides))
    if math.isfinite(estimate):
        e_mV += membrane.predicted_mV - float(ghk.reversal_mV(*membrane.with_ratio(ion, estimate).sides))
    return math.exp(membrane.sign_of_x(ion) * e_mV / float(thermal_voltage_mV(membrane.temperature_C)))


def formula(form: PublishedForm, membrane: Membrane, ion: int) -> str:
    """Return the formula of a form that depends on the potential, with the sides and signs that hold in a membrane.

    Parameters
    ----------
    form : PublishedForm
    membrane : Membrane
    ion : int
        Position of the ion.
    """
    text = str(form.sentence)
    if membrane.is_turned(ion):
        text = text.replace("with X inside and M outside alone", "with X outside and M inside alone")
    if membrane.sign_of_x(ion) < 0:
        text = text.replace("x = exp(FE/RT)", "x = exp(-FE/RT)")
    return text


def fractional_current(ratio: Value, membrane: Membrane, ion: int, potential_mV: float = HOLDING_MV) -> Value:
    """Return the fraction of the current that one ion carries (Schneggenburger et al. 1993, Neuron 11:133).

    Parameters
    ----------
    ratio : Value
        Of the ion by the GHK equation.
    membrane : Membrane
    ion : int
        Position of the ion.
    potential_mV : float
        Membrane potential.

    Returns
    -------
    Value
        Between 0 and 1; with a reason and without numbers where the other ions together carry current in the opposite
        direction.
    """
    reason = membrane.doubt(ion) or (NO_FACTOR if membrane.has_unknown_factor else "")
    if reason:
        return Value(reason=reason)
    currents = [_currents(membrane.with_ratio(ion, r), potential_mV) for r in ratio.ends if math.isfinite(r)]
    if any(each[ion] * (each.sum() - each[ion]) < 0 for each in currents):
        return Value(reason=NOT_SHARED)
    return ratio.converted(lambda r: _share(_currents(membrane.with_ratio(ion, r), potential_mV), ion))


def _currents(membrane: Membrane, potential_mV: float) -> FloatArray:
    return ghk.ion_currents(potential_mV, *membrane.sides)


def _share(currents: FloatArray, ion: int) -> float:
    total = float(currents.sum())
    return float(currents[ion]) / total if total else math.nan


def forms_of(valence: int) -> Iterator[Form]:
    """Yield the forms in use for an ion: the factor 1 + x is that of charge 2 alone.

    Parameters
    ----------
    valence : int
        Charge number, not 1 or -1.
    """
    yield from FORMS if abs(valence) == DIVALENT else FORMS[:1]


def of_ratios(rows: Sequence[dict[str, float]]) -> FloatArray:
    """Return the permeabilities of some rows of ratios: 0 for an upper bound alone, nan where nothing is known.

    Parameters
    ----------
    rows : sequence of mapping
        `ratio`, `low`, `high`.
    """
    return np.array([_known(row["ratio"], row["low"], row["high"]) for row in rows])


def _known(ratio: float, low: float, high: float) -> float:
    return 0.0 if math.isnan(ratio) and math.isnan(low) and math.isfinite(high) else ratio
