"""Groups of the table of reversal potentials, as the fit takes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nernstfit.contract import tables
from nernstfit.contract.remarks import Flag
from nernstfit.contract.terms import REACH_MV, PotentialVerdict
from nernstfit.permeability.distributions import normal_quantile
from nernstfit.permeability.observations import Observations, without_activities
from nernstfit.solutions.conditions import Condition

FloatArray = NDArray[np.float64]

_PICO_PER_NANO = 1000.0  # a definition


class MeasuredRow(Protocol):
    """Row of the experiment's table, as far as the fit needs it."""

    @property
    def condition(self) -> Condition:
        """Solutions, configuration, temperature and zeroing of the electrode."""

    @property
    def n_cells(self) -> int:
        """Number of cells that the row averages."""

    @property
    def batch(self) -> str:
        """Batch of the cell; '' where it belongs to none."""


@dataclass(frozen=True)
class Group:
    """Observations that are fitted together; arrays of shape (n,).

    Attributes
    ----------
    name : str
    observations : Observations
        Corrected potentials without activities yet.
    raw_mV, leak_shift_mV, rs_shift_mV, junction_mV : ndarray
        Raw potential with the amplifier's sign, and the corrections of the ladder; 0 for those not applied.
    time_s, slope_nS : ndarray
        Time of the measurement and slope conductance; nan where unknown.
    capacitance_shift_mV, delay_shift_mV : ndarray
        Possible shift to the true potential by charging the membrane, and by the delay of the filter, see the contract;
        0 where there is none.
    drift_mV, drift_se_mV, charge_nC : ndarray
        Drift of the zero over the repeats with its standard error, and the charge that passed meanwhile; nan where
        unknown.
    at_step : ndarray of bool
        True where the window begins while the step charges the membrane.
    """

    name: str
    observations: Observations
    raw_mV: FloatArray
    leak_shift_mV: FloatArray
    rs_shift_mV: FloatArray
    junction_mV: FloatArray
    time_s: FloatArray
    slope_nS: FloatArray
    capacitance_shift_mV: FloatArray
    delay_shift_mV: FloatArray
    drift_mV: FloatArray
    drift_se_mV: FloatArray
    charge_nC: FloatArray
    at_step: NDArray[np.bool_]

    def subset(self, rows: Sequence[int]) -> Group:
        """Return some of the observations, in the order of `rows`."""
        at = list(rows)
        arrays: dict[str, Any] = {key: value[at] for key, value in vars(self).items() if isinstance(value, np.ndarray)}
        return replace(self, observations=self.observations.subset(at), **arrays)

    @property
    def is_limit(self) -> NDArray[np.bool_]:
        """True for observations of which only a limit is known, shape (n,)."""
        return np.isin(np.arange(self.observations.size), self.observations.censored)

    @property
    def unknown_inside(self) -> NDArray[np.bool_]:
        """True where the intracellular solution is unknown, shape (n,)."""
        return np.array([not condition.pipette for condition in self.observations.conditions])


def groups(table: pd.DataFrame, rows: Mapping[str, MeasuredRow]) -> Iterator[Group]:
    """Split the table of reversal potentials into groups with at least one measured potential.

    Parameters
    ----------
    table : DataFrame
        Reversal potentials as the contract declares them.
    rows : mapping of str to MeasuredRow
        Rows of the experiment by the name of the measurement.

    Yields
    ------
    Group
        Its measured potentials, and the limits of recordings without a crossing; by name.
    """
    is_measured = table["verdict"] == PotentialVerdict.REVERSAL
    has_limit = (table["verdict"] == PotentialVerdict.NO_CROSSING) & table[["low_mV", "high_mV"]].notna().any(axis=1)
    for name, own in table[is_measured | has_limit].groupby("group", sort=True):
        if (own["verdict"] == PotentialVerdict.REVERSAL).any():
            yield _group(str(name), own, rows)


def _group(name: str, table: pd.DataFrame, rows: Mapping[str, MeasuredRow]) -> Group:
    """Return the rows of one group."""
    leak, series, junction = (
        table[column].fillna(0.0).to_numpy(float) for column in ("leak_shift_mV", "rs_shift_mV", "junction_mV")
    )
    return Group(
        name=name,
        observations=_observations(table, rows),
        raw_mV=table["raw_mV"].to_numpy(float),
        leak_shift_mV=leak,
        rs_shift_mV=series,
        junction_mV=junction,
        time_s=table["time_s"].to_numpy(float),
        slope_nS=table["slope_nS"].to_numpy(float),
        capacitance_shift_mV=table["capacitance_shift_mV"].fillna(0.0).to_numpy(float),
        delay_shift_mV=table["delay_shift_mV"].fillna(0.0).to_numpy(float),
        drift_mV=table["drift_mV"].to_numpy(float),
        drift_se_mV=table["drift_se_mV"].to_numpy(float),
        charge_nC=table["charge_pC"].to_numpy(float) / _PICO_PER_NANO,
        at_step=np.array([Flag.AT_STEP in tables.flags(each) for each in table["flags"]], dtype=bool),
    )


def _observations(table: pd.DataFrame, rows: Mapping[str, MeasuredRow]) -> Observations:
    """Return the potentials and limits of some rows; a limit has the median standard error of the potentials."""
    own = [rows[name] for name in table["measurement"]]
    conditions = tuple(
        Condition(r.bath, r.pipette, r.configuration, float(r.temperature_C), row.condition.zeroed_in)
        for r, row in zip(table.itertuples(), own, strict=True)
    )
    is_limit = (table["verdict"] == PotentialVerdict.NO_CROSSING).to_numpy()
    low = table["low_mV"].to_numpy(float)
    limit = np.where(np.isfinite(low), low, table["high_mV"].to_numpy(float))
    reach = table[list(REACH_MV)].max(axis=1).fillna(0.0) / normal_quantile(0.975)
    se = np.sqrt(table["se_mV"] ** 2 + table["further_se_mV"].fillna(0.0) ** 2 + reach**2).to_numpy(float)
    observations = without_activities(
        tuple(table["measurement"]),
        tuple(table["cell"]),
        conditions,
        np.where(is_limit, limit, table["corrected_mV"].to_numpy(float)),
        np.where(is_limit, np.median(se[~is_limit]), se),
        np.array([row.n_cells for row in own]),
    )
    side = np.where(is_limit, np.where(np.isfinite(low), 1, -1), 0)
    batches = tuple(row.batch for row in own)
    return replace(
        observations,
        limit_side=tuple(side.tolist()) if is_limit.any() else (),
        batches=batches if any(batches) else (),
    )
