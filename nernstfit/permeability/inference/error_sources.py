"""The lines of the error budget, and what would make each of them smaller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

NOISE, CELLS, BATCH, OFFSET = "noise", "cells", "batch", "offset"
JUNCTION, ACTIVITY, TEMPERATURE, CONCENTRATION = "junction", "activity", "temperature", "concentration"
REMEDY: Mapping[str, str] = {
    NOISE: "lower noise, more repeats or longer windows in the baths that tell of {ion}",
    CELLS: "more cells",
    BATCH: "more batches",
    OFFSET: "more cells, or a control bath in each that pins its offset",
    JUNCTION: "a measured junction potential, or baths and a bridge that keep it small",
    ACTIVITY: "baths and a bridge that keep the junction small",
    TEMPERATURE: "a measured bath temperature",
    CONCENTRATION: "solutions made up or assayed more closely",
}


@dataclass(frozen=True)
class Share:
    """What one source adds to one ln ratio.

    Attributes
    ----------
    ion, source : str
    variance_share : float
        Of the variance of the ln ratio; over all sources the sum is 1.
    se_ln : float
        Standard error of the ln ratio that comes from this source alone.
    sentence : str
    """

    ion: str
    source: str
    variance_share: float
    se_ln: float
    sentence: str


def first(shares: Sequence[Share]) -> tuple[str, float]:
    """What to measure better first: the source that the ln ratios of a group owe most of their variance to.

    Returns
    -------
    source : str
    share : float
        Mean over the ions.
    """
    sources = dict.fromkeys(share.source for share in shares)
    mean = {source: fmean(s.variance_share for s in shares if s.source == source) for source in sources}
    source = max(mean, key=mean.__getitem__)
    return source, mean[source]
