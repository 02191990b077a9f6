"""Expected precision of a planned experiment (optimal design).

The expected interval of a ratio follows from the Fisher information of the model at the expected ratios: potentials
exactly as predicted are analysed like measured ones (`expected_ratios`). This is a linear approximation, which
simulated experiments check (`simulated_ratios`). The contribution of a bath is the factor by which the intervals are
longer without it (`interval_inflation`). A dilution that shifts the potential nearly as for a single permeant ion
carries little information on the other ions, however precisely it is measured (`saturating_dilutions`).
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
from nernstfit.permeability.ratio_parameters import RatioParameters
from nernstfit.physics.membrane.nernst import nernst_mV
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.conditions import Condition

FloatArray = NDArray[np.float64]

# Fraction of the shift for a single permeant ion from which a dilution saturates. At three quarters an error of 1 mV
# changes the ratio by some 20 % (4 % without saturation, at 22 C). With half of the distance to 1 (0.88) the note comes
# when 1 mV is 40 %, with twice (0.5) for nearly every dilution.
SATURATED = 0.75

# Largest ratio of the dilution factors of the permeant ions for the bath to count as a dilution, and largest factor of
# the activities. Activity coefficients make the factors of mono- and divalent ions differ by up to a quarter; a
# dilution by less than a fifth shifts the potential by less than 6 mV. With half of these tolerances dilutions with
# divalent ions, or by a quarter, are missed; with twice, baths that differ in one ion pass as dilutions.
_MAX_FACTOR_RATIO, _MAX_DILUTED = 1.25, 0.8

# Standard deviation of the offsets in simulated cells where the fit leaves them free. They cancel in such a fit, so
# that half or twice of it change nothing but the rounding.
_OFFSET_SD_MV = 1.0

# Limits of the effect of 1 mV on a ln ratio: the smallest derivative that is divided by, in mV, and the largest ln
# change, whose percentage still prints as a number. Either is reached only where the potential no longer depends on
# the ratio; half or twice of them change an absurd percentage.
_MIN_DERIVATIVE_MV, _MAX_LN_CHANGE = 1e-9, 50.0


@dataclass(frozen=True)
class Design:
    """Planned measurements, and how they will be analysed.

    Attributes
    ----------
    data : Observations
        Planned measurements; their potentials are not used.
    reference : str
    ln_p : ndarray, shape (data.n_coefficients,)
        Expected ln P over that of the reference ion.
    components : VarianceComponents
        Expected variance components.
    offset_scale_mV, confidence : float
    robust : bool
    systematic_mV : ndarray, shape (n, sources)
        Shift of measured minus predicted potential by one standard deviation of each systematic error.
    left_out : tuple of str
        Reasons why some measurements are left out.
    """

    data: Observations
    reference: str
    ln_p: FloatArray
    components: VarianceComponents
    offset_scale_mV: float
    confidence: float
    robust: bool
    systematic_mV: FloatArray
    left_out: tuple[str, ...]

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Condition of each measurement."""
        return self.data.conditions

    @property
    def baths(self) -> tuple[str, ...]:
        """Distinct baths, sorted by name."""
        return tuple(sorted({c.bath for c in self.conditions}))

    def subset(self, rows: Sequence[int]) -> Design:
        """Return the design with some of the measurements."""
        at = list(rows)
        return replace(self, data=self.data.subset(at), systematic_mV=self.systematic_mV[at])

    def without(self, bath: str) -> Design:
        """Return the design without a bath."""
        return self.subset([i for i, c in enumerate(self.conditions) if c.bath != bath])


def design(
    conditions: Sequence[Condition],
    solutions: Solutions,
    settings: Settings,
    ratios: Mapping[str, float],
) -> Design:
    """Return the design in which every cell is measured in every bath.

    Parameters
    ----------
    conditions : sequence of Condition
        Conditions with the same configuration and pipette belong to the same `plan.cells` cells.
    solutions : Solutions
    settings : Settings
        The section `plan` holds the number of cells, the noise and the variance between cells.
    ratios : mapping of str to float
        Expected permeability ratio of each permeant ion but the reference.
    """
    plan, fitting = settings.plan, settings.fit
    measured = _planned_measurements(conditions, plan.cells, plan.noise_mV)
    corrections = fitting.corrections
    model, permeant = settings.activity.name, fitting.permeant
    parameters = RatioParameters.of(permeant, fitting.parameters)
    data = measured.under(solutions, permeant, model, corrections, parameters)
    assumed = parameters.expected(ratios, permeant)
    ln_p = np.array([math.log(assumed[ion]) for ion in permeant] + [0.0] * len(corrections))
    unknown, why = unknown_inside(measured, solutions, permeant, fitting.offset_sd_mV)
    unpredictable = ~np.isfinite(data.predict(ln_p)) & ~unknown
    reasons = ((unknown, why), (unpredictable, "no reversal potential with these ions"))
    errors = propagate(data.conditions, solutions, permeant, model, settings.junction, settings.uncertainty)
    offset_sd_mV = fitting.offset_sd_mV if math.isfinite(fitting.offset_sd_mV) else _OFFSET_SD_MV
    whole = Design(
        data=data,
        reference=fitting.reference_ion,
        ln_p=ln_p,
        components=VarianceComponents(offset_sd_mV, (max(MIN_SD, plan.ln_ratio_sd / math.sqrt(2)),) * len(data.ions)),
        offset_scale_mV=fitting.offset_sd_mV,
        confidence=fitting.confidence,
        robust=fitting.robust,
        systematic_mV=errors.shift_mV(ln_p, corrections),
        left_out=tuple(
            f"bath {', '.join(sorted({data.conditions[i].bath for i in np.flatnonzero(rows)}))}: {reason}"
            for rows, reason in reasons
            if rows.any()
        ),
    )
    return whole.subset(np.flatnonzero(~unknown & ~unpredictable).tolist())


def _planned_measurements(conditions: Sequence[Condition], cells: int, noise_mV: float) -> Observations:
    """Return one measurement of each cell in each condition, without potentials."""
    at = tuple(c for c in sorted(conditions) for _ in range(cells))
    return without_activities(
        measurements=tuple(map(str, range(len(at)))),
        cells=tuple(f"{c.pipette} {c.configuration} {i % cells:04d}" for i, c in enumerate(at)),
        conditions=at,
        potential_mV=np.zeros(len(at)),
        se_mV=np.full(len(at), noise_mV),
        n_averaged=np.ones(len(at), int),
    )


def expected_ratios(planned: Design) -> tuple[Ratio, ...]:
    """Return the ratios that the analysis is expected to give; empty where no measurement is left."""
    if not planned.data.size:
        return ()
    found = expected(planned.data, planned.reference, planned.ln_p, planned.components, planned.offset_scale_mV)
    return ratio_inference.ratios(found, planned.systematic_mV, planned.confidence)


def simulated_ratios(planned: Design, number: int, seed: int) -> list[tuple[Ratio, ...]]:
    """Return the ratios of simulated experiments with random cells, offsets and noise, analysed like measured ones.

    Systematic errors are not simulated; the intervals contain them all the same.

    Parameters
    ----------
    planned : Design
    number : int
        Number of experiments.
    seed : int
    """
    rng, data = np.random.default_rng(seed), planned.data
    cell = np.searchsorted(data.cell_names, data.cells)
    k = len(data.ions)
    found = []
    for _ in range(number):
        ln_p = np.tile(planned.ln_p, (len(data.cell_names), 1))
        ln_p[:, :k] += planned.components.ln_p * rng.standard_normal((len(ln_p), k))
        offsets = planned.components.offset_mV * rng.standard_normal(len(ln_p))
        potential = data.untied.predict(ln_p)[cell, np.arange(data.size)] + offsets[cell]
        potential = potential + data.se_mV * rng.standard_normal(data.size)
        simulated = data.with_potentials(potential)
        result = fit(simulated, planned.reference, planned.offset_scale_mV, robust=planned.robust)
        found.append(ratio_inference.ratios(result, planned.systematic_mV, planned.confidence))
    return found


def half_width(ratio: Ratio) -> float:
    """Return half of the length of the interval of a ln ratio; inf where it is no estimate."""
    return math.log(ratio.high / ratio.low) / 2 if ratio.verdict == RatioVerdict.ESTIMATE else math.inf


def interval_inflation(planned: Design) -> dict[str, dict[str, float]]:
    """Return the factor by which the interval of each ratio would be longer without each bath.

    Returns
    -------
    dict of str to dict of str to float
        By bath and ion; inf where a ratio would be no estimate without the bath. Ratios that are no estimates with
        all baths are left out.
    """
    with_all = {ratio.ion: half_width(ratio) for ratio in expected_ratios(planned)}
    with_all = {ion: width for ion, width in with_all.items() if math.isfinite(width)}
    found = {}
    for bath in planned.baths:
        without = {ratio.ion: half_width(ratio) for ratio in expected_ratios(planned.without(bath))}
        found[bath] = {ion: without.get(ion, math.inf) / width for ion, width in with_all.items()}
    return found


@dataclass(frozen=True)
class Saturation:
    """Dilution of a bath whose shift of the potential is nearly that for a single permeant ion.

    Attributes
    ----------
    bath, of : str
        Diluted bath, and the bath of which it is a dilution.
    dilution : float
        Factor of the dilution, above 1.
    shift_mV, limit_mV : float
        Expected shift of the potential; shift for `alone` as the only permeant ion.
    alone, ion : str
        Ion that dominates the potential; ion whose ratio to the reference the shift depends on most.
    percent_per_mV : float
        Error of that ratio by an error of the shift of 1 mV.
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
    """Yield the baths that are dilutions of another bath and saturate."""
    rows_of_kind: dict[tuple[str, str], list[int]] = {}
    for block in planned.data.blocks:
        rows = block[block >= 0].tolist()
        condition = planned.conditions[rows[0]]
        rows_of_kind.setdefault((condition.pipette, condition.configuration), rows)
    for rows in rows_of_kind.values():
        of_cell = _Potentials.of(planned.subset(rows))
        yield from (found for i in range(len(rows)) if (found := of_cell.saturation(i)))


@dataclass(frozen=True)
class _Potentials:
    """Expected potentials of one cell.

    Attributes
    ----------
    planned : Design
        Measurements of the cell.
    bath_mM : ndarray, shape (n, k)
        Activities in the bath.
    potential_mV : ndarray, shape (n,)
    gradient : ndarray, shape (n, k)
        dE / d ln P.
    """

    planned: Design
    bath_mM: FloatArray
    potential_mV: FloatArray
    gradient: FloatArray

    @classmethod
    def of(cls, planned: Design) -> _Potentials:
        """Return the expected potentials of the measurements of one cell."""
        potential, gradient = planned.data.prediction(planned.ln_p)
        bath_is_outside = np.array([c.sign for c in planned.conditions])[:, None] > 0
        return cls(planned, np.where(bath_is_outside, planned.data.outside, planned.data.inside), potential, gradient)

    def saturation(self, i: int) -> Saturation | None:
        """Return the saturation of measurement i; None where its bath is no dilution, or does not saturate."""
        planned, data, at, bath = self.planned, self.planned.data, self.planned.conditions, self.bath_mM
        same_temperature = [j for j in range(data.size) if at[j].temperature_C == at[i].temperature_C]
        factor, j = min((_dilution(bath[i], bath[j]), j) for j in same_temperature)
        if factor > _MAX_DILUTED:
            return None
        shift = float(self.potential_mV[i] - self.potential_mV[j])
        limits = self._single_ion_shifts_mV(i, j)
        dominant = [ion for ion, limit in limits.items() if limit * shift > 0]
        others = [ion for ion in limits if data.ions[ion] != planned.reference]
        if not dominant or not others:
            return None
        derivative = self.gradient[i] - self.gradient[j]
        alone = max(dominant, key=lambda ion: float(np.exp(planned.ln_p[ion]) * bath[i][ion]))
        ion = max(others, key=lambda ion: abs(float(derivative[ion])))
        if shift / limits[alone] <= SATURATED:
            return None
        ln_change = min(_MAX_LN_CHANGE, 1 / max(abs(float(derivative[ion])), _MIN_DERIVATIVE_MV))
        return Saturation(
            bath=at[i].bath,
            of=at[j].bath,
            dilution=1 / factor,
            shift_mV=shift,
            limit_mV=limits[alone],
            alone=data.ions[alone],
            ion=data.ions[ion],
            percent_per_mV=100 * math.expm1(ln_change),
        )

    def _single_ion_shifts_mV(self, i: int, j: int) -> dict[int, float]:
        """Return the shift from measurement j to i for each ion in both baths as the only permeant one."""
        data, bath, sign = self.planned.data, self.bath_mM, self.planned.conditions[i].sign
        return {
            ion: float(sign * nernst_mV(data.valence[ion], bath[i][ion], bath[j][ion], data.temperature_C[i]))
            for ion in np.flatnonzero((bath[i] > 0) & (bath[j] > 0)).tolist()
        }


def _dilution(diluted: FloatArray, other: FloatArray) -> float:
    """Return the factor between the permeant ions of one bath and those of another; inf where it is not common."""
    if not ((diluted > 0) == (other > 0)).all() or not (other > 0).any():
        return math.inf
    factors = diluted[other > 0] / other[other > 0]
    is_common = factors.max() <= _MAX_FACTOR_RATIO * factors.min()
    return float(np.exp(np.log(factors).mean())) if is_common else math.inf
