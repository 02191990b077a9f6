"""What an experiment will tell, before it is made.

The interval that a design leads to follows from the Fisher information of the model at the ratios that are expected:
the fit of potentials that lie exactly where these put them is judged like any other (`expected_ratios`). It is an
approximation, which simulated experiments check (`simulated_ratios`). A bath adds as much as the intervals are longer
without it (`interval_inflation`). A dilution whose shift is nearly that of one ion alone determines little of the
others, however well it is measured (`saturating_dilutions`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.settings import Settings
from nernstfit.contract.terms import RatioVerdict
from nernstfit.permeability.covariance import VarianceComponents
from nernstfit.permeability.error_propagation import propagate
from nernstfit.permeability.inference import ratios as ratio_inference
from nernstfit.permeability.inference.ratios import Ratio
from nernstfit.permeability.limits import MIN_SD
from nernstfit.permeability.mixed_model import expected, fit
from nernstfit.permeability.observations import Observations, unknown_inside, without_activities
from nernstfit.physics.membrane.nernst import nernst_mV
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.conditions import Condition

FloatArray = NDArray[np.float64]

SATURATED = 0.75  # of the shift that one ion alone would give
_ALIKE = 1.25  # activities of a dilution stand to one another as before, within this factor
_DILUTED = 0.8
_OFFSETS_MV = 1.0  # where each cell's is free: whatever it is, it makes no difference


@dataclass(frozen=True)
class Design:
    """Measurements that are to be made, where they are expected to lie.

    Attributes
    ----------
    data : Observations
        The potentials are those of the mean cell.
    conditions : tuple of Condition, length n
    reference : str
    ln_p : ndarray, shape (data.n_coefficients,)
        Expected ln P over the reference's.
    components : VarianceComponents
        Of offsets and ln P between cells.
    offset_scale_mV, confidence : float
    robust : bool
        How they will be analysed.
    systematic_mV : ndarray, shape (n, sources)
        What one standard deviation of each shared error does to measured minus predicted.
    left_out : tuple of str
        Why some measurements would tell nothing.
    """

    data: Observations
    conditions: tuple[Condition, ...]
    reference: str
    ln_p: FloatArray
    components: VarianceComponents
    offset_scale_mV: float
    confidence: float
    robust: bool
    systematic_mV: FloatArray
    left_out: tuple[str, ...]

    @property
    def baths(self) -> tuple[str, ...]:
        """Every bath once, by name."""
        return tuple(sorted({c.bath for c in self.conditions}))

    def subset(self, rows: Sequence[int]) -> Design:
        """Return the same with some of the measurements."""
        at = list(rows)
        conditions = tuple(self.conditions[i] for i in at)
        return replace(self, data=self.data.subset(at), conditions=conditions, systematic_mV=self.systematic_mV[at])

    def without(self, bath: str) -> Design:
        """Return the same without a bath."""
        return self.subset([i for i, c in enumerate(self.conditions) if c.bath != bath])


def design(
    conditions: Sequence[Condition],
    solutions: Solutions,
    settings: Settings,
    ratios: Mapping[str, float],
) -> Design:
    """Lay out an experiment in which every cell sees every bath.

    Parameters
    ----------
    conditions : sequence of Condition
        Those of one configuration with one pipette belong to the same cells; each such kind has `plan.cells` cells.
    solutions : Solutions
    settings : Settings
        Its section `plan` says how many cells, how noisy and how different.
    ratios : mapping of str to float
        Expected permeability of each permeant ion but the reference, over the reference's.
    """
    plan, fitting = settings.plan, settings.fit
    at = tuple(c for c in sorted(conditions) for _ in range(plan.cells))
    measured = without_activities(
        measurements=tuple(map(str, range(len(at)))),
        cells=tuple(f"{c.pipette} {c.configuration} {i % plan.cells:04d}" for i, c in enumerate(at)),
        conditions=at,
        potential_mV=np.zeros(len(at)),
        se_mV=np.full(len(at), plan.noise_mV),
        n_averaged=np.ones(len(at), int),
    )
    corrected = fitting.activity_correction == "pipette"
    model, permeant = settings.activity.name, fitting.permeant
    data = measured.under(solutions, permeant, model, fit_factor=corrected)
    ln_p = np.array([math.log(ratios.get(ion, 1.0)) for ion in permeant] + [0.0] * corrected)
    unknown, why = unknown_inside(measured, solutions, permeant, fitting.offset_sd_mV)
    none = ~np.isfinite(data.predict(ln_p)) & ~unknown
    errors = propagate(at, solutions, permeant, model, settings, with_junction=True)
    sd = max(MIN_SD, plan.ln_ratio_sd / math.sqrt(2))
    scale = fitting.offset_sd_mV
    whole = Design(
        data=data,
        conditions=at,
        reference=fitting.reference_ion,
        ln_p=ln_p,
        components=VarianceComponents(scale if math.isfinite(scale) else _OFFSETS_MV, sd),
        offset_scale_mV=scale,
        confidence=fitting.confidence,
        robust=fitting.robust,
        systematic_mV=errors.shift_mV(ln_p),
        left_out=tuple(
            f"bath {', '.join(sorted({c.bath for c, out in zip(at, which, strict=True) if out}))}: {words}"
            for which, words in ((unknown, why), (none, "no reversal potential with these ions"))
            if which.any()
        ),
    )
    return whole.subset(np.flatnonzero(~unknown & ~none).tolist())


def expected_ratios(of: Design) -> tuple[Ratio, ...]:
    """Ratios as the analysis may be expected to give them; none where no measurement is left."""
    if not of.data.size:
        return ()
    found = expected(of.data, of.reference, of.ln_p, of.components, of.offset_scale_mV)
    return ratio_inference.ratios(found, of.systematic_mV, of.confidence)


def simulated_ratios(of: Design, number: int, seed: int) -> list[tuple[Ratio, ...]]:
    """Ratios of simulated experiments: cells, offsets and noise are drawn, and analysed as measured ones will be.

    Errors that all cells share are not drawn; the intervals hold them all the same.

    Parameters
    ----------
    of : Design
    number : int
        Of experiments.
    seed : int
    """
    rng, data = np.random.default_rng(seed), of.data
    place = np.searchsorted(data.cell_names, data.cells)
    k = len(data.ions)
    found = []
    for _ in range(number):
        own = np.tile(of.ln_p, (len(data.cell_names), 1))
        own[:, :k] += of.components.ln_p * rng.standard_normal((len(own), k))
        offsets = of.components.offset_mV * rng.standard_normal(len(own))
        potential = data.predict(own)[place, np.arange(data.size)] + offsets[place]
        potential = potential + data.se_mV * rng.standard_normal(data.size)
        drawn = replace(data, potential_mV=potential)
        result = fit(drawn, of.reference, of.offset_scale_mV, robust=of.robust)
        found.append(ratio_inference.ratios(result, of.systematic_mV, of.confidence))
    return found


def half_width(ratio: Ratio) -> float:
    """Half the length of the interval of a ln ratio; inf where it is no estimate."""
    return math.log(ratio.high / ratio.low) / 2 if ratio.verdict == RatioVerdict.ESTIMATE else math.inf


def interval_inflation(of: Design) -> dict[str, dict[str, float]]:
    """By what factor the interval of each ratio would be longer without each bath.

    Returns
    -------
    dict of str to dict of str to float
        By bath and ion; inf where a ratio would be no estimate without the bath. Ratios that are none with all baths
        are left out.
    """
    whole = {ratio.ion: half_width(ratio) for ratio in expected_ratios(of)}
    told = {ion: size for ion, size in whole.items() if math.isfinite(size)}
    found = {}
    for bath in of.baths:
        left = {ratio.ion: half_width(ratio) for ratio in expected_ratios(of.without(bath))}
        found[bath] = {ion: left.get(ion, math.inf) / size for ion, size in told.items()}
    return found


@dataclass(frozen=True)
class Saturation:
    """A dilution that saturates.

    Attributes
    ----------
    bath, of : str
        The dilution, and the bath that it dilutes.
    dilution : float
        How many times.
    shift_mV, limit_mV : float
        Of the potential; what it would be if `alone` were the only ion to pass.
    alone, ion : str
        The ion that sets the potential, and the ratio (to the reference) that the shift tells most of.
    percent_per_mV : float
        By how much that ratio is off where the shift is off by 1 mV.
    """

    bath: str
    of: str
    dilution: float
    shift_mV: float
    limit_mV: float
    alone: str
    ion: str
    percent_per_mV: float


def saturating_dilutions(planned: Design) -> Iterator[Saturation]:
    """Baths whose permeant ions are those of another bath in less of all of them, and that tell little by it."""
    of_kind: dict[tuple[str, str], list[int]] = {}
    for block in planned.data.blocks:
        rows = block[block >= 0].tolist()
        at = planned.conditions[rows[0]]
        of_kind.setdefault((at.pipette, at.configuration), rows)
    for rows in of_kind.values():
        yield from _saturating_of_cell(planned.subset(rows))


def _saturating_of_cell(planned: Design) -> Iterator[Saturation]:
    """Of one cell."""
    data, at = planned.data, planned.conditions
    potential, gradient = data.prediction(planned.ln_p)
    sign = np.array([c.sign for c in at])
    bath = np.where(sign[:, None] > 0, data.outside, data.inside)
    for i in range(data.size):
        alike = [j for j in range(data.size) if at[j].temperature_C == at[i].temperature_C]
        factor, j = min((_dilution(bath[i], bath[j]), j) for j in alike)
        if factor > _DILUTED:
            continue
        shift, slope = float(potential[i] - potential[j]), gradient[i] - gradient[j]
        there = np.flatnonzero((bath[i] > 0) & (bath[j] > 0))
        limits = {
            int(ion): float(sign[i] * nernst_mV(data.valence[ion], bath[i][ion], bath[j][ion], data.temperature_C[i]))
            for ion in there
        }
        same = [ion for ion, limit in limits.items() if limit * shift > 0]
        told = [ion for ion in there.tolist() if data.ions[ion] != planned.reference]
        if not same or not told:
            continue
        alone = max(same, key=lambda ion: float(np.exp(planned.ln_p[ion]) * bath[i][ion]))
        most = max(told, key=lambda ion: abs(float(slope[ion])))
        if shift / limits[alone] > SATURATED:
            percent = 100 * math.expm1(min(50.0, 1 / max(abs(float(slope[most])), 1e-9)))
            names = (data.ions[alone], data.ions[most])
            yield Saturation(at[i].bath, at[j].bath, 1 / factor, shift, limits[alone], *names, percent)


def _dilution(diluted: FloatArray, other: FloatArray) -> float:
    """By what factor all permeant ions of one bath are those of another; inf where it is no one factor."""
    if not ((diluted > 0) == (other > 0)).all() or not (other > 0).any():
        return math.inf
    factors = diluted[other > 0] / other[other > 0]
    return float(np.exp(np.log(factors).mean())) if factors.max() <= _ALIKE * factors.min() else math.inf
