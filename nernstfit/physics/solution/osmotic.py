"""Osmolality of a solution by the osmotic coefficient of Pitzer's equations.

The osmolality is that of the particles, sum m, plus what their interactions add (Pitzer 1973, J Phys Chem 77:268;
Pitzer & Kim 1974, J Am Chem Soc 96:5701), from the parameters of `pitzer` at the ionic strength I,

    2 [-A_phi I^(3/2) / (1 + b sqrt(I)) + sum_MX m m (B^phi + Z C) + sum_like m m (theta + E + I E')
       + sum_trios m m m psi],        B^phi = beta0 + beta1 exp(-alpha sqrt(I)),

and, of an uncharged substance with an osmotic coefficient of its own, its column `osmotic_kg_per_mol` k in
molar_volumes.csv: k m^2. All others are ideal.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nernstfit.physics.solution import pitzer
from nernstfit.physics.solution.activity import ionic_strength_M
from nernstfit.physics.solution.unlike_charges import unlike_charges
from nernstfit.physics.solution.water import SOLUTES

FloatArray = NDArray[np.float64]


def ionic_osmolality(molality: ArrayLike, ions: pitzer.Ions, temperature_C: float) -> FloatArray:
    """Calculate the osmolality of the ions.

    Parameters
    ----------
    molality : array_like, shape (..., ions)
        mol/kg.
    ions : tuple of Ion
        Those known by their charge only add particles and ionic strength.
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
    return np.asarray(everything.sum(axis=-1) + 2 * (field + pairs + trios))


def uncharged_osmolality(molality: float, substance: str) -> float:
    """Return the osmolality in Osm/kg of an uncharged substance at its molality in mol/kg."""
    own = SOLUTES.get(substance)
    return molality + ((own.osmotic_kg_per_mol if own else None) or 0.0) * molality**2
