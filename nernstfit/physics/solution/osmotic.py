"""Osmolality of a solution by the osmotic coefficient of Pitzer's equations.

The osmolality is that of the particles, sum m, plus what their interactions add (Pitzer 1973, J Phys Chem 77:268;
Pitzer & Kim 1974, J Am Chem Soc 96:5701), from the parameters of `pitzer` at the ionic strength I,

    2 [-A_phi I^(3/2) / (1 + b sqrt(I)) + sum_MX m m (B^phi + Z C) + sum_like m m (theta + E + I E')
       + sum_trios m m m psi],        B^phi = beta0 + beta1 exp(-alpha sqrt(I)),

with the first term for the part of all pairs of unlike charges whose two ions have parameters. The other pairs, with an
ion of three charges and more or a metal that chloride binds, interact as hard spheres of one size a (Robinson & Stokes
1959, Electrolyte Solutions, ch. 9),

    -2 A ln(10) / (B a)^3 [(1 + x) - 1 / (1 + x) - 2 ln(1 + x)],        x = B a sqrt(I).

An uncharged substance with an osmotic coefficient
of its own, its column `osmotic_kg_per_mol` k in molar_volumes.csv, adds k m^2. All others are ideal.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nernstfit.physics.solution import pitzer
from nernstfit.physics.solution.activity import debye_huckel_slope, inverse_length_per_A, ionic_strength_M
from nernstfit.physics.solution.unlike_charges import unlike_charges
from nernstfit.physics.solution.water import SOLUTES

FloatArray = NDArray[np.float64]

# Diameter a of ions without parameters, in Angstrom, as for ions of several charges in Kielland 1937 (J Am Chem Soc
# 59:1675; 4 to 6 and more). Osmotic coefficients of .1 m LaCl3, K3Fe(CN)6 and K4Fe(CN)6 are then .75, .75 and .66 (.79,
# .73 and .60 measured); with half of it .57, .57 and .38, with double .88, .88 and .85.
_SIZE_A = 5.0


def ionic_osmolality(molality: ArrayLike, ions: pitzer.Ions, temperature_C: float) -> FloatArray:
    """Calculate the osmolality of the ions.

    Parameters
    ----------
    molality : array_like, shape (..., ions)
        mol/kg.
    ions : tuple of Ion
        Those known by their charge only interact as hard spheres.
    temperature_C : float

    Returns
    -------
    ndarray, leading shape
        Osm/kg.
    """
    p = pitzer.parameters(ions)
    everything = np.asarray(molality, dtype=np.float64)
    strength = np.asarray(ionic_strength_M(1000 * everything, p.valence))
    root, m = np.sqrt(strength), np.where(p.specific, everything, 0.0)
    field = -pitzer.slope(temperature_C) * strength * root / (1 + pitzer.B * root)
    always, third, unlike, *betas = np.moveaxis((p.weighted(m, temperature_C) @ m[..., None])[..., 0], -1, 0) / 2
    pairs = always + (m * np.abs(p.valence)).sum(axis=-1) * third
    for alpha, beta in zip(p.alpha, betas, strict=True):
        pairs = pairs + np.exp(-alpha * root) * beta
    if p.mixes_charges:
        e, e_change = unlike_charges(strength, pitzer.slope(temperature_C), (1, 2))
        pairs = pairs + (e + strength * e_change) * unlike
    trios = np.einsum("...i,...j,...k,ijk->...", m, m, m, p.psi, optimize=True) / 6
    known = _known_pairs(p, everything)
    return np.asarray(
        everything.sum(axis=-1) + 2 * (known * field + pairs + trios) + (1 - known) * _spheres(strength, temperature_C)
    )


def _known_pairs(p: pitzer.Parameters, molality: FloatArray) -> FloatArray:
    """Return the part of the pairs of unlike charges whose two ions have parameters, shape (...)."""
    charge = molality * np.abs(p.valence)
    parts = []
    for own in (p.valence > 0, p.valence < 0):
        everything = charge[..., own].sum(axis=-1)
        of_known = charge[..., own & p.specific].sum(axis=-1)
        parts.append(np.where(everything > 0, of_known / np.where(everything > 0, everything, 1.0), 1.0))
    return np.asarray(parts[0] * parts[1])


def _spheres(strength: FloatArray, temperature_C: float) -> FloatArray:
    """Return what the interactions of hard spheres add to the osmolality, in Osm/kg, shape of `strength`."""
    per_root = float(inverse_length_per_A(temperature_C)) * _SIZE_A
    x = per_root * np.sqrt(strength)
    # The bracket is x^3/3 - x^4/2 ... near 0, where its terms cancel.
    bracket = np.where(x < 1e-3, x**3 / 3, (1 + x) - 1 / (1 + x) - 2 * np.log1p(x))
    return np.asarray(-2 * float(debye_huckel_slope(temperature_C)) * np.log(10) / per_root**3 * bracket)


def uncharged_osmolality(molality: float, substance: str) -> float:
    """Return the osmolality in Osm/kg of an uncharged substance at its molality in mol/kg."""
    own = SOLUTES.get(substance)
    return molality + ((own.osmotic_kg_per_mol if own else None) or 0.0) * molality**2
