"""Levels of an I-V curve that was measured elsewhere, as points that the measurement takes."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.terms import Role


@dataclass(frozen=True)
class Levels:
    """Levels of one I-V curve as typed, in the order of the recording.

    Attributes
    ----------
    command_mV, current_pA : tuple of float
        One voltage may be there several times: repeats.
    se_pA : tuple of float
        nan where the table gives none.
    """

    command_mV: tuple[float, ...]
    current_pA: tuple[float, ...]
    se_pA: tuple[float, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of voltages and currents: of two curves with one, one is a copy."""
        return hashlib.sha256(np.array((self.command_mV, self.current_pA)).tobytes()).hexdigest()

    def points(self, measurement: str) -> dict[str, NDArray[Any]]:
        """Return the levels with the columns of the points that ingest hands on, each a step in a sweep of its own."""
        n = len(self.command_mV)
        zeros = dict.fromkeys(("point", "t_ms", "shared_cos_pA", "shared_sin_pA", "transient_pA"), np.zeros(n))
        return {
            **zeros,
            "measurement": np.full(n, measurement, dtype=object),
            "role": np.full(n, str(Role.SIGNAL), dtype=object),
            "sweep": np.arange(n),
            "command_mV": np.array(self.command_mV),
            "recorded_mV": np.full(n, math.nan),
            "current_pA": np.array(self.current_pA),
            "se_pA": np.array(self.se_pA),
            "n": np.ones(n),
        }
