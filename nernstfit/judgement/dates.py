"""Dates in the names of cells and recordings, in the usual spellings."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

# Years between the first and the last date of an experiment: numbers that are none are spread over more. At half a long
# study is not seen; at double serial numbers pass more often.
_MAX_YEARS = 10
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAY, _MONTH, _YEAR, _SHORT = r"(?P<d>[0-3]?\d)", r"(?P<m>[01]?\d)", r"(?P<y>(?:19|20)\d\d)", r"(?P<y>\d\d)"
_D, _M, _SEP = r"(?P<d>[0-3]\d)", r"(?P<m>[01]\d)", r"(?P<s>[-_./ ])"
_NAME = rf"(?P<b>{'|'.join(_MONTHS)})[a-z]*"
# Spellings, the surest first; those of one line have the same signs and may mean different days.
_SPELLINGS: tuple[tuple[str, ...], ...] = (
    (rf"{_YEAR}{_SEP}{_MONTH}(?P=s){_DAY}",),
    (rf"{_YEAR}[-_./ ]?{_NAME}[-_./ ]?{_DAY}", rf"{_DAY}[-_./ ]?{_NAME}[-_./ ]?(?:{_YEAR}|(?P<y2>\d\d))"),
    (rf"{_DAY}{_SEP}{_MONTH}(?P=s){_YEAR}", rf"{_MONTH}{_SEP}{_DAY}(?P=s){_YEAR}"),
    # The last is that of pCLAMP: year, month (of one sign), day and a number of three digits.
    (rf"{_YEAR}{_M}{_D}", rf"{_D}{_M}{_YEAR}", rf"{_SHORT}(?P<m1>[1-9ond]){_D}\d\d\d"),
    (rf"{_SHORT}{_SEP}{_M}(?P=s){_D}", rf"{_D}{_SEP}{_M}(?P=s){_SHORT}", rf"{_M}{_SEP}{_D}(?P=s){_SHORT}"),
    (rf"{_SHORT}{_M}{_D}", rf"{_D}{_M}{_SHORT}", rf"{_M}{_D}{_SHORT}"),
)
_PATTERNS = [[re.compile(rf"(?<!\d){each}(?!\d)", re.IGNORECASE) for each in line] for line in _SPELLINGS]
# The first of them have a year of four signs or a month in letters: no serial number is written so.
_SURE = 4
Name = TypeVar("Name")


def dates_in(names: Mapping[Name, Iterable[str]]) -> dict[Name, datetime.date]:
    """Return the first date in the names of each thing, in one spelling; none where some thing has no plausible one.

    Parameters
    ----------
    names : mapping of thing to names

    Returns
    -------
    dict
        Empty too where two readings of one spelling divide the things differently, and where every thing has a date of
        its own, as serial numbers have.
    """
    given = {thing: list(of) for thing, of in names.items()}
    for line in _PATTERNS:
        readings = [found for each in line if _is_plausible(found := _read(given, each))]
        if readings:
            first, *others = (_division(found) for found in readings)
            return readings[0] if all(other == first for other in others) else {}
    return {}


def sure_dates(names: Mapping[Name, str]) -> dict[Name, datetime.date]:
    """Return the first date in each name, in one spelling with the whole year or the month's name; none without.

    Unlike `dates_in`, things may have a date of their own each; where two readings are possible, the first is given.

    Parameters
    ----------
    names : mapping of thing to name
    """
    given = {thing: [name] for thing, name in names.items()}
    readings = (_read(given, each) for line in _PATTERNS[:_SURE] for each in line)
    return next((found for found in readings if found), {})


def _read(names: Mapping[Name, list[str]], pattern: re.Pattern[str]) -> dict[Name, datetime.date]:
    """Return the first date of each thing by one spelling; empty where some name of a thing has none."""
    found = {}
    for thing, own in names.items():
        dates = [_date(match.groupdict()) if (match := pattern.search(name)) else None for name in own]
        known = [date for date in dates if date is not None]
        if not known or len(known) < len(dates):
            return {}
        found[thing] = min(known)
    return found


def _date(parts: Mapping[str, str | None]) -> datetime.date | None:
    """Return the date of the parts of a name; None where there is no such day."""
    year, sign = int(parts.get("y") or parts.get("y2") or 0), (parts.get("m1") or "").casefold()
    if parts.get("b"):
        month = _MONTHS.index(str(parts["b"]).casefold()) + 1
    else:
        month = "123456789ond".index(sign) + 1 if sign else int(parts["m"] or 0)
    try:
        return datetime.date(year + 2000 if year < 100 else year, month, int(parts["d"] or 0))
    except ValueError:
        return None


def _is_plausible(found: Mapping[Name, datetime.date]) -> bool:
    """Return True where dates lie within an experiment's time, and some thing shares its date with another."""
    if not found or len(set(found.values())) == len(found):
        return False
    return (max(found.values()) - min(found.values())).days <= 365 * _MAX_YEARS


def _division(found: Mapping[Name, datetime.date]) -> frozenset[frozenset[Name]]:
    """Return the sets of things of one date."""
    return frozenset(frozenset(thing for thing, own in found.items() if own == date) for date in set(found.values()))
