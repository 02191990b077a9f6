"""Goldman-Hodgkin-Katz current of any mixture of ions, its reversal potential and the gradient of this.

With v = FV/RT, an ion of valence z carries the outward current (Goldman 1943, J Gen Physiol 27:37; Hodgkin & Katz 1949,
J Physiol 108:37; for any valence Hille, Ion Channels of Excitable Membranes, 3rd ed., chapter 14)

    I = P z F [a_in phi(zv) - a_out phi(-zv)],   phi(u) = u / (1 - exp(-u)).

An anion that enters is an outward current. Written by direction in place of side, the current of every ion is

    I = P |z| F [a_outward phi(|z|v) - a_inward phi(-|z|v)],

with the activities that carry outward current (cations inside, anions outside) and inward current. The current
increases with v, so that the sum over the ions has at most one root, the reversal potential.

All functions take the same arguments. The last axis is the ions, the leading axes broadcast:

permeability : array_like, shape (..., ions)
    Permeabilities in any one unit, not negative; ratios will do.
valence : array_like of int, shape (..., ions)
    Signed charge numbers.
inside, outside : array_like, shape (..., ions)
    Activities or concentrations in any one unit, not negative.
temperature_C : array_like, leading shape
    Degrees Celsius.

Currents are in units of permeability x F x activity: with permeability in cm/s and activity in mM (1e-6
mol/cm3), multiply by 96485 x 1e-6 for A/cm2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nernstfit.physics.constants import thermal_voltage_mV

FloatArray = NDArray[np.float64]

# Newton or bisection steps of the root. Every second step at least halves the bracket or the step before, so that 100
# reach the tolerance from any start; half would in practice do (5 are usual), double could change nothing.
_MAX_STEPS = 100
# Last step of the root, relative to 1 + |v|: rounding alone is some 1e-16. At half a step may be repeated, at double
# the potential changes by less than 1e-12 mV.
_STEP_TOLERANCE = 1e-14
_MAX_SERIES_U = 0.1  # |u| up to which the series below replaces the difference of two terms that cancel


def form(valence: ArrayLike, quantity: str) -> str:
    """Return the name of the equation to which ratios belong: with multivalent ions the forms in use differ.

    Parameters
    ----------
    valence : array_like of int
        Charge numbers of the permeant ions.
    quantity : str
        `activities` or `concentrations`.
    """
    monovalent = bool((np.abs(valence) == 1).all())
    return f"GHK equation with {quantity}" if monovalent else f"GHK current equation with z^2 and {quantity}"


@dataclass(frozen=True)
class Sides:
    """Activities on both sides of a membrane, by the direction of the current that they carry.

    For many permeabilities with the same solutions; the functions below check and arrange them at every call.

    Attributes
    ----------
    charge : ndarray, shape (..., ions)
        |z|.
    outward, inward : ndarray, shape (..., ions)
        |z| times the activity that carries outward current (cations inside, anions outside) and inward current.
    thermal_mV : ndarray, leading shape
        RT/F.
    """

    charge: FloatArray
    outward: FloatArray
    inward: FloatArray
    thermal_mV: FloatArray

    @classmethod
    def of(cls, valence: ArrayLike, inside: ArrayLike, outside: ArrayLike, temperature_C: ArrayLike) -> Sides:
        """Arrange activities; arguments as at the head of this module.

        Raises
        ------
        ValueError
            If an activity is negative, a temperature is below absolute zero, or the shapes do not broadcast.
        """
        z = np.asarray(valence, dtype=np.float64)
        a_in, a_out = np.asarray(inside, dtype=np.float64), np.asarray(outside, dtype=np.float64)
        for name, values in (("inside", a_in), ("outside", a_out)):
            if (values < 0).any():
                raise ValueError(f"a negative activity {name}: {values.min()}")
        charge, is_cation = np.abs(z), z > 0
        outward, inward = charge * np.where(is_cation, a_in, a_out), charge * np.where(is_cation, a_out, a_in)
        return cls(charge, outward, inward, thermal_voltage_mV(temperature_C))

    @cached_property
    def is_monovalent(self) -> bool:
        """True where all ions are monovalent: the reversal potential then has a closed form."""
        return bool((self.charge == 1).all())

    def reversal_mV(self, permeability: FloatArray) -> FloatArray:
        """Calculate the reversal potential, as the function of this name does."""
        p_outward, p_inward = permeability * self.outward, permeability * self.inward
        if self.is_monovalent:
            with np.errstate(divide="ignore", invalid="ignore"):
                v = _balance(p_inward.sum(axis=-1), p_outward.sum(axis=-1))
        else:
            v = _root(self.charge, p_outward, p_inward)
        reversal: FloatArray = (v * self.thermal_mV)[()]
        return reversal

    def reversal_and_gradient_mV(self, permeability: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Calculate the reversal potential and its gradient in ln P, as `reversal_gradient_mV` does."""
        p_outward, p_inward = permeability * self.outward, permeability * self.inward
        if self.is_monovalent:
            # The root is the logarithm of the ratio of the two sums.
            inward_sum, outward_sum = p_inward.sum(axis=-1), p_outward.sum(axis=-1)
            with np.errstate(divide="ignore", invalid="ignore"):
                v = _balance(inward_sum, outward_sum)
                relative = p_inward / inward_sum[..., None] - p_outward / outward_sum[..., None]
            gradient = relative * self.thermal_mV[..., None]
        else:
            v = _root(self.charge, p_outward, p_inward)
            gradient = self.gradient_mV(permeability, v)
        return (v * self.thermal_mV)[()], gradient

    def gradient_mV(self, permeability: FloatArray, v: FloatArray) -> FloatArray:
        """Return the gradient of the reversal potential v = FV/RT in ln P, in mV, shape (..., ions)."""
        outward, inward, rise = self.flows(permeability, v)
        slope = _slope(self.charge, outward, inward, rise)
        gradient: FloatArray = (inward - outward) * (self.thermal_mV / slope)[..., None]
        return gradient

    def flows(self, permeability: FloatArray, v: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return outward and inward currents and d ln phi(u) / du at v = FV/RT, as `_flows` does."""
        return _flows(self.charge, permeability * self.outward, permeability * self.inward, v)


def ion_currents(
    voltage_mV: ArrayLike,
    permeability: ArrayLike,
    valence: ArrayLike,
    inside: ArrayLike,
    outside: ArrayLike,
    temperature_C: ArrayLike,
) -> FloatArray:
    """Calculate the GHK current of each ion, positive outward.

    Parameters
    ----------
    voltage_mV : array_like, leading shape
        Membrane potential in mV, inside minus outside.
    permeability, valence, inside, outside, temperature_C : array_like
        As at the head of this module.

    Returns
    -------
    ndarray, shape (..., ions)
        Currents in units of permeability x F x activity. At 0 mV exactly P z (inside - outside).

    Raises
    ------
    ValueError
        If a permeability or activity is negative, or the shapes do not broadcast.
    """
    sides, p = Sides.of(valence, inside, outside, temperature_C), _not_negative(permeability)
    v = np.asarray(voltage_mV, dtype=np.float64) / sides.thermal_mV
    outward, inward, _ = sides.flows(p, v)
    currents: FloatArray = outward - inward
    return currents


def current(
    voltage_mV: ArrayLike,
    permeability: ArrayLike,
    valence: ArrayLike,
    inside: ArrayLike,
    outside: ArrayLike,
    temperature_C: ArrayLike,
) -> FloatArray:
    """Calculate the GHK current summed over the ions, positive outward.

    Parameters and errors are those of `ion_currents`.

    Returns
    -------
    ndarray, leading shape
        Current in units of permeability x F x activity.
    """
    currents = ion_currents(voltage_mV, permeability, valence, inside, outside, temperature_C)
    total: FloatArray = currents.sum(axis=-1)
    return total


def slope_conductance_per_mV(
    voltage_mV: ArrayLike,
    permeability: ArrayLike,
    valence: ArrayLike,
    inside: ArrayLike,
    outside: ArrayLike,
    temperature_C: ArrayLike,
) -> FloatArray:
    """Calculate the slope dI/dV of the summed GHK current; not negative.

    Parameters and errors are those of `ion_currents`.

    Returns
    -------
    ndarray, leading shape
        Slope in units of permeability x F x activity per mV.

    Notes
    -----
    phi'(u) = phi(u) L(u) with L the logarithmic derivative of phi, and L(-u) = 1 - L(u).
    """
    sides, p = Sides.of(valence, inside, outside, temperature_C), _not_negative(permeability)
    v = np.asarray(voltage_mV, dtype=np.float64) / sides.thermal_mV
    slope: FloatArray = _slope(sides.charge, *sides.flows(p, v)) / sides.thermal_mV
    return slope


def reversal_mV(
    permeability: ArrayLike,
    valence: ArrayLike,
    inside: ArrayLike,
    outside: ArrayLike,
    temperature_C: ArrayLike,
) -> FloatArray:
    """Calculate the reversal potential: the root of the summed GHK current, for any valences.

    Parameters
    ----------
    permeability, valence, inside, outside, temperature_C : array_like
        As at the head of this module.

    Returns
    -------
    ndarray, leading shape
        Reversal potential in mV, inside minus outside, to a relative 1e-13; nan where there is none, because
        no permeant ion can carry current in one of the two directions (only cations inside, say).

    Raises
    ------
    ValueError
        If a permeability or activity is negative, or the shapes do not broadcast.

    Notes
    -----
    The equation solved is g(v) = ln(outward sum) - ln(inward sum) = 0. Since phi(u) = exp(u) phi(-u), g is the
    straight line v + ln(O/N) if all ions are monovalent, with O and N the sums at 0 mV, and is close to a line
    otherwise: its slope lies between 1/2 and 3/2 of the largest |z|. Since phi increases, phi(|z|v) >= phi(v) and
    phi(-|z|v) <= phi(-v) for v > 0, so that the root lies between 0 and ln(N/O), whatever the valences; the same
    holds below 0. A Newton step that leaves this bracket, or is longer than half the step before (near a kink of g
    steps can alternate without end), is replaced by bisection: 100 steps always suffice, 5 usually do.
    """
    return Sides.of(valence, inside, outside, temperature_C).reversal_mV(_not_negative(permeability))


def _balance(inward_sum: FloatArray, outward_sum: FloatArray) -> FloatArray:
    """Return the logarithm of the ratio of the sums of both directions; nan where one is 0."""
    balance = np.log(inward_sum) - np.log(outward_sum)
    return np.where(np.isfinite(balance), balance, np.nan)


def _root(charge: FloatArray, p_outward: FloatArray, p_inward: FloatArray) -> FloatArray:
    """Return the root v = FV/RT of the summed current as `reversal_mV` describes it.

    p_outward and p_inward are the permeabilities times the activities of `Sides`.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        balance = _balance(p_inward.sum(axis=-1), p_outward.sum(axis=-1))
        low, high = np.minimum(balance, 0), np.maximum(balance, 0)
        v, step, converged = balance, high - low, np.isnan(balance)
        for _ in range(_MAX_STEPS):
            outward, inward, rise = _flows(charge, p_outward, p_inward, v)
            outward_sum, inward_sum = outward.sum(axis=-1), inward.sum(axis=-1)
            excess = np.log(outward_sum) - np.log(inward_sum)
            slope = (charge * outward * rise).sum(axis=-1) / outward_sum
            slope += (charge * inward * (1 - rise)).sum(axis=-1) / inward_sum
            low, high = np.where(excess < 0, v, low), np.where(excess > 0, v, high)
            newton, tolerance = -excess / slope, _STEP_TOLERANCE * (1 + np.abs(v))
            in_bracket = (v + newton >= low) & (v + newton <= high)
            useful = in_bracket & (np.abs(newton) <= np.abs(step) / 2) | (np.abs(newton) <= tolerance)
            step = np.where(useful, newton, (low + high) / 2 - v)
            v = np.where(converged, v, v + step)
            converged |= np.abs(step) <= tolerance
            if converged.all():
                break
    return v


def reversal_gradient_mV(
    reversal_mV: ArrayLike,
    permeability: ArrayLike,
    valence: ArrayLike,
    inside: ArrayLike,
    outside: ArrayLike,
    temperature_C: ArrayLike,
) -> FloatArray:
    """Calculate the gradient of the reversal potential E in the logarithms of the permeabilities.

    By the implicit function theorem on I(E, ln P) = 0, and since each current is proportional to its P,
    dE / d ln P_i = -I_i(E) / (dI/dV)(E). The ions' derivatives sum to 0: a common factor changes nothing.

    Parameters
    ----------
    reversal_mV : array_like, leading shape
        Reversal potential in mV, as `reversal_mV` returned it for the arguments that follow.
    permeability, valence, inside, outside, temperature_C : array_like
        As at the head of this module.

    Returns
    -------
    ndarray, shape (..., ions)
        Derivatives in mV per unit of ln P; nan where the reversal potential is nan.

    Raises
    ------
    ValueError
        If a permeability or activity is negative, or the shapes do not broadcast.
    """
    sides, p = Sides.of(valence, inside, outside, temperature_C), _not_negative(permeability)
    v = np.asarray(reversal_mV, dtype=np.float64) / sides.thermal_mV
    return sides.gradient_mV(p, v)


def unknown_inside(
    reference_mV: ArrayLike,
    valence: ArrayLike,
    reference_outside: ArrayLike,
    outside: ArrayLike,
    temperature_C: ArrayLike,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return entries for the shift method: the solution inside is unknown, a potential in a reference bath is known.

    The permeant ions are all cations or all anions, and those inside are monovalent. Their outward (anions: inward)
    current is then one unknown number times phi(v). The reference bath determines this number: at its reversal
    potential the current equals the sum of the currents in the other direction. Every ion outside therefore has a
    counterpart inside, a monovalent ion of the same permeability that balances it there. The counterpart of a
    monovalent ion has its activity in the reference bath times exp(-zF E/RT), and the familiar equation follows
    (Hille, 3rd ed., chapter 14), P_X/P_ref = a_ref/a_X exp[F (E_X - E_ref)/RT] where X replaces the reference cation.

    Parameters
    ----------
    reference_mV, temperature_C : array_like, leading shape
        Reversal potential in the reference bath, in mV; degrees Celsius.
    valence : array_like of int, shape (ions,)
        Charge numbers, all of one sign.
    reference_outside, outside : array_like, shape (..., ions)
        Activities in the reference bath and in the other bath.

    Returns
    -------
    valence, inside, outside : ndarray, shape (..., 2, ions)
        The ions outside and, in the second row, their counterparts inside; arguments for the functions above, with
        each permeability twice.

    Raises
    ------
    ValueError
        If there are cations and anions: then the solution inside does not cancel.
    """
    z = np.asarray(valence, dtype=np.float64)
    if np.any(z > 0) and np.any(z < 0):
        raise ValueError("cations and anions: the solution inside does not cancel")
    v = _reduced(reference_mV, temperature_C)[..., None]
    counterpart = np.sign(z)
    # Cations: inward z a_ref phi(-zv), outward phi(v) per activity; anions conversely.
    _, entering = _goldman_factors(z * v)
    leaving, _ = _goldman_factors(counterpart * v)
    balanced = np.abs(z) * np.asarray(reference_outside, dtype=np.float64) * entering / leaving
    shape = np.broadcast_shapes(z.shape, balanced.shape, np.shape(outside))
    columns = ((z, counterpart), (np.zeros(shape), balanced), (np.asarray(outside, dtype=np.float64), np.zeros(shape)))
    doubled = [np.stack([np.broadcast_to(row, shape) for row in rows], axis=-2) for rows in columns]
    return doubled[0], doubled[1], doubled[2]


def _not_negative(permeability: ArrayLike) -> FloatArray:
    """Return permeabilities as an array; a negative one is an error."""
    p = np.asarray(permeability, dtype=np.float64)
    if (p < 0).any():
        raise ValueError(f"a negative permeability: {p.min()}")
    return p


def _reduced(voltage_mV: ArrayLike, temperature_C: ArrayLike) -> FloatArray:
    """Return a voltage in units of RT/F."""
    return np.asarray(np.asarray(voltage_mV, dtype=np.float64) / thermal_voltage_mV(temperature_C))


def _goldman_factors(u: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return phi(u) and phi(-u), phi(u) = u / (1 - exp(-u)), 1 at 0; no overflow for any finite u."""
    size = np.abs(u)
    larger = np.where(size > 0, size, 1.0) / np.where(size > 0, -np.expm1(-size), 1.0)
    smaller = larger * np.exp(-size)
    return np.where(u >= 0, larger, smaller), np.where(u >= 0, smaller, larger)


def _flows(
    charge: FloatArray, p_outward: FloatArray, p_inward: FloatArray, v: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the outward and inward currents at v = FV/RT, and d ln phi(u) / du at u = |z|v; all (..., ions).

    d ln phi(u) / du = 1/u - 1/(exp(u) - 1) = (1 - phi(-u)) / u lies between 0 and 1 and is 1/2 at 0.
    """
    u = charge * v[..., None]
    with_field, against_field = _goldman_factors(u)
    # The difference cancels near 0; four terms of the Bernoulli series are exact to 1e-16 below 0.1.
    square = u * u
    near = 0.5 - u * (1 / 12 - square * (1 / 720 - square * (1 / 30240 - square / 1209600)))
    is_near = square < _MAX_SERIES_U**2
    rise = np.where(is_near, near, (1 - against_field) / np.where(is_near, 1.0, u))
    return p_outward * with_field, p_inward * against_field, rise


def _slope(charge: FloatArray, outward: FloatArray, inward: FloatArray, rise: FloatArray) -> FloatArray:
    """Return the slope of the summed current by v = FV/RT, for what `_flows` returns; leading shape."""
    slope: FloatArray = (charge * (outward * rise + inward * (1 - rise))).sum(axis=-1)
    return slope
