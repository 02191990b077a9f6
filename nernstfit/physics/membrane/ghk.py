"""The Goldman-Hodgkin-Katz current of any mixture of ions, its root and the root's gradient.

With v = FV/RT, an ion of valence z carries outward (Goldman 1943, J Gen Physiol 27:37; Hodgkin & Katz 1949,
J Physiol 108:37; for any valence Hille, Ion Channels of Excitable Membranes, 3rd ed., chapter 14)

    I = P z F [a_in phi(zv) - a_out phi(-zv)],   phi(u) = u / (1 - exp(-u)).

An anion that enters is an outward current. Written by direction instead of by side, every ion obeys

    I = P |z| F [forth phi(|z|v) - back phi(-|z|v)],

where `forth` is the activity that feeds outward current (cations inside, anions outside) and `back` the one
that feeds inward current. Both terms rise with v, so the summed current has at most one root.

Arguments are the same throughout. The last axis is the ions, the leading axes broadcast:

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

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nernstfit.physics.constants import thermal_voltage_mV

FloatArray = NDArray[np.float64]

_MAX_STEPS = 100
_STEP_TOLERANCE = 1e-14


def form(valence: ArrayLike, of: str) -> str:
    """Name the form of the equation to which ratios belong: where an ion carries more than one charge, forms differ.

    Parameters
    ----------
    valence : array_like of int
        Of the permeant ions.
    of : str
        `activities` or `concentrations`.
    """
    monovalent = bool((np.abs(valence) == 1).all())
    return f"GHK equation with {of}" if monovalent else f"GHK current equation with z^2 and {of}"


def ion_currents(
    voltage_mV: ArrayLike,
    permeability: ArrayLike,
    valence: ArrayLike,
    inside: ArrayLike,
    outside: ArrayLike,
    temperature_C: ArrayLike,
) -> FloatArray:
    """GHK current of each ion, positive outward.

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
    charge, forth, back = _directions(permeability, valence, inside, outside)
    with_field, against_field = _goldman_factors(charge * _reduced(voltage_mV, temperature_C)[..., None])
    currents: FloatArray = forth * with_field - back * against_field
    return currents


def current(
    voltage_mV: ArrayLike,
    permeability: ArrayLike,
    valence: ArrayLike,
    inside: ArrayLike,
    outside: ArrayLike,
    temperature_C: ArrayLike,
) -> FloatArray:
    """GHK current summed over the ions, positive outward.

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
    """Slope dI/dV of the summed GHK current; not negative.

    Parameters and errors are those of `ion_currents`.

    Returns
    -------
    ndarray, leading shape
        Slope in units of permeability x F x activity per mV.

    Notes
    -----
    phi'(u) = phi(u) L(u) with L the logarithmic derivative of phi, and L(-u) = 1 - L(u).
    """
    charge, forth, back = _directions(permeability, valence, inside, outside)
    u = charge * _reduced(voltage_mV, temperature_C)[..., None]
    with_field, against_field = _goldman_factors(u)
    rise = _goldman_log_slope(u)
    per_reduced_volt = (charge * (forth * with_field * rise + back * against_field * (1 - rise))).sum(axis=-1)
    slope: FloatArray = per_reduced_volt / thermal_voltage_mV(temperature_C)
    return slope


def reversal_mV(
    permeability: ArrayLike,
    valence: ArrayLike,
    inside: ArrayLike,
    outside: ArrayLike,
    temperature_C: ArrayLike,
) -> FloatArray:
    """Reversal potential: the root of the summed GHK current, for any valences.

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
    The root is sought in g(v) = ln(outward sum) - ln(inward sum). Since phi(u) = exp(u) phi(-u), g is the
    straight line v + ln(O/N) if all ions are monovalent, with O and N the sums at 0 mV, and is close to one
    otherwise: its slope lies between 1/2 and 3/2 of the largest |z|. Since phi rises, phi(|z|v) >= phi(v) and
    phi(-|z|v) <= phi(-v) for v > 0, so that the root lies between 0 and ln(N/O), whatever the valences; the same
    holds below 0. A Newton step that leaves this bracket, or is not half the step before (around a kink of g they
    can alternate for ever), is replaced by bisection: 100 steps always suffice, 5 usually do.
    """
    charge, forth, back = _directions(permeability, valence, inside, outside)
    thermal_mV = thermal_voltage_mV(temperature_C)
    with np.errstate(divide="ignore", invalid="ignore"):
        balance = np.log(back.sum(axis=-1)) - np.log(forth.sum(axis=-1))
        balance = np.where(np.isfinite(balance), balance, np.nan)
        low, high = np.minimum(balance, 0), np.maximum(balance, 0)
        v, step, settled = balance, high - low, np.isnan(balance)
        for _ in range(_MAX_STEPS):
            u = charge * v[..., None]
            with_field, against_field = _goldman_factors(u)
            rise = _goldman_log_slope(u)
            outward, inward = forth * with_field, back * against_field
            outward_sum, inward_sum = outward.sum(axis=-1), inward.sum(axis=-1)
            excess = np.log(outward_sum) - np.log(inward_sum)
            slope = (charge * outward * rise).sum(axis=-1) / outward_sum
            slope += (charge * inward * (1 - rise)).sum(axis=-1) / inward_sum
            low, high = np.where(excess < 0, v, low), np.where(excess > 0, v, high)
            newton, tolerance = -excess / slope, _STEP_TOLERANCE * (1 + np.abs(v))
            in_bracket = (v + newton >= low) & (v + newton <= high)
            useful = in_bracket & (np.abs(newton) <= np.abs(step) / 2) | (np.abs(newton) <= tolerance)
            step = np.where(useful, newton, (low + high) / 2 - v)
            v = np.where(settled, v, v + step)
            settled |= np.abs(step) <= tolerance
            if settled.all():
                break
    reversal: FloatArray = (v * thermal_mV)[()]
    return reversal


def reversal_gradient_mV(
    reversal_mV: ArrayLike,
    permeability: ArrayLike,
    valence: ArrayLike,
    inside: ArrayLike,
    outside: ArrayLike,
    temperature_C: ArrayLike,
) -> FloatArray:
    """Gradient of the reversal potential E in the logarithms of the permeabilities.

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
    arguments = (permeability, valence, inside, outside, temperature_C)
    slope = slope_conductance_per_mV(reversal_mV, *arguments)
    gradient: FloatArray = -ion_currents(reversal_mV, *arguments) / slope[..., None]
    return gradient


def unknown_inside(
    reference_mV: ArrayLike,
    valence: ArrayLike,
    reference_outside: ArrayLike,
    outside: ArrayLike,
    temperature_C: ArrayLike,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The membrane of which only what is outside is known, and a potential in a bath of reference: the shift method.

    The permeant ions are all cations or all anions, and those inside carry one charge each. What they carry
    outward (anions: inward) is then one unknown number times phi(v), and the reference bath tells it: at its
    reversal potential it is the sum of what the ions carry the other way. So every ion outside has its counterpart
    inside, a monovalent ion of the same permeability that balances it there. For a monovalent ion that is its
    activity in the reference bath times exp(-zF E/RT), and the known rule follows (Hille, Ion Channels of Excitable
    Membranes, 3rd ed., chapter 14), P_X/P_ref = a_ref/a_X exp[F (E_X - E_ref)/RT] where cation X replaces another.

    Parameters
    ----------
    reference_mV : array_like, leading shape
        Reversal potential in the reference bath.
    valence : array_like of int, shape (ions,)
        All of one sign.
    reference_outside, outside : array_like, shape (..., ions)
        Activities in the reference bath and in the bath in question.
    temperature_C : array_like, leading shape

    Returns
    -------
    valence, inside, outside : ndarray, shape (..., 2, ions)
        The ions outside and, in the second row, their counterparts inside; arguments for the functions above, with
        each permeability twice.

    Raises
    ------
    ValueError
        If there are cations and anions: then what is inside does not cancel.
    """
    z = np.asarray(valence, dtype=np.float64)
    if np.any(z > 0) and np.any(z < 0):
        raise ValueError("cations and anions: what is inside does not cancel")
    v = _reduced(reference_mV, temperature_C)[..., None]
    counterpart = np.sign(z)
    # Cations: z a_ref phi(-zv) enters, phi(v) per activity leaves; anions the other way round.
    _, entering = _goldman_factors(z * v)
    leaving, _ = _goldman_factors(counterpart * v)
    balanced = np.abs(z) * np.asarray(reference_outside, dtype=np.float64) * entering / leaving
    there = np.asarray(outside, dtype=np.float64)
    shape = np.broadcast_shapes(z.shape, balanced.shape, there.shape)
    columns = ((z, counterpart), (np.zeros(shape), balanced), (there, np.zeros(shape)))
    doubled = [np.stack([np.broadcast_to(row, shape) for row in rows], axis=-2) for rows in columns]
    return doubled[0], doubled[1], doubled[2]


def _directions(
    permeability: ArrayLike, valence: ArrayLike, inside: ArrayLike, outside: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Sort sides into directions.

    Returns |z| and P |z| times the activity that feeds outward and inward current, all (..., ions).
    """
    p = np.asarray(permeability, dtype=np.float64)
    z = np.asarray(valence, dtype=np.float64)
    a_in, a_out = np.asarray(inside, dtype=np.float64), np.asarray(outside, dtype=np.float64)
    for name, values in (("permeability", p), ("activity inside", a_in), ("activity outside", a_out)):
        if np.any(values < 0):
            raise ValueError(f"a negative {name}: {values.min()}")
    charge = np.abs(z)
    return charge, p * charge * np.where(z > 0, a_in, a_out), p * charge * np.where(z > 0, a_out, a_in)


def _reduced(voltage_mV: ArrayLike, temperature_C: ArrayLike) -> FloatArray:
    """Voltage in units of RT/F."""
    return np.asarray(np.asarray(voltage_mV, dtype=np.float64) / thermal_voltage_mV(temperature_C))


def _goldman_factors(u: FloatArray) -> tuple[FloatArray, FloatArray]:
    """phi(u) and phi(-u), phi(u) = u / (1 - exp(-u)), 1 at 0; no overflow for any finite u."""
    size = np.abs(u)
    larger = np.where(size > 0, size, 1.0) / np.where(size > 0, -np.expm1(-size), 1.0)
    smaller = larger * np.exp(-size)
    return np.where(u >= 0, larger, smaller), np.where(u >= 0, smaller, larger)


def _goldman_log_slope(u: FloatArray) -> FloatArray:
    """d ln phi(u) / du = 1/u - 1/(exp(u) - 1), between 0 and 1, 1/2 at 0."""
    size = np.abs(u)
    # The two terms cancel near 0; four terms of the Bernoulli series are exact to 1e-16 below 0.1.
    near = 0.5 - size / 12 + size**3 / 720 - size**5 / 30240 + size**7 / 1209600
    far_size = np.maximum(size, 0.1)
    far = 1 / far_size + np.exp(-far_size) / np.expm1(-far_size)
    for_positive = np.where(size < 0.1, near, far)
    return np.where(u >= 0, for_positive, 1 - for_positive)
