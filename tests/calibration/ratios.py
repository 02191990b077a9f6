"""Coverage of the intervals of permeability ratios, over many simulated experiments.

Every row is one kind of experiment. Cells are drawn, their reversal potentials calculated, and the
model fitted to them. Where a row does not say otherwise the random effects are equal for every
permeant ion, the reference included: a standard deviation of 0.15 of a ln ratio is 0.15 / sqrt(2) of
each ln P. Each row is simulated twice:
(cells) the between-cell interval, without systematic errors; (whole) the full interval where each
experiment has its own true mobilities, concentrations and temperature, and its own error of the
junctions' method and basis, drawn from the uncertainties that the analysis states. The true value is
the ratio of the population.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from nernstfit.contract import settings
from nernstfit.contract.correction_terms import CorrectionTerm, correction_terms
from nernstfit.experiment import solution_table
from nernstfit.permeability.activity_factors import ActivityFactors
from nernstfit.permeability.covariance import VarianceComponents
from nernstfit.permeability.distributions import normal_quantile, t_quantile, t_tail
from nernstfit.permeability.error_propagation import SystematicErrors, propagate
from nernstfit.permeability.inference.factors import Factor, fitted_factors
from nernstfit.permeability.inference.ratios import Ratio, ratios
from nernstfit.permeability.mixed_model import expected, fit
from nernstfit.permeability.observations import Observations, membrane_activities_mM
from nernstfit.physics.membrane import ghk
from nernstfit.physics.solution.ions import IONS
from nernstfit.solutions import junctions
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.conditions import Condition
from nernstfit.solutions.junctions import METHOD_ERROR
from nernstfit.solutions.systematic_errors import ACTIVITY_MODEL, IN_SOLUTION

FloatArray = NDArray[np.float64]

INTERVALS = ("cells", "whole")
CONFIDENCE, SE_MV, SCALE_MV = 0.95, 0.3, 1.0
_Z_95, Z_999 = (float(stats.norm.ppf((1 + part) / 2)) for part in (0.95, 0.999))
LEAST_REJECTED, MOST_REJECTED = 0.9, 0.005
BIAS_PER_SD, MAX_WIDTH = 0.1, 1.3  # a tenth of its standard deviation moves no coverage by 0.5 %
BIAS, LOW, HIGH, LOOSE_LOW, LOOSE_HIGH = 0.02, 0.93, 0.97, 0.92, 0.98
TEMPERATURE_C, ACTIVITY = 22.0, "pitzer:macinnes"


@dataclass(frozen=True)
class Experiment:
    """Solutions, in mM by salt, the baths among them in the order in which cells see them, and the true ratios."""

    recipes: Mapping[str, Mapping[str, float]]
    baths: Sequence[str]
    ratios: Mapping[str, float]

    @property
    def reference(self) -> str:
        """First ion: the reference."""
        return next(iter(self.ratios))

    @property
    def ions(self) -> tuple[str, ...]:
        """Permeant ions."""
        return tuple(self.ratios)

    @cached_property
    def solutions(self) -> Solutions:
        """Table of solutions."""
        table = pd.DataFrame(self.recipes).T.fillna(0.0).map(str).rename_axis("solution").reset_index()
        parsed, faults = solution_table.parse(table, "solutions")
        assert not faults
        return parsed

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """Condition of each bath."""
        zeroed = self.baths[0]
        return tuple(Condition(bath, "pipette", "whole-cell", TEMPERATURE_C, zeroed) for bath in self.baths)

    @cached_property
    def settings(self) -> settings.Settings:
        """Settings of the analysis."""
        return settings.examine(
            {
                "recordings": "-",
                "solutions": "-",
                "junction": {
                    "zeroed_in": self.baths[0],
                    "reference": {"type": "salt-bridge", "solution": "bridge"},
                },
                "fit": {"reference_ion": self.reference, "permeant": list(self.ions)},
            }
        ).settings

    @cached_property
    def systematic(self) -> SystematicErrors:
        """Systematic errors as the analysis states them."""
        return propagate(
            self.conditions, self.solutions, self.ions, ACTIVITY, self.settings.junction, self.settings.uncertainty
        )

    def sides(self, solutions: Solutions, at: Sequence[Condition]) -> tuple[FloatArray, FloatArray]:
        """Return activities inside and outside, shape (baths, ions)."""
        return membrane_activities_mM(solutions, at, self.ions, ACTIVITY)

    @cached_property
    def nominal(self) -> tuple[FloatArray, FloatArray]:
        """Activities as the analysis has them."""
        return self.sides(self.solutions, self.conditions)

    @property
    def valence(self) -> NDArray[np.int64]:
        """Charge numbers of the permeant ions."""
        return np.array([IONS[ion].valence for ion in self.ions])


@dataclass(frozen=True)
class Calibration:
    """One row: an experiment, the cells, and how they are analysed."""

    name: str
    experiment: Experiment
    cells: int = 8
    spread: float = 0.15  # of a ln ratio
    spread_of: Mapping[str, float] = field(default_factory=dict)  # of the ln P of single ions
    unpaired: bool = False  # every cell sees the first bath and one of the others
    offset_mV: float = 1.0
    batches: int = 0  # to which the cells belong in turn
    batch_spread: float = 0.0  # standard deviation of a ln ratio between batches
    missing: int = 0  # baths that every third cell lacks
    outliers: float = 0.0  # part of the potentials that are 15 mV off
    robust: bool = False
    censored: float = 0.0  # part of the cells whose potential in the bath of NMDG is beyond the range
    off_mV: float = 0.0  # by which all potentials in one bath are wrong, in either direction
    factors: Mapping[str, float] = field(default_factory=dict)  # true factors on activities, by the term that is fitted
    unknown: str = ""  # the factor that these data do not hold: nothing of it may be claimed
    capacitance_mV: float = 0.0  # 95 % limit of the shift of all potentials by a capacitance that is not known
    low: float = LOW
    high: float = HIGH

    @property
    def intervals(self) -> tuple[str, ...]:
        """Intervals that are looked at: spreads are of cells, one cell has no such interval; the rest is systematic."""
        if self.spread_of:
            return ("cells",)
        return ("whole",) if self.off_mV or self.capacitance_mV or self.cells == 1 else INTERVALS

    @cached_property
    def terms(self) -> tuple[CorrectionTerm, ...]:
        """Terms of the fitted factors on activities."""
        return correction_terms(list(self.factors))

    @property
    def fitted_factors(self) -> ActivityFactors:
        """Fitted factors on the activities of each bath."""
        return ActivityFactors.of(self.terms, self.experiment.conditions, self.experiment.ions)

    @cached_property
    def ln_truth(self) -> FloatArray:
        """True ln P of the population, then ln of the true factors."""
        of_factors = [self.factors[str(term)] for term in self.terms]
        return np.log([*self.experiment.ratios.values(), *of_factors])

    @property
    def ln_p_sd(self) -> FloatArray:
        """Standard deviation of each ln P between cells."""
        return np.array([self.spread_of.get(ion, self.spread / math.sqrt(2)) for ion in self.experiment.ions])


@dataclass
class Tally:
    """Outcomes for one ion in the experiments of a row, with one of both intervals."""

    name: str
    interval: str
    ion: str
    cases: int = 0
    held: int = 0
    errors: list[float] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)
    ideal_widths: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)  # errors over the half of their interval, in normal SDs
    verdicts: Counter[str] = field(default_factory=Counter)

    @property
    def claims(self) -> int:
        """Intervals and bounds."""
        return self.cases - self.verdicts["not_identifiable"] - self.verdicts["model_rejected"]

    @property
    def rejected(self) -> float:
        """Fraction of the experiments whose model is rejected."""
        return self.verdicts["model_rejected"] / self.cases

    @property
    def coverage(self) -> float:
        """Fraction of the intervals and bounds that contain the true ratio."""
        return self.held / max(1, self.claims)

    @property
    def bias(self) -> float:
        """Mean error of the ln ratios."""
        return float(np.mean(self.errors)) if self.errors else math.nan

    @property
    def relative_width(self) -> float:
        """Median width of the interval of an estimate over that with known spreads, at the t of the cells."""
        return float(np.median(self.widths) / np.median(self.ideal_widths)) if self.widths else math.nan

    def faults(self, row: Calibration) -> tuple[str, ...]:
        """Return deviations from what is expected: bias and coverage by their 99.9 % intervals."""
        if row.off_mV:
            return () if self.rejected >= LEAST_REJECTED else (f"{self.ion} rejected {self.rejected:.3f}",)
        if self.ion == row.unknown:
            return (f"{self.ion} claimed {self.claims} times",) if self.claims else ()
        low, high = stats.binomtest(self.held, max(1, self.claims)).proportion_ci(0.999)
        rejected = stats.binomtest(self.verdicts["model_rejected"], self.cases).proportion_ci(0.999).low
        found = [f"{self.ion} rejected {self.rejected:.3f}"] if rejected > MOST_REJECTED else []
        sd, chance = float(np.std(self.errors or [0.0])), Z_999 / math.sqrt(max(1, len(self.errors)))
        if not abs(self.bias) <= max(BIAS, BIAS_PER_SD * sd) + chance * sd:
            found.append(f"{self.ion} bias {self.bias:+.3f}")
        if self.relative_width > MAX_WIDTH:
            found.append(f"{self.ion} width {self.relative_width:.2f} of the ideal one")
        if high < row.low or low > row.high:
            found.append(f"{self.ion} coverage {self.coverage:.3f}")
        return tuple(found)


def calibrate(row: Calibration, cases: int, seed: int, intervals: Sequence[str] = INTERVALS) -> list[Tally]:
    """Draw and analyse so many experiments of one row; one tally per interval (of those given) and ion."""
    found = []
    for interval in (each for each in row.intervals if each in intervals):
        rng = np.random.default_rng([seed, *f"{row.name} {interval}".encode()])
        names = (*row.experiment.ions[1:], *map(str, row.terms))
        tallies = {name: Tally(row.name, interval, name) for name in names}
        for _ in range(cases):
            _count(row, interval, rng, tallies)
        found += tallies.values()
    return found


def _count(row: Calibration, interval: str, rng: np.random.Generator, tallies: Mapping[str, Tally]) -> None:
    experiment = row.experiment
    data, bath, own = draw(row, rng, whole=interval == "whole")
    result = fit(data, experiment.reference, SCALE_MV, robust=row.robust)
    of_capacitance = np.full((data.size, int(row.capacitance_mV > 0)), row.capacitance_mV / _Z_95)
    shift = np.column_stack([experiment.systematic.shift_mV(result.ln_p, row.terms)[bath], of_capacitance])
    ideal = _ideal_widths(row, data) if interval == "cells" else {}
    known = experiment.ratios if row.cells > 1 else own
    for ratio in ratios(result, shift, CONFIDENCE):
        _counted(tallies[ratio.ion], ratio, ratio.ln_ratio, known[ratio.ion], ideal)
    for factor in fitted_factors(result, shift, CONFIDENCE):
        _counted(tallies[str(factor.term)], factor, factor.ln_factor, row.factors[str(factor.term)], ideal)


def _counted(tally: Tally, found: Ratio | Factor, value: float, truth: float, ideal: Mapping[str, float]) -> None:
    """Enter one ratio or factor of one experiment; `value` is its natural logarithm."""
    low, high = (found.low, found.high) if tally.interval == "whole" else (found.low_cells, found.high_cells)
    tally.cases += 1
    tally.verdicts[found.verdict] += 1
    if found.verdict not in ("not_identifiable", "model_rejected"):
        tally.held += not (truth < low or truth > high)
    if found.verdict == "estimate":
        tally.errors.append(value - math.log(truth))
        half = math.log(low if tally.errors[-1] > 0 else high) - value
        tally.scores.append(normal_score(tally.errors[-1] / abs(half), found.df))
        if tally.interval == "cells":
            tally.widths.append(math.log(found.high_cells / found.low_cells))
            tally.ideal_widths.append(ideal[tally.ion])


def normal_score(error: float, df: float) -> float:
    """Return the normal deviate of an error in half widths of its interval, which is t distributed with df."""
    df = math.inf if math.isnan(df) else df
    return normal_quantile(t_tail(-error * t_quantile((1 + CONFIDENCE) / 2, df), df))


def draw(
    row: Calibration, rng: np.random.Generator, whole: bool
) -> tuple[Observations, NDArray[np.int64], dict[str, float]]:
    """Return one experiment as it is analysed, the bath of each of its measurements, and the ratios of its first cell.

    `whole`: mobilities, concentrations and temperature are not what the analysis takes them for.
    """
    experiment = row.experiment
    ln_p = np.log(list(experiment.ratios.values()))
    own = ln_p + row.ln_p_sd * rng.standard_normal((row.cells, 1, len(ln_p)))
    if row.batches:
        of_batch = row.batch_spread / math.sqrt(2) * rng.standard_normal((row.batches, 1, len(ln_p)))
        own += of_batch[np.arange(row.cells) % row.batches]
    inside, outside, temperature_C, moved_mV = _world(experiment, rng) if whole else _as_known(experiment)
    inside, outside = row.fitted_factors.applied(row.ln_truth[len(ln_p) :], inside, outside)
    potential = ghk.reversal_mV(np.exp(own), experiment.valence, inside, outside, temperature_C) + moved_mV
    potential += row.offset_mV * rng.standard_normal((row.cells, 1)) + SE_MV * rng.standard_normal(potential.shape)
    if row.capacitance_mV:
        potential -= row.capacitance_mV / _Z_95 * abs(rng.standard_normal())
    if row.off_mV:
        potential[:, rng.integers(len(experiment.baths))] += row.off_mV * rng.choice([-1, 1])
    potential += np.where(rng.random(potential.shape) < row.outliers, rng.choice([-15.0, 15.0], potential.shape), 0.0)
    sides = np.zeros(potential.shape, int)
    if row.censored:
        at = experiment.baths.index("NMDG")
        limit = _limit_mV(row, at)
        sides[:, at] = np.where(potential[:, at] < limit, -1, 0)
        potential[:, at] = np.maximum(potential[:, at], limit)
    there = np.ones(potential.shape, bool)
    for cell in range(0, row.cells, 3):
        there[cell, rng.choice(len(experiment.baths), row.missing, replace=False)] = False
    if row.unpaired:
        seen = 1 + np.arange(row.cells) % (len(experiment.baths) - 1)
        there[:, 1:] = seen[:, None] == np.arange(1, len(experiment.baths))
    cell, bath = np.nonzero(there)
    data = Observations(
        cells=tuple(f"c{i:03d}" for i in cell),
        potential_mV=potential[there],
        se_mV=np.full(len(cell), SE_MV),
        temperature_C=np.full(len(cell), TEMPERATURE_C),
        ions=experiment.ions,
        valence=experiment.valence,
        inside=experiment.nominal[0][bath],
        outside=experiment.nominal[1][bath],
        n_averaged=np.ones(len(cell), int),
        limit_side=tuple(sides[there].tolist()),
        batches=tuple(f"b{i % row.batches}" for i in cell) if row.batches else (),
        factors=row.fitted_factors.subset(bath),
    )
    ratios_of_first = np.exp(own[0, 0] - own[0, 0, 0]).tolist()
    return data, bath, dict(zip(experiment.ions, ratios_of_first, strict=True))


def _ideal_widths(row: Calibration, data: Observations) -> dict[str, float]:
    """Return the width of each between-cell interval with known spreads, at the t of the cells that inform on it."""
    known = VarianceComponents(row.offset_mV, tuple(row.ln_p_sd.tolist()), row.batch_spread / math.sqrt(2))
    found = expected(data, row.experiment.reference, row.ln_truth, known, SCALE_MV)
    t = t_quantile(0.5 + CONFIDENCE / 2, (row.batches or row.cells) - 1)
    se = np.sqrt(np.diag(found.covariance)).tolist()
    names = (*data.ions, *map(str, row.terms))
    return {names[i]: 2 * t * error for i, error in zip(found.free, se, strict=True)}


def _limit_mV(row: Calibration, at: int) -> float:
    """Return the level below which the asked fraction of the cells have their potential."""
    experiment, rng = row.experiment, np.random.default_rng(0)
    ln_p = np.log(list(experiment.ratios.values()))
    own = ln_p + row.ln_p_sd * rng.standard_normal((20_000, len(ln_p)))
    inside, outside = (side[at] for side in experiment.nominal)
    potential = ghk.reversal_mV(np.exp(own), experiment.valence, inside, outside, TEMPERATURE_C)
    potential += math.hypot(row.offset_mV, SE_MV) * rng.standard_normal(len(potential))
    return float(np.quantile(potential, row.censored))


def _as_known(experiment: Experiment) -> tuple[FloatArray, FloatArray, float, FloatArray]:
    return *experiment.nominal, TEMPERATURE_C, np.zeros(len(experiment.baths))


def _world(experiment: Experiment, rng: np.random.Generator) -> tuple[FloatArray, FloatArray, float, FloatArray]:
    """Return true activities inside and outside, temperature, and the error of the junction correction in mV."""
    known, stated = experiment.solutions, experiment.settings.uncertainty
    scale = 1 + stated.concentration_percent / 100 * rng.standard_normal((len(known.names), 1))
    ions = tuple(
        replace(ion, mobility=ion.mobility * (1 + ion.mobility_percent / 100 * rng.standard_normal()))
        for ion in known.ions
    )
    true = replace(known, given_mM=known.given_mM * scale, ions=ions)
    temperature_C = TEMPERATURE_C + stated.temperature_C * rng.standard_normal()
    at = [replace(c, temperature_C=temperature_C) for c in experiment.conditions]
    junction = experiment.settings.junction
    needed = np.array([junctions.junction_mV(true, c, junction, ACTIVITY) for c in at])
    known_errors = experiment.systematic
    of_model = [known_errors.names.index(name) for name in (METHOD_ERROR, IN_SOLUTION, ACTIVITY_MODEL)]
    shift_mV = known_errors.shift_mV(np.log(list(experiment.ratios.values())))[:, of_model]
    needed += shift_mV @ rng.standard_normal(len(of_model))
    return *experiment.sides(true, at), temperature_C, known_errors.junction_mV[0, known_errors.place] - needed


# The rows

_BRIDGE = {"KCl": 3000.0}
_INSIDE = {"NaCl": 10.0, "KCl": 30.0, "K-gluconate": 105.0, "MgCl2": 1.0}
_CATIONS = Experiment(
    {
        "control": {"NaCl": 145.0, "MgCl2": 1.0},
        "potassium": {"KCl": 145.0, "MgCl2": 1.0},
        "caesium": {"CsCl": 145.0, "MgCl2": 1.0},
        "lithium": {"LiCl": 145.0, "MgCl2": 1.0},
        "NMDG": {"NMDG-Cl": 145.0, "MgCl2": 1.0},
        "low_chloride": {"NaCl": 45.0, "MgCl2": 1.0},
        "pipette": _INSIDE,
        "bridge": _BRIDGE,
    },
    ("control", "potassium", "caesium", "lithium", "NMDG", "low_chloride"),
    {"Na": 1.0, "K": 1.12, "Cs": 0.94, "Li": 0.83, "NMDG": 0.08, "Cl": 0.22},
)
_CALCIUM = Experiment(
    {**{k: v for k, v in _CATIONS.recipes.items() if k != "lithium"}, "calcium": {"CaCl2": 110.0}},
    ("control", "potassium", "caesium", "calcium", "NMDG", "low_chloride"),
    {"Na": 1.0, "K": 1.12, "Cs": 0.94, "Ca": 1.6, "NMDG": 0.08, "Cl": 0.22},
)
_ANIONS = Experiment(
    {
        "control": {"NaCl": 145.0},
        "half": {"NaCl": 75.0},
        "quarter": {"NaCl": 37.5},
        "nitrate": {"NaNO3": 145.0},
        "iodide": {"NaI": 145.0},
        "fluoride": {"NaF": 145.0},
        "pipette": {"NaCl": 145.0},
        "bridge": _BRIDGE,
    },
    ("control", "half", "quarter", "nitrate", "iodide", "fluoride"),
    {"Cl": 1.0, "Na": 0.092, "NO3": 1.6, "I": 1.9, "F": 0.2},
)
_MIXTURES = Experiment(
    {
        **{name: _CATIONS.recipes[name] for name in ("control", "potassium", "caesium", "low_chloride")},
        "sodium_potassium": {"NaCl": 72.5, "KCl": 72.5, "MgCl2": 1.0},
        "sodium_caesium": {"NaCl": 72.5, "CsCl": 72.5, "MgCl2": 1.0},
        "lower_chloride": {"NaCl": 20.0, "MgCl2": 1.0},
        "pipette": _INSIDE,
        "bridge": _BRIDGE,
    },
    ("control", "potassium", "caesium", "sodium_potassium", "sodium_caesium", "low_chloride", "lower_chloride"),
    {"Na": 1.0, "K": 1.12, "Cs": 0.94, "Cl": 0.22},
)
_LEAKY = Experiment(
    {**_MIXTURES.recipes, "chloride": {"NMDG-Cl": 145.0}, "gluconate": {"K-gluconate": 145.0}},
    (*_MIXTURES.baths, "chloride", "gluconate"),
    {"Na": 1.0, "K": 1.12, "Cs": 0.94, "Cl": 0.8},
)
_CATIONS_ALONE = Experiment(
    _CATIONS.recipes,
    ("control", "potassium", "caesium", "NMDG", "low_chloride"),
    {"Na": 1.0, "K": 1.12, "Cs": 0.94, "NMDG": 0.08},
)
_BIIONIC = Experiment(
    {"sodium": {"NaCl": 145.0}, "pipette": {"KCl": 145.0}, "bridge": _BRIDGE}, ("sodium",), {"K": 1.0, "Na": 0.8}
)
_ONE_DIFFERS = dict.fromkeys(_CATIONS.ions, 0.05) | {"NMDG": 0.8}
_CHLORIDE_DIFFERS = dict.fromkeys(_MIXTURES.ions, 0.02) | {"Cl": 0.8}
_LOOSE = {"low": LOOSE_LOW, "high": LOOSE_HIGH}

ROWS: tuple[Calibration, ...] = (
    Calibration("8 cells, 6 baths, monovalent", _CATIONS),
    Calibration("4 cells", _CATIONS, cells=4, **_LOOSE),
    Calibration("20 cells", _CATIONS, cells=20),
    Calibration("calcium", _CALCIUM),
    Calibration("anions, dilution", _ANIONS),
    Calibration("no spread", _CATIONS, spread=0.0, **_LOOSE),
    Calibration("baths missing in a third of the cells", _CATIONS, missing=2),
    Calibration("offsets of 3 mV", _CATIONS, offset_mV=3.0),
    Calibration("outliers, robust", _CATIONS, outliers=0.02, robust=True, **_LOOSE),
    Calibration("NMDG beyond the range in 30 %", _CATIONS, censored=0.3),
    Calibration("cells differ in NMDG", _CATIONS, spread_of=_ONE_DIFFERS),
    Calibration("cells differ in NMDG, 5 cells", _CATIONS, cells=5, spread_of=_ONE_DIFFERS, **_LOOSE),
    Calibration("cells differ in Cl alone, 5 cells", _MIXTURES, cells=5, spread_of=_CHLORIDE_DIFFERS, **_LOOSE),
    Calibration("20 cells, one test bath each", _CATIONS, cells=20, unpaired=True),
    Calibration("5 batches of 3 cells", _CATIONS, cells=15, spread=0.1, batches=5, batch_spread=0.2, **_LOOSE),
    Calibration("3 cells, bi-ionic", _BIIONIC, cells=3, **_LOOSE),
    Calibration("4 cells, bi-ionic", _BIIONIC, cells=4, **_LOOSE),
    Calibration("one cell", _CATIONS, cells=1, high=LOOSE_HIGH),
    Calibration("6 cells, capacitance not known", _CATIONS, cells=6, capacitance_mV=4.0, high=0.99),
    Calibration("mixtures, 6 cells", _MIXTURES, cells=6),
    Calibration("factor on the pipette", _LEAKY, factors={"pipette": 0.85}),
    Calibration("factor on the pipette, cations alone", _CATIONS_ALONE, factors={"pipette": 0.7}, unknown="pipette"),
    Calibration("factor on the chloride in the pipette", _LEAKY, factors={"pipette:Cl": 0.85}),
    Calibration("factor on a bath", _LEAKY, factors={"bath:potassium": 0.85}),
    Calibration("factors on chloride and a bath", _LEAKY, factors={"pipette:Cl": 0.85, "bath:potassium": 1.2}),
    Calibration("mixtures, 6 cells, one bath 10 mV off", _MIXTURES, cells=6, off_mV=10.0),
)
