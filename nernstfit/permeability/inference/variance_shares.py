"""Lines of the error budget, without what computes them: the report reads them from the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from nernstfit.contract.terms import ErrorSource


@dataclass(frozen=True)
class VarianceShare:
    """Share of one error source in the variance of one ln ratio.

    Attributes
    ----------
    ion : str
    source : ErrorSource
    variance_share : float
        Fraction of the variance of the ln ratio; over all sources of an ion the sum is 1.
    se_ln : float
        Standard error of the ln ratio that comes from this source alone.
    sentence : str
        Text for the table; '' for a small share.
    """

    ion: str
    source: ErrorSource
    variance_share: float
    se_ln: float
    sentence: str


def largest_source(shares: Sequence[VarianceShare]) -> tuple[ErrorSource, float]:
    """Return the source with the largest mean share of the variance, which is the first one to measure better.

    Parameters
    ----------
    shares : sequence of VarianceShare
        All lines of one group.

    Returns
    -------
    source : ErrorSource
    share : float
        Mean over the ions.
    """
    sources = dict.fromkeys(share.source for share in shares)
    mean = {source: fmean(s.variance_share for s in shares if s.source == source) for source in sources}
    source = max(mean, key=mean.__getitem__)
    return source, mean[source]
