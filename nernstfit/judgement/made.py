"""Rows with what ingest knows of their recordings: what is judged before a run as after it."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from nernstfit.contract.terms import PotentialVerdict
from nernstfit.experiment.records import Row

Record: TypeAlias = Mapping[Any, Any]
Made: TypeAlias = tuple[Row, Record]
DAY_S = 86_400  # a definition
_UNUSED = (PotentialVerdict.EXCLUDED, PotentialVerdict.UNREADABLE)


def used(made: Iterable[Made]) -> Iterator[Made]:
    """Yield the rows that are not excluded and whose recording can be read, or whose levels are in the table."""
    return ((row, fact) for row, fact in made if fact and fact["verdict"] not in _UNUSED)


def start_s(fact: Record) -> float:
    """Return the time at which a recording started in s by the clock of its computer; 0 where it is not known."""
    known_s = float(fact.get("start_s", math.nan))
    return known_s if math.isfinite(known_s) else 0.0


def date_of(time_s: float) -> datetime.date:
    """Return the day of a time in s by the clock of the recording's computer."""
    return datetime.date.fromordinal(int(time_s // DAY_S))
