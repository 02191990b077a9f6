"""Section on the I-V curves of all cells, by bath."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from nernstfit.contract.correction_terms import correction_terms
from nernstfit.contract.frames import evenly_spaced
from nernstfit.figures.iv_curves import Curve, IVPanel, axes, draw_iv_curves
from nernstfit.permeability.fitted_currents import Activities, FittedPermeabilities, mean_current, missing, scale
from nernstfit.permeability.mean_curves import BathCurves, by_bath
from nernstfit.report.blocks import Block, Picture, Text
from nernstfit.report.prose import Prose
from nernstfit.report.results import Results
from nernstfit.report.sections.groups import heading
from nernstfit.report.wording import counted, group_phrase, joined
from nernstfit.solutions.conditions import NEW_ZERO, Condition

_PROSE = Prose("iv_curves")
# Most cells drawn in a panel, evenly spread over their names: more are a grey area. At half a group of cells that
# differ is missed, at double the figure is twice as large.
_MAX_CELLS = 60
# Most panels of a group and most groups: four rows of panels are a printed page, and four pages are read. At half a
# series of ten baths is cut, at double the rows of a printed page are too small to read.
_MAX_PANELS, _MAX_GROUPS = 12, 4
# Points of a fitted curve: one in 3 px of its panel. Half as many show corners, twice as many are not seen.
_POINTS = 61


def blocks(results: Results) -> Iterator[Block]:
    """Yield a figure for each group, and what is not in it."""
    if results.has_imported_potentials:
        yield Text(_PROSE("imported"))
        return
    every = by_bath(results.found, results.tables["iv"])
    if not every:
        yield Text(_PROSE("none"))
        return
    groups = list(dict.fromkeys(each.group for each in every))
    shown = {name: [each for each in every if each.group == name][:_MAX_PANELS] for name in groups[:_MAX_GROUPS]}
    panels = _Panels(results, every)
    drawn = {name: [panels.panel(each) for each in own] for name, own in shown.items()}
    voltage, current = axes(panel for own in drawn.values() for panel in own)
    yield Text(_PROSE("introduction"))
    for number, (name, own) in enumerate(drawn.items(), start=1):
        yield from heading(results, name)
        file = "iv_curves" if number == 1 else f"iv_curves_{number}"
        is_part = any(len(each.curves) > _MAX_CELLS for each in shown[name])
        yield Picture(draw_iv_curves(file, own, voltage, current), _caption(own, is_part))
        left_out = sum(each.group == name for each in every) - len(own)
        if left_out:
            yield Text(_PROSE("more_baths", number=counted(left_out, "further panel")), "note")
        yield from _without_fitted(panels, shown[name])
    if groups[_MAX_GROUPS:]:
        yield Text(_PROSE("more_groups", groups=joined(map(group_phrase, groups[_MAX_GROUPS:]))), "note")


def _caption(panels: Sequence[IVPanel], is_part: bool) -> str:
    return _PROSE(
        "figure",
        of_several=any(panel.n_cells > 1 for panel in panels),
        most=_MAX_CELLS if is_part else 0,
        has_nernst=any(panel.nernst_mV for panel in panels),
        has_fitted=any(panel.fitted for panel in panels),
    )


def _without_fitted(panels: _Panels, shown: Sequence[BathCurves]) -> Iterator[Text]:
    """Yield why some baths have no fitted curve, one paragraph for each reason."""
    reasons: dict[str, list[str]] = {}
    for each in shown:
        if reason := panels.lacks(each):
            reasons.setdefault(reason, []).append(panels.title(each))
    for reason, titles in reasons.items():
        yield Text(_PROSE("without_fitted", titles=joined(titles), reason=reason), "note")


class _Panels:
    """Panels of the curves of a run, and what they have in common."""

    def __init__(self, results: Results, every: Sequence[BathCurves]) -> None:
        self._results, self._every = results, every
        found = results.found
        self._looks = {bath: number for number, bath in enumerate(results.baths)}
        self._temperature_C = dict(zip(found["measurement"], found["temperature_C"], strict=True))
        self._activities = Activities.of(results.tables["solutions"], results.permeant)
        self._fitted = {name: self._permeabilities(name) for name in results.groups}
        self._nernst_mV = self._nernst_potentials()

    def panel(self, each: BathCurves) -> IVPanel:
        """Return the panel of one bath."""
        return IVPanel(
            group=each.group,
            title=self.title(each),
            look=self._looks[each.bath],
            curves={each.measurements[i]: each.curves[i] for i in evenly_spaced(len(each.curves), _MAX_CELLS)},
            n_cells=each.n_cells,
            mean=(each.voltage_mV, each.mean),
            sem=each.sem,
            reversal_mV=each.reversal_mV,
            reversal_sem_mV=each.reversal_sem_mV,
            nernst_mV=self._nernst_mV.get(each.measurements[0], {}),
            fitted=self._curve(each),
        )

    def title(self, each: BathCurves) -> str:
        """Return the name of the bath, with what other curves of the bath differ in."""
        same = [other for other in self._every if (other.group, other.bath) == (each.group, each.bath)]
        pipette = f"against {each.pipette or 'unknown'}" if len({other.pipette for other in same}) > 1 else ""
        configuration = each.configuration if len({other.configuration for other in same}) > 1 else ""
        return ", ".join(filter(None, (each.bath, pipette, configuration)))

    def lacks(self, each: BathCurves) -> str:
        """Return why a bath has no fitted curve; '' where it has one."""
        if not each.pipette:
            return "the pipette solution is unknown"
        numbers = joined(missing(self._fitted[each.group], self._activities, list(self._conditions(each))))
        if numbers:
            return f"the fit has no number for {numbers}"
        return "" if self._curve(each) else "the mean curve has no positive multiple of it near"

    def _curve(self, each: BathCurves) -> Curve | None:
        """Return the GHK current of the fitted permeabilities, scaled to the mean curve; None where there is none."""
        fitted, conditions = self._fitted[each.group], self._conditions(each)
        if not (each.pipette and len(each.mean)) or any(missing(fitted, self._activities, list(conditions))):
            return None
        factor = scale(each.mean, mean_current(fitted, self._activities, conditions, each.voltage_mV))
        if not factor > 0:
            return None
        voltage_mV = np.linspace(each.voltage_mV[0], each.voltage_mV[-1], _POINTS)
        return voltage_mV, factor * mean_current(fitted, self._activities, conditions, voltage_mV)

    def _conditions(self, each: BathCurves) -> Mapping[Condition, int]:
        """Return the conditions of the measurements of a bath, which differ in temperature, and how often each is."""
        of_place = each.bath, each.pipette, each.configuration
        temperatures = Counter(self._temperature_C[name] for name in each.measurements)
        return {Condition(*of_place, value, NEW_ZERO): number for value, number in sorted(temperatures.items())}

    def _permeabilities(self, group: str) -> FittedPermeabilities:
        """Return the ratios and factors of one group under the configured model."""
        ratios, factors = (self._results.of_model(name) for name in ("permeabilities", "activity_corrections"))
        own, terms = ratios[ratios["group"] == group], factors[factors["group"] == group]
        known = dict(zip(own["ion"], own["ratio"], strict=True)) | {self._results.fit["reference_ion"]: 1.0}
        return FittedPermeabilities(
            {ion: float(known.get(ion, np.nan)) for ion in self._results.permeant},
            {correction_terms(term)[0]: float(f) for term, f in zip(terms["term"], terms["factor"], strict=True)},
        )

    def _nernst_potentials(self) -> Mapping[str, Mapping[str, float]]:
        """Return the mean Nernst potential of each ion in each bath, by the first measurement in this."""
        rows = self._results.tables["thermodynamics"]
        first = {name: each.measurements[0] for each in self._every for name in each.measurements}
        rows = rows.assign(first=rows["measurement"].map(first))
        means = rows[rows["nernst_mV"].notna() & rows["first"].notna()].groupby(["first", "ion"])["nernst_mV"].mean()
        found: dict[str, dict[str, float]] = {}
        for (name, ion), value in means.items():
            found.setdefault(name, {})[ion] = float(value)
        return found
