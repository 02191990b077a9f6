"""Pitzer's equations for mixtures: activity coefficients of single ions from measured salts.

The excess free energy is Debye and Hueckel's term, and a virial series in the molalities m (Pitzer 1973, J Phys
Chem 77:268; Pitzer & Kim 1974, J Am Chem Soc 96:5701). For ion i of charge z, with M running over ions of the
other sign, j over all others of its own sign,

    ln g_i = z^2 F + sum_M m_M (2 B_iM + Z C_iM) + sum_j 2 m_j (theta_ij + E_ij)
             + (1/2) sum_jk m_j m_k psi_ijk + |z| sum_pairs m m C,

    F = f + sum_pairs m m B' + sum_unlike m m E',   Z = sum m |z|.

B depend on the ionic strength by the parameters of one salt each, theta and psi are the mixing terms of two and three
ions, E is the electrostatic mixing term of two unlike charges of one sign. Values and sources are in pitzer.csv
beside this module: salts from Pitzer & Mayorga 1973 (May et al. 2011 where that has none), CaSO4 and mixing terms from
Harvie, Moller & Weare 1984. They are those of 25 C; the Debye-Hueckel slope depends on the temperature, and so do the
salts of which Silvester & Pitzer 1978 (J Solution Chem 7:327) list the first derivatives, of beta0, beta1 and C, which
hold some 15 C either way. The other salts and the mixing terms change by the slope alone.

A pair of ions without parameters takes those of the nearest pair of their analogues (`ions.csv`, column
`analogue`), a missing mixing term is 0, and an ion that has no analogue either (three charges and more, metals that
chloride binds) affects the others through the ionic strength only and has Davies' coefficient. `assumptions` lists
all of these. Its amounts are molalities: `water` makes them of concentrations.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import combinations, permutations, product
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nernstfit.physics.solution.activity import davies, debye_huckel_slope, ionic_strength_M
from nernstfit.physics.solution.ions import IONS, Ion
from nernstfit.physics.solution.pitzer_table import TABLE
from nernstfit.physics.solution.unlike_charges import unlike_charges

FloatArray = NDArray[np.float64]
Ions = tuple[Ion, ...]

CONVENTIONS = ("macinnes", "raw", "guggenheim")
"""Conventions by which the mean coefficient, which alone can be measured, is divided between single ions."""

_SLOPE_AT_25_C = 0.392
"""A_phi = A ln(10) / 3 at 25 C, (kg/mol)^(1/2): that of Pitzer & Mayorga 1973 and Harvie, Moller & Weare 1984, with
which their parameters were fitted. Later values (0.3915) differ by less than the parameters are known."""

B = 1.2
"""Parameter b of the Debye-Hueckel term, (kg/mol)^(1/2): Pitzer 1973, the same for every ion."""

AT_C = 25.0
"""Temperature of the parameters."""
_ALPHA_2 = 12.0
"""Parameter alpha of beta2, (kg/mol)^(1/2): Pitzer & Mayorga 1974, J Solution Chem 3:539."""

_MAX_CHARGE = 2  # salts of higher charge have no parameters here

_ALWAYS, _THIRD, _UNLIKE = 0, 1, 2  # kinds of `Parameters.pairs`; those from the third on depend on the ionic strength


@dataclass(frozen=True)
class Parameters:
    """Parameters of a list of ions as arrays; ions known by their charge only have zeros.

    Attributes
    ----------
    valence : ndarray, shape (ions,)
    specific : ndarray of bool, shape (ions,)
        True where the ion has a salt with parameters, its own or an analogue's.
    pairs, changes : ndarray, shape (kinds, ions, ions)
        Symmetric parameters of two ions at 25 C, and their changes per kelvin. Kinds, in this order: beta0 of unlike
        signs with theta of like signs, C, 1 for two unlike charges of one sign, then beta1 or beta2 of every alpha.
    alpha : ndarray, shape (kinds - 3,)
        In (kg/mol)^(1/2).
    psi : ndarray, shape (ions, ions, ions)
    """

    valence: FloatArray
    specific: NDArray[np.bool_]
    pairs: FloatArray
    changes: FloatArray
    alpha: FloatArray
    psi: FloatArray

    @cached_property
    def mixes_charges(self) -> bool:
        """Return True where two ions have unlike charges of one sign."""
        return bool(self.pairs[_UNLIKE].any())

    @cached_property
    def mixes_trios(self) -> bool:
        """Return True where three ions have a mixing term."""
        return bool(self.psi.any())

    @cached_property
    def all_specific(self) -> bool:
        """Return True where every ion has a salt with parameters."""
        return bool(self.specific.all())

    def weighted(self, molality: FloatArray, temperature_C: ArrayLike) -> FloatArray:
        """Return the sums over the ions of their molalities times the parameters, shape (..., kinds, ions)."""
        kinds, ions = self.pairs.shape[:2]
        warmer = np.asarray(temperature_C, dtype=np.float64)[..., None, None] - AT_C
        if warmer.ndim == 2:  # one temperature
            matrices = (self.pairs + warmer * self.changes).reshape(kinds * ions, ions)
            return np.asarray((molality @ matrices.T).reshape(*molality.shape[:-1], kinds, ions))
        sums, changes = (
            (molality @ matrices.reshape(kinds * ions, ions).T).reshape(*molality.shape[:-1], kinds, ions)
            for matrices in (self.pairs, self.changes)
        )
        return np.asarray(sums + warmer * changes)


def _chain(ion: Ion) -> list[str]:
    """Return an ion, its analogue, the analogue's analogue ..., by name."""
    names, charge, following = [ion.name], ion.valence, ion.analogue
    while following and following not in names and IONS[following].valence == charge:
        names.append(following)
        following = IONS[following].analogue
    return names


@cache
def stand_in(cation: Ion, anion: Ion) -> tuple[str, str] | None:
    """Return the salt whose parameters a pair of ions takes.

    Parameters
    ----------
    cation, anion : Ion

    Returns
    -------
    tuple of (str, str) or None
        Names of a cation and an anion: the pair itself where it has parameters, else the salt that is the fewest
        steps of analogues away, and among equals the one with the same anion; None where no analogue has any.
    """
    steps = [
        (i + j, j, (c, a))
        for i, c in enumerate(_chain(cation))
        for j, a in enumerate(_chain(anion))
        if (c, a) in TABLE.salts
    ]
    return min(steps)[2] if steps else None


def holds_pair(metal: Ion, anion: Ion) -> bool:
    """Return True where the pairing of two ions is a part of their parameters.

    They are those of this anion with a metal, or of the very salt of a univalent ion.
    """
    pair = stand_in(metal, anion)
    return pair is not None and pair[1] == anion.name and (metal.is_metal or pair[0] == metal.name)


@cache
def is_specific(ion: Ion) -> bool:
    """Return True where an ion, or one of its analogues, has a salt with parameters."""
    known = {name for pair in TABLE.salts for name in pair}
    return abs(ion.valence) <= _MAX_CHARGE and not known.isdisjoint(_chain(ion))


@cache
def parameters(ions: Ions) -> Parameters:
    """Gather the parameters of some ions; see `Parameters`."""
    n = len(ions)
    specific = np.array([is_specific(ion) for ion in ions], dtype=bool)
    kinds = {kind: np.zeros((2, n, n)) for kind in (_ALWAYS, _THIRD, _UNLIKE)}  # values at 25 C, and changes per kelvin
    betas: dict[float, FloatArray] = {}
    psi = np.zeros((n, n, n))
    for i, j in combinations(np.flatnonzero(specific), 2):
        one, other = ions[i], ions[j]
        if one.valence * other.valence > 0:
            kinds[_ALWAYS][0, i, j] = TABLE.theta.get(frozenset((one.name, other.name)), 0.0)
            kinds[_UNLIKE][0, i, j] = one.valence != other.valence
        elif pair := stand_in(*_salt(one, other)):
            salt = TABLE.salts[pair]
            kinds[_ALWAYS][:, i, j] = salt.beta0, salt.dbeta0
            kinds[_THIRD][:, i, j] = salt.c_phi / (2 * abs(one.valence * other.valence) ** 0.5), salt.dc
            for alpha, *beta in ((salt.alpha1, salt.beta1, salt.dbeta1), (_ALPHA_2, salt.beta2, 0.0)):
                if any(beta):
                    betas.setdefault(alpha, np.zeros((2, n, n)))[:, i, j] = beta
    places: dict[str, list[int]] = {}
    for place, ion in enumerate(ions):  # chloride may be there twice
        places.setdefault(ion.name, []).append(place)
    for names in filter(places.keys().__ge__, TABLE.psi):
        for trio in product(*(places[name] for name in names)):
            for order in permutations(trio):
                psi[order] = TABLE.psi[names]
    upper = np.stack([*kinds.values(), *betas.values()], axis=1)
    pairs, changes = upper + np.swapaxes(upper, -1, -2)
    valence = np.array([ion.valence for ion in ions], dtype=np.float64)
    return Parameters(valence, specific, pairs, changes, np.array(list(betas), dtype=np.float64), psi)


def slope(temperature_C: ArrayLike) -> FloatArray:
    """Return Pitzer's Debye-Hueckel slope A_phi in (kg/mol)^(1/2).

    0.392 at 25 C; it changes with temperature as `debye_huckel_slope`.
    """
    return np.asarray(_SLOPE_AT_25_C * debye_huckel_slope(temperature_C) / debye_huckel_slope(25.0))


def debye_huckel_term(strength: FloatArray, a_phi: FloatArray) -> FloatArray:
    """Calculate the Debye-Hueckel term of ln g per squared charge (Pitzer 1973).

    f = -A_phi [sqrt(I) / (1 + b sqrt(I)) + (2/b) ln(1 + b sqrt(I))], b = 1.2 (kg/mol)^(1/2).

    Parameters
    ----------
    strength : ndarray
        Ionic strength I in mol/kg.
    a_phi : ndarray
        Slope A_phi in (kg/mol)^(1/2).

    Returns
    -------
    ndarray
        Dimensionless, the shape of `strength`.
    """
    root = np.sqrt(strength)
    return np.asarray(-a_phi * (root / (1 + B * root) + 2 / B * np.log1p(B * root)))


def screening(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Calculate the factors by which beta1 and beta2 depend on the ionic strength (Pitzer 1973).

    g(x) = 2 [1 - (1 + x) exp(-x)] / x^2, and -2 [1 - (1 + x + x^2/2) exp(-x)] / x^2, so that B = beta g(x) and
    B' = beta g'(x) / I with x = alpha sqrt(I).
    """
    # Below this the quotients lose their digits, and the molalities that they multiply are negligible.
    x = np.maximum(x, 1e-5)
    fall = np.exp(-x)
    return 2 * (1 - (1 + x) * fall) / x**2, -2 * (1 - (1 + x + x**2 / 2) * fall) / x**2


def ln_raw(molality: ArrayLike, ions: Ions, temperature_C: ArrayLike) -> FloatArray:
    """Return ln g of every ion by the equation at the head of this module, without a convention.

    Parameters
    ----------
    molality : array_like, shape (..., ions)
        mol/kg.
    ions : tuple of Ion
    temperature_C : array_like, leading shape

    Returns
    -------
    ndarray, shape (..., ions)
        nan for ions that are known by their charge only.
    """
    p, everything = parameters(ions), np.asarray(molality, dtype=np.float64)
    return _ln_raw(p, everything, _Screening.at(ionic_strength_M(1000 * everything, p.valence), temperature_C))


@dataclass(frozen=True)
class _Screening:
    """Ionic strength of a solution in mol/kg, its temperature, slope A_phi and Debye-Hueckel term of ln g."""

    strength: FloatArray
    temperature_C: ArrayLike
    a_phi: FloatArray
    term: FloatArray
    _kept: dict[float, tuple[FloatArray, FloatArray]] = field(default_factory=dict)

    @classmethod
    def at(cls, strength: ArrayLike, temperature_C: ArrayLike) -> Self:
        """Return what depends on an ionic strength in mol/kg and a temperature alone."""
        a_phi, given = slope(temperature_C), np.asarray(strength, dtype=np.float64)
        return cls(given, temperature_C, a_phi, debye_huckel_term(given, a_phi))

    def of(self, p: Parameters) -> tuple[FloatArray, FloatArray]:
        """Return the factors of the kinds of parameters and their slopes by the strength, shape (..., kinds).

        That of `_THIRD`, which depends on more than the strength, is 0.
        """
        factor, change = np.zeros((2, *self.strength.shape, len(p.pairs)))
        factor[..., _ALWAYS] = 1
        if p.mixes_charges:
            of_charges = unlike_charges(self.strength, self.a_phi, (1, _MAX_CHARGE))
            factor[..., _UNLIKE], change[..., _UNLIKE] = of_charges
        for kind, alpha in enumerate(p.alpha.tolist(), start=_UNLIKE + 1):
            factor[..., kind], change[..., kind] = self._screened(alpha)
        return factor, change

    def _screened(self, alpha: float) -> tuple[FloatArray, FloatArray]:
        """Return g and g' / I of one alpha, which several salts share."""
        if alpha not in self._kept:
            factor, change = screening(alpha * np.sqrt(self.strength))
            self._kept[alpha] = factor, change / np.maximum(self.strength, 1e-12)
        return self._kept[alpha]


def _ln_raw(p: Parameters, molality: FloatArray, at: _Screening) -> FloatArray:
    """Return what `ln_raw` does; the molalities are those of the ions of the parameters."""
    m = molality if p.all_specific else np.where(p.specific, molality, 0.0)
    weighted = p.weighted(m, at.temperature_C)
    factor, change = at.of(p)
    factor[..., _THIRD] = (m @ np.abs(p.valence)) / 2
    own = (weighted @ m[..., None])[..., 0]  # sums over both ions, shape (..., kinds)
    by_charge = at.term + (change * own).sum(axis=-1) / 2
    ln_g = 2 * (factor[..., None, :] @ weighted)[..., 0, :]
    ln_g += p.valence**2 * by_charge[..., None] + np.abs(p.valence) * (own[..., _THIRD, None] / 2)
    if p.mixes_trios:
        trios = (m @ p.psi.reshape(len(p.psi), -1)).reshape(*m.shape, m.shape[-1])
        ln_g += (trios @ m[..., None])[..., 0] / 2
    return ln_g if p.all_specific else np.where(p.specific, ln_g, np.nan)


def ln_mean(cation: Ion, anion: Ion, strength: FloatArray, temperature_C: ArrayLike) -> FloatArray:
    """Return ln of the mean coefficient of a pure salt at an ionic strength in mol/l; shape of `strength`.

    |z z'| (f + m m' B') + [2 m' z (2 B + Z C) + 2 z z' m m' C] / (z + |z'|): the mean of the two equations at the head.
    """
    return _ln_mean(cation, anion, _Screening.at(strength, temperature_C))


def _ln_mean(cation: Ion, anion: Ion, at: _Screening) -> FloatArray:
    z, other = cation.valence, -anion.valence
    p = parameters((cation, anion))
    formula = 2 * at.strength / (z * other * (z + other))
    one, two = formula * other, formula * z  # molalities of cation and anion
    warmer = np.asarray(at.temperature_C, dtype=np.float64)[..., None] - AT_C
    of_pair = p.pairs[:, 0, 1] + warmer * p.changes[:, 0, 1]
    factor, change = at.of(p)
    second = (factor * of_pair).sum(axis=-1)
    by_charge = at.term + one * two * (change * of_pair).sum(axis=-1)
    third = (one * z + two * other) * of_pair[..., _THIRD]
    others = 2 * one * z * (2 * second + third) + 2 * z * other * one * two * of_pair[..., _THIRD]
    return np.asarray(z * other * by_charge + others / (z + other))


def coefficients(
    molality_mmol_per_kg: ArrayLike, ions: Sequence[Ion], temperature_C: ArrayLike, convention: str = "macinnes"
) -> FloatArray:
    """Calculate the activity coefficients of single ions.

    Parameters
    ----------
    molality_mmol_per_kg : array_like, shape (..., ions)
        Amounts of all ions of the solution, in mmol/kg.
    ions : sequence of Ion
    temperature_C : array_like, leading shape
        Degrees Celsius.
    convention : str
        `raw`: the equations unchanged. `macinnes`: ln g_i + z_i ln(g_Cl / g_KCl), with g_Cl raw and g_KCl the
        mean coefficient of pure KCl at the same ionic strength, so that chloride has that of KCl; every neutral
        product is that of `raw` (MacInnes 1919, J Am Chem Soc 41:1086). `guggenheim`: a cation has the mean
        coefficient of its chloride at this ionic strength to the power of its charge, an anion that of its
        potassium salt; in a mixture neutral products are not kept.

    Returns
    -------
    ndarray, shape (..., ions)
        Dimensionless: activity = coefficient x amount.
    """
    ions = tuple(ions)
    content = np.asarray(molality_mmol_per_kg, dtype=np.float64)
    warmth = np.asarray(temperature_C, dtype=np.float64)
    if warmth.ndim:
        content = np.broadcast_arrays(content, warmth[..., None])[0]
    p = parameters((*ions, IONS["Cl"]))
    valence, known = p.valence[:-1], p.specific[:-1]
    at = _Screening.at(ionic_strength_M(content, valence), warmth if warmth.ndim else float(warmth))
    if convention == "guggenheim":
        ln_g = _guggenheim(ions, at)
    else:
        # Chloride's coefficient has a value at no chloride too.
        with_chloride = np.concatenate([content / 1000, np.zeros((*content.shape[:-1], 1))], axis=-1)
        ln_g = _ln_raw(p, with_chloride, at)
        shift = valence * (ln_g[..., -1] - _ln_mean(IONS["K"], IONS["Cl"], at))[..., None]
        ln_g = ln_g[..., :-1] if convention == "raw" else ln_g[..., :-1] + shift
    if not known.all():
        # An ion known by its charge only is on the scale where g_Cl is that of KCl, to which Davies' equation is close.
        alone = np.log(davies(content, valence, warmth))
        ln_g = np.where(known, ln_g, alone - shift if convention == "raw" else alone)
    return np.asarray(np.exp(ln_g))


def _guggenheim(ions: Ions, at: _Screening) -> FloatArray:
    ln_g = np.full((*at.strength.shape, len(ions)), np.nan)
    for i, ion in enumerate(ions):
        if is_specific(ion):
            pair = (ion, IONS["Cl"]) if ion.valence > 0 else (IONS["K"], ion)
            ln_g[..., i] = abs(ion.valence) * _ln_mean(*pair, at)
    return ln_g


def sources(ions: Sequence[Ion], amounts: Sequence[float]) -> list[str]:
    """Return the source of each ion's coefficient in one solution.

    Parameters
    ----------
    ions : sequence of Ion
    amounts : sequence of float
        Concentrations in any one unit; ions at 0 count as absent.

    Returns
    -------
    list of str
        `sourced`: the ion has parameters with an ion of the solution. `analogue:X`: it takes those of ion X, or,
        where the ion has parameters with others only, those of salt X. `estimated`: from its charge only.
    """
    given = zip(ions, amounts, strict=True)
    present = sorted(
        (-amount * abs(ion.valence), ion.name, ion) for ion, amount in given if amount > 0 and is_specific(ion)
    )
    anions, cations = (
        tuple(ion for *_, ion in present if ion.valence * sign > 0) for sign in (-1, 1)
    )  # those with most charge first
    return [_source(ion, anions if ion.valence > 0 else cations) for ion in ions]


@cache
def _source(ion: Ion, partners: tuple[Ion, ...]) -> str:
    """Return the source of one coefficient among ions of the other sign that have parameters."""
    if not is_specific(ion):
        return "estimated"
    if any(stand_in(*_salt(ion, other)) == tuple(each.name for each in _salt(ion, other)) for other in partners):
        return "sourced"
    side = 0 if ion.valence > 0 else 1
    for taken in filter(None, (stand_in(*_salt(ion, other)) for other in partners)):
        return f"analogue:{'-'.join(taken) if taken[side] == ion.name else taken[side]}"
    nearest = next(name for name in _chain(ion) if name in _measured(side))
    return "sourced" if nearest == ion.name else f"analogue:{nearest}"


def _salt(one: Ion, other: Ion) -> tuple[Ion, Ion]:
    """Return two ions of unlike sign, the cation first."""
    return (one, other) if one.valence > 0 else (other, one)


@cache
def _measured(own: int) -> frozenset[str]:
    """Return the names of the cations (0) or anions (1) that have parameters."""
    return frozenset(pair[own] for pair in TABLE.salts)


def assumptions(ions: Sequence[Ion]) -> tuple[str, ...]:
    """List the assumptions made in place of parameters that were never measured.

    Parameters
    ----------
    ions : sequence of Ion
        Those of one solution.

    Returns
    -------
    tuple of str
        `A-B as C-D` for a salt that takes the parameters of another, `A: by its charge` where an ion has none, and
        `theta(A, B) = 0` and `psi(A, B, C) = 0` for mixing terms; in a fixed order.
    """
    return tuple(_assumptions(sorted(ions, key=lambda ion: (ion.valence < 0, ion.name))))


def _assumptions(ions: Sequence[Ion]) -> Iterator[str]:
    for ion in ions:
        if not is_specific(ion):
            yield f"{ion.name}: by its charge"
    specific = [ion for ion in ions if is_specific(ion)]
    for one, other in combinations(specific, 2):
        names = (one.name, other.name)
        if one.valence * other.valence < 0:
            salt = stand_in(one, other)
            if salt != names:
                yield f"{'-'.join(names)} as {'-'.join(salt) if salt else 'nothing'}"
        elif frozenset(names) not in TABLE.theta:
            yield f"theta({', '.join(names)}) = 0"
    for trio in combinations(specific, 3):
        signs, trio_names = {ion.valence > 0 for ion in trio}, [ion.name for ion in trio]
        if len(signs) > 1 and frozenset(trio_names) not in TABLE.psi:
            yield f"psi({', '.join(trio_names)}) = 0"
