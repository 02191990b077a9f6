"""Mobilities of ions in solutions of some ionic strength.

An ion moves against its atmosphere of opposite charge, which drags the water the other way. In units of equivalent
conductivity this electrophoretic effect is (Onsager 1927, Phys Z 28:277; Robinson & Stokes 1959, Electrolyte Solutions,
chapter 7)

    lambda = lambda_0 - E |z| sqrt(I) / (1 + B a sqrt(I))

with the size a of the ion, as in the extended equation of Debye and Hueckel. The relaxation of the atmosphere slows all
ions of a solution by nearly the same factor, which changes no transport number. The equation is meant for dilute
solutions: between two of them, that of the weaker one counts.
"""

import numpy as np
from numpy.typing import NDArray

from nernstfit.physics.solution.activity import inverse_length_per_A

FloatArray = NDArray[np.float64]

# E over the limiting conductivity of K at 25 C, (mol/l)^-1/2: 30.3 / 73.5 (Robinson & Stokes 1959, appendix 7.1: half
# of 60.65 S cm2/mol; ion_mobility of K). It varies by 3 % between 10 and 40 C, as conductivities and the viscosity of
# water vary together. With half of it the transport number of Ca in CaCl2 .2 N is .421, with double .335; measured .395
# (Longsworth 1935, J Am Chem Soc 57:1185).
_DRAG = 30.3 / 73.5
# Part of its mobility that an ion keeps at least: the equation is not meant for large slow ions in strong bridges. With
# half of it their junctions change by hundredths of a mV, with double the limit is reached at 0.15 M.
_MIN_PART = 0.3


def in_solution(mobility: FloatArray, sizes_A: FloatArray, strength_M: float) -> FloatArray:
    """Return the absolute mobilities of ions at an ionic strength.

    Parameters
    ----------
    mobility : ndarray, shape (ions,)
        At infinite dilution, relative to that of K.
    sizes_A : ndarray, shape (ions,)
        Sizes in Angstrom, as in the equation of Debye and Hueckel; nan where none is known, for B a = 1.
    strength_M : float
        Ionic strength in mol/l.

    Returns
    -------
    ndarray, shape (ions,)
        In the same unit, without the factor that is common to all ions; at least 30 % of that at infinite dilution.
    """
    root = np.sqrt(strength_M)
    screening = np.where(np.isnan(sizes_A), 1.0, inverse_length_per_A(25.0) * sizes_A)
    slowed = mobility - _DRAG * root / (1 + screening * root)
    return np.asarray(np.maximum(slowed, _MIN_PART * mobility))
