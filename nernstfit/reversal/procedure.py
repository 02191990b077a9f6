"""Procedure of one measurement, and the properties of its recording that the points do not show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from nernstfit.contract.settings import Measure
from nernstfit.contract.terms import Configuration, Leak, OpenPore, Role
from nernstfit.reversal.capacitance import Estimate
from nernstfit.reversal.classify import Criteria


@dataclass(frozen=True)
class Procedure:
    """Procedure of one measurement: the section `measure` of the configuration, and columns of the row.

    Attributes
    ----------
    how : Measure
        The section, with the row's own values; its keys are described in config.schema.yaml.
    temperature_C : float
        Temperature for the estimator.
    configuration : Configuration
    series_MOhm : float or None
        Uncompensated series resistance; None where it is not known.
    capacitance_pF : float or None
        Membrane capacitance by the table; None where it gives none.
    of_cell : Estimate
        Membrane capacitance by other recordings of the cell.
    """

    how: Measure
    temperature_C: float
    configuration: Configuration
    series_MOhm: float | None
    capacitance_pF: float | None
    of_cell: Estimate = field(default_factory=Estimate)

    @property
    def sign(self) -> int:
        """1 where the command depolarises the membrane as it rises, -1 for an inside-out patch."""
        return self.configuration.sign

    @property
    def criteria(self) -> Criteria:
        """Criteria of a reversal."""
        return Criteria(
            max_interval_mV=self.how.max_interval_mV,
            min_span_mV=self.how.min_span_mV,
            estimator=self.how.estimator,
            temperature_C=self.temperature_C,
            sign=self.sign,
            open_pore=OpenPore(self.how.open_pore),
            is_subtracted=Leak.of(self.how.leak) is not Leak.NONE,
        )


@dataclass(frozen=True)
class Facts:
    """Properties of a recording that its points do not show, as ingest writes them; nan where unknown."""

    capacitance_pF: float
    delay_ms: float
    delay_sd_ms: float
    corner_pF: float
    corner_se_pF: float
    corner_from_ms: float
    corner_to_ms: float
    step_pF: float
    step_se_pF: float
    step_nS: float
    clipped_fraction: float
    trend: float
    prepulse_mV: float
    ramp_mV_per_ms: float
    mismatch_mV: float
    transient_nS: float
    transient_se_nS: float
    transient_from_mV: float
    transient_times: float
    passed_pA: float
    passed_from_ms: float
    passed_to_ms: float
    hum_Hz: float
    hum_left_pA: float
    window_from_ms: float
    window_to_ms: float
    early_from_ms: float
    early_to_ms: float
    middle_from_ms: float
    middle_to_ms: float

    def window_ms(self, role: Role) -> tuple[float, float]:
        """Return start and end of the window of a role, from the start of the epoch."""
        name = "window" if role is Role.SIGNAL else role
        return getattr(self, f"{name}_from_ms"), getattr(self, f"{name}_to_ms")

    @classmethod
    def of(cls, fact: Mapping[Any, Any]) -> Facts:
        """Return the facts of one measurement from its row of ingest's table."""
        return cls(**{each.name: float(fact[each.name]) for each in fields(cls)})
