"""Dates in names: the usual spellings, and numbers that are none."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import pytest

from nernstfit.judgement.dates import dates_in

DAYS = [datetime.date(2026, 3, day) for day in (10, 10, 11, 11, 27)]


@pytest.mark.parametrize(
    "spelling",
    [
        *("%Y-%m-%d_c{i}", "%Y_%m_%d_000{i}", "cell{i} %Y%m%d", "%Y%m%d_000{i}", "c{i}_%y%m%d", "%d.%m.%Y c{i}"),
        *(
            "%Y.%m.%d-{i}",
            "%Y/%m/%d/c{i}",
            "data/%Y-%m-%d/000{i}.abf",
            "%d-%m-%Y-c{i}",
            "%m/%d/%Y c{i}",
            "%y-%m-%d-{i}",
        ),
        *("%d.%m.%y {i}", "%y3%d00{i}", "%d%b%Y_c{i}", "%d-%b-%y c{i}", "%Y-%b-%d c{i}", "c{i}_%d%m%y", "WT%Y%m%dc{i}"),
    ],
)
def test_days_are_read_in_the_usual_spellings(spelling: str) -> None:
    found = dates_in({i: [day.strftime(spelling).format(i=i)] for i, day in enumerate(DAYS)})
    assert [[found[i] == found[j] for i in found] for j in found] == [[a == b for a in DAYS] for b in DAYS]
    if "%y%m%d" not in spelling and "%d%m%y" not in spelling and "%d.%m.%y" not in spelling:
        assert list(found.values()) == DAYS


@pytest.mark.parametrize(
    "names",
    [
        ["c1", "c2", "c3"],
        ["2026-03-10_c1", "2026-03-10_c2", "c3"],  # one has none
        ["260310", "260311", "260312"],  # each has its own, as serial numbers have
        ["2026-13-10_c1", "2026-13-10_c2"],  # no such month
        ["100001_a", "100001_b", "100002_a"],
        ["19990101_1", "19990101_2", "20260310_1"],  # too far apart
        ["20110105", "20110106", "20110210", "20110210"],  # 5 January 2011, or no. 105 of 10 January 2020
        ["26031", "26031"],
    ],
)
def test_other_numbers_are_no_days(names: Sequence[str]) -> None:
    assert dates_in({i: [name] for i, name in enumerate(names)}) == {}
