"""Findings on what single measurements and cells deviate by: rows off their cell, electrode offsets, gross errors."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nernstfit.contract.codes import Code
from nernstfit.contract.findings import Finding, cell_named, named, of_potential
from nernstfit.judgement.equation import robust
from nernstfit.judgement.evidence import Evidence, in_group
from nernstfit.permeability.distributions import p_of_farthest, t_tail
from nernstfit.permeability.inference.sentences import written_p
from nernstfit.solutions import conditions

# Degrees of freedom of the configured scale of offsets among those of the cells, as many as two further cells: with
# half of it three sound cells of which two agree have an outlier, with double an offset of 10 mV among three has none.
# The same of the standard deviation of all baths among the cells of one.
_PRIOR_DF = 2
# p below which the offset of a cell lies off (Bonferroni): one sound group in a hundred. At half one in two hundred, at
# double one in fifty, too many for groups whose offsets scatter more than the configured scale.
_MAX_P = 0.01
# Other cells in a bath from which a measurement in it is held against them: their median is one that two agree on. At
# half, one other cell decides; at double, groups of five cells are not looked at.
_MIN_OTHERS = 3
# Probability of a gross error from which a measurement is named: it has half of its weight then. At half those are
# named that a usual deviation explains; at double only none.
_MIN_P_GROSS = 0.5
# Standard error, over the usual one of a group, from which a measurement has less than a hundredth of the weight; the
# usual one is 3 mV at least, by which potentials of cells differ anyway. At half, weights of a twenty-fifth are told,
# which still move a mean of few; at double, only those of a four-hundredth.
_WEIGHTLESS, _USUAL_SE_MV = 10.0, 3.0


def findings(evidence: Evidence) -> Iterator[Finding]:
    """Yield the findings on single measurements and on the electrode offsets of cells."""
    scale_mV = float(evidence.experiment.settings.fit.offset_sd_mV)
    junction_se_mV = _junction_se_mV(evidence.tables["junctions"])
    of_rows: set[str] = set()
    for group, part in evidence.by_group("residuals"):
        yield from _gross_errors(group, part)
        yield from _without_weight(group, part)
        if not robust(evidence):
            for cell, found in outlying_measurements(part):
                of_rows.add(named(group, cell))
                yield found
    for group, part in evidence.by_group("cells"):
        if 0 < scale_mV < math.inf:
            offsets = part[part["offset_mV"].notna()].groupby("cell", sort=True)["offset_mV"].first()
            yield from (cell for cell in _offsets(group, offsets, scale_mV) if cell.subject not in of_rows)
            yield from _off_zero(group, offsets, scale_mV, junction_se_mV)


def _gross_errors(group: str, residuals: pd.DataFrame) -> Iterator[Finding]:
    """Yield the finding on measurements that a robust fit takes for gross errors."""
    gross = residuals[residuals["p_gross_error"] > _MIN_P_GROSS].sort_values("p_gross_error", ascending=False)
    if len(gross):
        names = ", ".join(f"{row.measurement} ({row.residual_mV:+.1f} mV off)" for row in gross.itertuples())
        values = {"total": len(residuals), "where": in_group(group), "names": names}
        yield Finding(Code.GROSS_ERRORS, group, values, 0.0)


def _without_weight(group: str, residuals: pd.DataFrame) -> Iterator[Finding]:
    """Yield the finding on measurements whose standard error leaves them hardly any weight."""
    known = residuals[residuals["measured_mV"].notna()]
    usual_mV = max(float(known["se_mV"].median()), _USUAL_SE_MV) if len(known) else math.nan
    vague = known[known["se_mV"] > _WEIGHTLESS * usual_mV].sort_values(
        ["se_mV", "measurement"], ascending=[False, True]
    )
    if len(vague):
        names = ", ".join(f"{row.measurement} ({row.se_mV:.3g} mV)" for row in vague.itertuples())
        values = {"names": names, "usual": f"{known['se_mV'].median():.2g}", "where": in_group(group)}
        yield Finding(Code.WITHOUT_WEIGHT, group, values, 0.0)


def outlying_measurements(residuals: pd.DataFrame) -> Iterator[tuple[str, Finding]]:
    """Yield the cells of which one measurement lies off the others, each with the finding on it.

    The distance of a residual from the median of the others of its cell is free of the electrode's offset.

    Parameters
    ----------
    residuals : DataFrame
        Rows of one group with measurement, cell, bath and residual_mV.
    """
    known = residuals[residuals["residual_mV"].notna()].sort_values(["cell", "measurement"], kind="stable")
    known = known[known.groupby("cell")["cell"].transform("size") > 1]
    known = known.assign(distance_mV=known.groupby("cell")["residual_mV"].transform(_from_others))
    known = known.assign(**_off_baths(known))
    n = int(known["p"].notna().sum())
    for cell, own in known.groupby("cell", sort=True):
        if not (own["p"] * n < _MAX_P).any():
            continue
        # Of two the one with the larger residual, as electrodes were zeroed.
        place = own["residual_mV"].abs().where(own["p"] == own["p"].min()).idxmax()
        row, rest = own.loc[place], own["measurement"].drop(place)
        values = {"name": row["measurement"], "distance": row["off_mV"], "bath": row["bath"], "cell": cell_named(cell)}
        values["others"] = f"{rest.iloc[0]}, or that off it, in" if len(rest) == 1 else "the others of"
        values["p"] = written_p(float(row["p"] * n), _MAX_P)
        yield cell, Finding(Code.OUTLYING_MEASUREMENT, row["measurement"], values, of_potential(row["off_mV"]))


def _from_others(residuals_mV: pd.Series) -> NDArray[np.float64]:
    """Return the distances of the residuals of one cell, each from the median of the others."""
    own = residuals_mV.to_numpy(float)
    return np.array([each - np.median(np.delete(own, i)) for i, each in enumerate(own)])


def _off_baths(known: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
    """Return how far measurements are off by their distances from those of other cells in the bath, in mV, and p.

    Student's t with the standard deviation of the other cells in the bath, to which that in all baths adds as much as
    two cells; nan where the bath has too few others.
    """
    cells, baths = (pd.factorize(known[name])[0] for name in ("cell", "bath"))
    distances = known["distance_mV"].to_numpy(float)
    centres = known.groupby("bath")["distance_mV"].transform("median").to_numpy(float)
    squares = np.square(distances - centres)
    of_cell, n_of_cell = np.bincount(cells, squares), np.bincount(cells)
    members = [np.flatnonzero(baths == bath) for bath in range(baths.max(initial=-1) + 1)]
    off_mV, p = np.full((2, len(known)), np.nan)
    for i, cell in enumerate(cells):
        theirs = members[baths[i]][cells[members[baths[i]]] != cell]
        if (n := len(theirs)) < _MIN_OTHERS:
            continue
        of_all = (squares.sum() - of_cell[cell]) / (len(known) - n_of_cell[cell])
        variance = (_PRIOR_DF * of_all + squares[theirs].sum()) / (_PRIOR_DF + n - 1)
        off_mV[i] = distances[i] - np.median(distances[theirs])
        if variance > 0:
            p[i] = 2 * t_tail(abs(off_mV[i]) / math.sqrt(variance * (1 + 1 / n)), _PRIOR_DF + n - 1)
    return {"off_mV": off_mV, "p": p}


def _offsets(group: str, known: pd.Series, scale_mV: float) -> Iterator[Finding]:
    """Yield the finding on the cell whose electrode offset lies off those of the others.

    Student's t with the standard deviation of the others, to which the configured scale adds as much as two cells: few
    cells do not tell it.
    """
    offsets, n = known.to_numpy(float), len(known)
    if n < 2:
        return
    found = []
    for i in range(n):
        others = np.delete(offsets, i)
        theirs = float(np.median(others))
        variance = (_PRIOR_DF * scale_mV**2 + float(np.square(others - theirs).sum())) / (_PRIOR_DF + n - 2)
        t = abs(float(offsets[i]) - theirs) / math.sqrt(variance * n / (n - 1))
        # Of two cells alike far from each other the one with the larger offset.
        found.append((t, abs(float(offsets[i])), i, theirs))
    t, _, i, theirs = max(found)
    p = min(1.0, p_of_farthest(t, n, _PRIOR_DF + n - 2))
    if p < _MAX_P:
        name, own = str(known.index[i]), float(offsets[i])
        values = {"cell": named(group, cell_named(name)), "distance": own - theirs, "own": own, "theirs": theirs}
        effect = of_potential(own - theirs)
        yield Finding(Code.OUTLYING_OFFSET, named(group, name), values | {"p": written_p(p, _MAX_P)}, effect)


def _junction_se_mV(terms: pd.DataFrame) -> float:
    """Return the largest standard error that the junctions of one condition share among the cells."""
    squares = (terms["shared_se_mV"] ** 2).groupby([terms[name] for name in conditions.FIELDS], dropna=False).sum()
    return math.sqrt(float(squares.max())) if len(squares) else 0.0


def _off_zero(group: str, known: pd.Series, scale_mV: float, junction_se_mV: float) -> Iterator[Finding]:
    """Yield the finding on electrode offsets that all lie to one side of zero.

    Student's t of their mean, with the standard deviation between the cells as of `_offsets`.
    """
    offsets, n, df = known.to_numpy(float), len(known), _PRIOR_DF + len(known) - 1
    if n < 2:
        return
    mean = float(offsets.mean())
    variance = (_PRIOR_DF * scale_mV**2 + float(np.square(offsets - mean).sum())) / df
    p = 2 * t_tail(abs(mean) / math.sqrt(variance / n + junction_se_mV**2), df)
    if p < _MAX_P:
        values = {"n": n, "where": in_group(group), "mean": mean, "p": written_p(p, _MAX_P)}
        yield Finding(Code.OFFSETS_OFF_ZERO, group, values, of_potential(mean))
