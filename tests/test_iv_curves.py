"""I-V curves by bath: their means, the fitted curve on them, and what the figure and its section say."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from experiments import complete

from nernstfit.contract import tables
from nernstfit.contract.frames import evenly_spaced
from nernstfit.figures import iv_curves as figure
from nernstfit.figures.theme import ACCENT, CELLS, INK, LOOKS, PALETTE, SHAPES
from nernstfit.permeability.fitted_currents import Activities, FittedPermeabilities, mean_current, scale
from nernstfit.permeability.mean_curves import BathCurves, by_bath
from nernstfit.physics.membrane import ghk
from nernstfit.physics.membrane.nernst import nernst_mV
from nernstfit.report.blocks import Block, Picture, Text
from nernstfit.report.results import Results
from nernstfit.report.sections import iv_curves as section
from nernstfit.solutions.conditions import NEW_ZERO, Condition

NAME = "{http://www.w3.org/2000/svg}"
MODEL = "ghk:pitzer:macinnes"
VALENCE = {"K": 1, "Na": 1, "Cl": -1}
RATIOS = {"K": 1.0, "Na": 0.3, "Cl": 0.1}
SOLUTIONS = {
    "control": {"K": 5.0, "Na": 140.0, "Cl": 145.0},
    "high K": {"K": 145.0, "Cl": 145.0},
    "pipette": {"K": 140.0, "Na": 5.0, "Cl": 20.0},
}
LEVELS_MV = np.arange(-100.0, 61.0, 10.0)
JUNCTION_MV = -7.0
Row = Mapping[str, Any]


def current(mV: np.ndarray, bath: str, temperature_C: float = 22.0, ratios: Row = RATIOS, factor: float = 1.0) -> Any:
    outside, inside = ([SOLUTIONS[name].get(ion, 0.0) for ion in VALENCE] for name in (bath, "pipette"))
    inside = [factor * each for each in inside]
    return ghk.current(mV, [ratios[ion] for ion in VALENCE], [*VALENCE.values()], inside, outside, temperature_C)


def reversal_mV(bath: str) -> float:
    mV = np.linspace(-100, 100, 20_001)
    return float(np.interp(0, current(mV, bath), mV))


def measured(cell: str, bath: str = "control", size: float = 2.0, **more: Any) -> dict[str, Any]:
    """A measurement of a cell whose membrane is the fitted one; `mV` and `pA` are its curve."""
    mV = np.asarray(more.pop("mV", LEVELS_MV), dtype=float)
    pA = more.pop("pA", None)
    pA = size * current(mV, bath if bath in SOLUTIONS else "control") if pA is None else np.asarray(pA, dtype=float)
    usual = {"measurement": f"{cell} {bath}", "cell": cell, "group": "", "bath": bath, "pipette": "pipette"}
    usual |= {"configuration": "whole-cell", "temperature_C": 22.0, "verdict": "reversal", "junction_mV": JUNCTION_MV}
    usual |= {"corrected_mV": reversal_mV(bath if bath in SOLUTIONS else "control")}
    return usual | more | {"mV": mV - JUNCTION_MV, "pA": pA}


def made(name: str, rows: Sequence[Row], folder: Path) -> pd.DataFrame:
    """A result table as the report reads it."""
    table = tables.TABLES[name]
    path = folder / f"{name}.csv"
    tables.write(str(path), table, [complete(table, row) for row in rows], first_model=MODEL)
    return tables.load(str(path), table)


class Run:
    """Results of some measurements."""

    def __init__(self, folder: Path, rows: Sequence[Row], **given: Any) -> None:
        ratios, factors = given.get("ratios", RATIOS), given.get("factors", {})
        groups, temperatures = sorted({row["group"] for row in rows}), sorted({row["temperature_C"] for row in rows})
        own = [{key: value for key, value in row.items() if key not in ("mV", "pA")} for row in rows]
        verdicts = {ion: "not_identifiable" if math.isnan(ratio) else "estimate" for ion, ratio in ratios.items()}
        content: dict[str, list[Row]] = {
            "reversal_potentials": own,
            "iv": [
                {"measurement": row["measurement"], "level": i, "voltage_mV": mV, "current_pA": pA}
                for row in rows
                for i, (mV, pA) in enumerate(zip(row["mV"], row["pA"], strict=True))
            ],
            "models": [{"group": group, "model": MODEL} for group in groups],
            "permeabilities": [
                {"group": group, "model": MODEL, "ion": ion, "reference": "K", "ratio": ratio}
                | {"verdict": verdicts[ion]}
                for group in groups
                for ion, ratio in ratios.items()
                if ion != "K"
            ],
            "activity_corrections": [
                {"group": group, "model": MODEL, "term": term, "factor": factor}
                for group in groups
                for term, factor in factors.items()
            ],
            "solutions": [
                {"temperature_C": t, "solution": name, "ion": ion, "valence": VALENCE[ion], "activity_mM": mM}
                for t in temperatures
                for name, ions in SOLUTIONS.items()
                for ion, mM in ions.items()
            ],
            "thermodynamics": [
                {"measurement": row["measurement"], "ion": ion, "nernst_mV": potential}
                for row in rows
                if row["pipette"] and row["bath"] in SOLUTIONS
                for ion, z in VALENCE.items()
                if ion in SOLUTIONS[row["bath"]]
                and math.isfinite(
                    potential := float(
                        nernst_mV(
                            z, SOLUTIONS[row["bath"]][ion], SOLUTIONS["pipette"].get(ion, 0), row["temperature_C"]
                        )
                    )
                )
            ],
        }
        config = {"fit": {"reference_ion": "K", "permeant": list(RATIOS)}, "reversals": given.get("reversals", "")}
        self.results = Results(
            tables={name: made(name, records, folder) for name, records in content.items()},
            traces=(),
            manifest={"config": config},
        )

    @property
    def blocks(self) -> list[Block]:
        return list(section.blocks(self.results))

    @property
    def curves(self) -> list[BathCurves]:
        return by_bath(self.results.found, self.results.tables["iv"])

    @property
    def pictures(self) -> list[Picture]:
        return [block for block in self.blocks if isinstance(block, Picture)]

    @property
    def words(self) -> str:
        return " ".join(block.text for block in self.blocks if isinstance(block, Text))


def usual(**more: Any) -> list[dict[str, Any]]:
    """Three cells of different sizes in two baths."""
    return [measured(f"c{i}", bath, 2.0**i, **more) for i in range(3) for bath in ("control", "high K")]


def panels(picture: Picture) -> list[ElementTree.Element]:
    root = ElementTree.fromstring(picture.drawing.svg)
    return [each for each in root.iter(f"{NAME}g") if each.findall(f"{NAME}g[@text-anchor='end']/{NAME}text[1]")]


def points(path: ElementTree.Element) -> np.ndarray:
    """Positions of a path of M and relative l."""
    start, _, rest = path.get("d", "").removeprefix("M").partition("l")
    steps = [*map(float, f"{start} {rest}".split())]
    return np.cumsum(np.array(steps).reshape(-1, 2), axis=0)


def lines(panel: ElementTree.Element, **look: str) -> list[np.ndarray]:
    """Lines of a look, which they or their group have."""
    wanted = "".join(f"[@{name.replace('_', '-')}='{value}']" for name, value in look.items())
    found = panel.findall(f"{NAME}path{wanted}[@fill='none']") + panel.findall(f"{NAME}g{wanted}/{NAME}path")
    return [points(each) for each in found]


def dashed(panel: ElementTree.Element) -> list[np.ndarray]:
    return lines(panel, stroke=INK, stroke_dasharray="5 3")


def gap_px(panel: ElementTree.Element, colour: str) -> float:
    """Largest distance of the dashed curve from the mean."""
    (mean,), (model,) = lines(panel, stroke=colour), dashed(panel)
    assert np.ptp(mean[:, 1]) > 40
    return float(np.abs(np.interp(mean[:, 0], model[:, 0], model[:, 1]) - mean[:, 1]).max())


# Means


def test_mean_and_standard_error_are_those_of_the_cells_relative_currents(tmp_path: Path) -> None:
    mV = [-50.0, 0.0, 50.0]
    rows = [
        measured("a", mV=mV, pA=[-2.0, 1.0, 4.0]),
        measured("a", "high K", mV=mV, pA=[-8.0, 0.0, 6.0]),
        measured("b", mV=mV, pA=[-10.0, 0.0, 5.0]),
        measured("c", mV=mV, pA=[-30.0, 0.0, 60.0]),
    ]
    control, high = Run(tmp_path, rows).curves
    relative = np.array([[-0.25, 0.125, 0.5], [-1.0, 0.0, 0.5], [-0.5, 0.0, 1.0]])  # largest: 8, 10 and 60 pA
    assert control.voltage_mV == pytest.approx(mV)
    assert control.mean == pytest.approx(relative.mean(axis=0))
    assert control.sem == pytest.approx(relative.std(axis=0, ddof=1) / math.sqrt(3))
    assert (control.n_cells, high.n_cells) == (3, 1)
    assert high.mean == pytest.approx([-1.0, 0.0, 0.75])
    assert np.isnan(high.sem).all()


def test_a_cell_counts_once_however_often_it_was_measured(tmp_path: Path) -> None:
    mV = [-50.0, 50.0]
    rows = [measured("a", measurement=f"a{i}", mV=mV, pA=[-4.0, y], corrected_mV=y) for i, y in enumerate((2.0, 4.0))]
    (found,) = Run(tmp_path, [*rows, measured("b", mV=mV, pA=[-1.0, 0.25], corrected_mV=9.0)]).curves
    assert found.mean == pytest.approx([-1.0, (0.75 + 0.25) / 2])
    assert found.sem[1] == pytest.approx(0.25)
    assert (found.n_cells, len(found.curves)) == (2, 3)
    assert (found.reversal_mV, found.reversal_sem_mV) == (pytest.approx(6.0), pytest.approx(3.0))


@pytest.mark.parametrize(("wide", "ends"), [(1, (-60.0, 40.0)), (2, (-100.0, 80.0)), (4, (-100.0, 80.0))])
def test_a_mean_spans_what_half_of_the_cells_cover(tmp_path: Path, wide: int, ends: tuple[float, float]) -> None:
    rows = []
    for i in range(4):
        mV = np.arange(-100, 81, 20.0) if i < wide else np.arange(-60, 41, 20.0)
        rows.append(measured(f"c{i}", mV=mV, pA=[-100, *mV[1:]]))
    (found,) = Run(tmp_path, rows).curves
    assert (found.voltage_mV[0], found.voltage_mV[-1]) == pytest.approx(ends)
    assert np.isfinite(found.mean).all()


def test_a_mean_of_two_cells_is_of_both(tmp_path: Path) -> None:
    rows = [measured("a", mV=[-80.0, 40.0], pA=[-8.0, 4.0]), measured("b", mV=[-40.0, 80.0], pA=[-4.0, 8.0])]
    (found,) = Run(tmp_path, rows).curves
    assert (found.voltage_mV[0], found.voltage_mV[-1]) == pytest.approx((-40.0, 40.0))
    assert found.mean == pytest.approx([-0.5, 0.5])
    assert found.sem == pytest.approx([0.0, 0.0], abs=1e-12)


def test_cells_whose_voltages_do_not_meet_have_curves_and_no_mean(tmp_path: Path) -> None:
    mV = ([-90.0, -70.0], [-60.0, -40.0], [10.0, 30.0])
    run = Run(tmp_path, [measured(f"c{i}", mV=each, pA=[-1.0, 1.0]) for i, each in enumerate(mV)])
    (found,) = run.curves
    assert len(found.mean) == 0
    (panel,) = panels(run.pictures[0])
    assert len(lines(panel, stroke=CELLS)) == 3
    assert dashed(panel) == []


def test_a_patch_with_its_inside_to_the_bath_has_the_curve_of_its_membrane(tmp_path: Path) -> None:
    whole = measured("a")
    turned = {"configuration": "inside-out", "mV": -whole["mV"][::-1], "pA": -whole["pA"][::-1]}
    (one,), (other,) = (Run(tmp_path, [row]).curves for row in (whole, measured("a") | turned))
    (x, y), (other_x, other_y) = one.curves[0], other.curves[0]
    assert other_x == pytest.approx(x)
    assert x == pytest.approx(LEVELS_MV)
    assert other_y == pytest.approx(y)


def test_no_junction_shifts_nothing(tmp_path: Path) -> None:
    (found,) = Run(tmp_path, [measured("a", junction_mV=None)]).curves
    assert found.voltage_mV == pytest.approx(LEVELS_MV - JUNCTION_MV)


def test_what_has_no_potential_no_curve_or_no_current_is_left_out(tmp_path: Path) -> None:
    rows = [
        measured("a"),
        measured("b", verdict="no_crossing", corrected_mV=None),
        measured("c", mV=[], pA=[]),
        measured("d", pA=np.zeros(len(LEVELS_MV))),
    ]
    (found,) = Run(tmp_path, rows).curves
    assert (found.measurements, found.n_cells) == (("a control",), 1)


def test_the_order_of_rows_changes_nothing(tmp_path: Path) -> None:
    results = Run(tmp_path, usual()).results
    shuffled = {name: table.sample(frac=1, random_state=3) for name, table in results.tables.items()}
    other = Results(tables=shuffled, traces=(), manifest=results.manifest)
    (one,), (two,) = ([b for b in section.blocks(each) if isinstance(b, Picture)] for each in (results, other))
    assert one.drawing.svg == two.drawing.svg


def test_few_are_chosen_evenly_with_both_ends() -> None:
    assert evenly_spaced(5, 60) == [0, 1, 2, 3, 4]
    assert evenly_spaced(121, 3) == [0, 60, 120]


# The fitted curve


def test_a_curve_of_the_equation_lies_on_its_dashed_curve(tmp_path: Path) -> None:
    (picture,) = Run(tmp_path, usual()).pictures
    for panel, colour in zip(panels(picture), PALETTE, strict=False):
        assert gap_px(panel, colour) < 0.3  # half of it from the straight lines between levels 10 mV apart


def test_another_ratio_does_not_lie_on_the_curve(tmp_path: Path) -> None:
    (picture,) = Run(tmp_path, usual(), ratios=RATIOS | {"Na": 0.6}).pictures
    control, high = panels(picture)
    assert gap_px(control, PALETTE[0]) > 2
    assert gap_px(high, PALETTE[1]) < 0.5  # a bath without Na; 5 mM of it are in the pipette


def test_a_fitted_factor_is_on_the_dashed_curve(tmp_path: Path) -> None:
    rows = usual()
    for row in rows:
        row["pA"] = current(LEVELS_MV, row["bath"], factor=0.6)
    with_factor, without = (
        panels(Run(tmp_path, rows, factors=factors).pictures[0])[0] for factors in ({"pipette": 0.6}, {})
    )
    assert gap_px(with_factor, PALETTE[0]) < 0.3
    assert gap_px(without, PALETTE[0]) > 2


def test_the_equation_is_at_the_temperatures_of_the_measurements(tmp_path: Path) -> None:
    rows = []
    for i, t in enumerate((12.0, 12.0, 36.0)):
        rows.append(measured(f"c{i}", temperature_C=t, pA=current(LEVELS_MV, "control", t)))
    (picture,) = Run(tmp_path, rows).pictures
    assert gap_px(panels(picture)[0], PALETTE[0]) < 0.4


def test_temperatures_count_as_often_as_they_occur(tmp_path: Path) -> None:
    rows = [measured("a", temperature_C=t, measurement=str(t)) for t in (4.0, 44.0)]
    activities = Activities.of(Run(tmp_path, rows).results.tables["solutions"], list(RATIOS))
    conditions = {Condition("control", "pipette", "whole-cell", t, NEW_ZERO): n for t, n in ((4.0, 3), (44.0, 1))}
    found = mean_current(FittedPermeabilities(RATIOS, {}), activities, conditions, LEVELS_MV)
    expected = (3 * current(LEVELS_MV, "control", 4.0) + current(LEVELS_MV, "control", 44.0)) / 4
    assert found == pytest.approx(expected)


def test_an_inside_out_patch_has_the_bath_inside_in_the_equation(tmp_path: Path) -> None:
    # The pipette holds what the bath of a whole cell does, and the bath what its pipette does.
    row = measured("a", bath="pipette", pipette="control", configuration="inside-out", corrected_mV=-40.0)
    mV = LEVELS_MV[::-1]
    row |= {"mV": -(mV - JUNCTION_MV), "pA": -current(mV, "control")}
    (picture,) = Run(tmp_path, [row]).pictures
    assert gap_px(panels(picture)[0], PALETTE[0]) < 0.3


def test_a_ratio_without_a_number_leaves_out_the_curves_of_its_baths_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SOLUTIONS, "pipette", {"K": 140.0, "Cl": 20.0})
    run = Run(tmp_path, usual(), ratios=RATIOS | {"Na": math.nan})
    control, high = panels(run.pictures[0])
    assert (len(dashed(control)), len(dashed(high))) == (0, 1)
    assert "No Goldman-Hodgkin-Katz curve in control: the fit has no number for P(Na)." in run.words
    assert "high K" not in run.words


def test_a_factor_without_a_number_leaves_out_the_curves_of_its_bath(tmp_path: Path) -> None:
    run = Run(tmp_path, usual(), factors={"bath:high K": math.nan})
    assert [len(dashed(panel)) for panel in panels(run.pictures[0])] == [1, 0]
    assert "curve in high K: the fit has no number for the factor bath:high K." in run.words


def test_an_unknown_pipette_has_no_fitted_curve_and_no_nernst_potential(tmp_path: Path) -> None:
    run = Run(tmp_path, usual(pipette="", configuration="two-electrode"))
    (picture,) = run.pictures
    assert [dashed(panel) for panel in panels(picture)] == [[], []]
    assert "No Goldman-Hodgkin-Katz curve in control and high K: the pipette solution is unknown." in run.words
    assert "Dashed" not in picture.caption
    assert "Nernst" not in picture.caption


def test_a_falling_mean_has_no_fitted_curve(tmp_path: Path) -> None:
    run = Run(tmp_path, [measured("a", pA=-current(LEVELS_MV, "control"))])
    assert dashed(panels(run.pictures[0])[0]) == []
    assert "no positive multiple" in run.words


def test_the_scale_is_that_of_least_squares() -> None:
    model = np.array([1.0, 2.0, 3.0])
    assert scale(2.5 * model + np.array([2.0, -1.0, 0.0]), model) == pytest.approx(2.5)  # the rest is orthogonal
    assert math.isnan(scale(-model, model))
    assert math.isnan(scale(model, np.zeros(3)))


# The figure


def test_zeros_and_nernst_potentials_lie_where_the_axis_says(tmp_path: Path) -> None:
    run = Run(tmp_path, usual())
    control, high = panels(run.pictures[0])
    for panel, bath in ((control, "control"), (high, "high K")):
        ticks = panel.findall(f"{NAME}g[@text-anchor='middle']/{NAME}text")
        labels = [(float(each.get("x")), each.text) for each in ticks]
        scale_mV = [
            (x, float(label.replace("\u2212", "-"))) for x, label in labels if re.fullmatch("[\u2212\\d]+", label)
        ]
        (x, low), (to_x, high_mV) = scale_mV[0], scale_mV[-1]
        slope = (high_mV - low) / (to_x - x)
        (zero,) = panel.findall(f"{NAME}g[@stroke='{ACCENT}']/{NAME}circle")
        assert low + slope * (float(zero.get("cx")) - x) == pytest.approx(reversal_mV(bath), abs=0.1)
        found = {label: low + slope * (at - x) for at, label in labels if label in VALENCE}
        expected = {
            ion: float(nernst_mV(VALENCE[ion], mM, SOLUTIONS["pipette"][ion], 22.0))
            for ion, mM in SOLUTIONS[bath].items()
        }
        assert found == {ion: pytest.approx(mV, abs=0.15) for ion, mV in expected.items() if mV < 60}
        assert len(found) == 2


def test_all_panels_have_the_same_axes_in_every_group(tmp_path: Path) -> None:
    rows = [row for group, mV in (("a", LEVELS_MV), ("b", LEVELS_MV[4:])) for row in usual(group=group, mV=mV)]
    for number, row in enumerate(rows):
        row["measurement"] = str(number)
    run = Run(tmp_path, rows)
    pictures = run.pictures
    assert [each.drawing.name for each in pictures] == ["iv_curves", "iv_curves_2"]
    ticks = [
        [(each.get("x"), each.text) for each in panel.findall(f"{NAME}g[@text-anchor]/{NAME}text")[-30:]]
        for picture in pictures
        for panel in panels(picture)
    ]
    shared = [[(x, label) for x, label in each if re.fullmatch("[\u2212\\d.]+", label or "")] for each in ticks]
    assert len(shared) == 4
    assert shared[0]
    assert all(each == shared[0] for each in shared)
    assert [block.text for block in run.blocks if type(block).__name__ == "Heading"] == ["Group a", "Group b"]


def test_what_has_no_room_is_said(tmp_path: Path) -> None:
    rows = [measured(f"{g}{b}", f"bath {b:02d}", group=g) for g in "abcdef" for b in range(14 if g == "a" else 1)]
    run = Run(tmp_path, rows)
    assert [len(panels(each)) for each in run.pictures] == [12, 1, 1, 1]
    assert "no room for 2 further panels" in run.words
    assert "no room for the figures of group e and group f" in run.words


def test_one_cell_has_no_standard_error(tmp_path: Path) -> None:
    one, several = (Run(tmp_path, rows).pictures[0] for rows in ([measured("a")], usual()))
    assert ("fill-opacity" in one.drawing.svg, "fill-opacity" in several.drawing.svg) == (False, True)
    assert "\u00b1" not in one.drawing.svg + one.caption
    assert "\u00b1 standard error" in several.caption
    assert f"1 cell, reversal potential {reversal_mV('control'):.1f} mV".replace("-", "\u2212") in one.drawing.svg


def test_of_many_cells_some_are_drawn_and_all_are_in_the_mean(tmp_path: Path) -> None:
    # The current of the last cell alone falls.
    (picture,) = Run(tmp_path, [measured(f"c{i:03d}", size=1 + i if i < 149 else -1) for i in range(150)]).pictures
    (panel,) = panels(picture)
    drawn = lines(panel, stroke=CELLS)
    assert [each[-1, 1] > each[0, 1] for each in drawn] == [False] * 59 + [True]
    assert "150 cells" in picture.drawing.svg
    assert "single cells (60 of them, evenly chosen)" in picture.caption


def test_the_numbers_stand_in_the_corner_that_the_curve_leaves_free(tmp_path: Path) -> None:
    control, high = panels(Run(tmp_path, usual()).pictures[0])
    for panel, is_below, colour in ((control, True, PALETTE[0]), (high, False, PALETTE[1])):
        (group,) = panel.findall(f"{NAME}g[@paint-order]")
        assert group.get("text-anchor") == ("end" if is_below else "start")
        number = group[0]
        assert number.text == "3 cells"
        x, y = float(number.get("x", "")), float(number.get("y", ""))
        (mean,) = lines(panel, stroke=colour)
        # A line of words below it ends there, or begins.
        under = mean[mean[:, 0] > x - 80, 1] if is_below else mean[mean[:, 0] < x + 80, 1]
        assert (under.max() < y - 11) if is_below else (under.min() > y + 14)


def test_a_ramp_has_no_more_points_than_can_be_seen(tmp_path: Path) -> None:
    mV = np.linspace(-100, 60, 400)
    (picture,) = Run(tmp_path, [measured(f"c{i}", mV=mV) for i in range(3)]).pictures
    (panel,) = panels(picture)
    assert [len(each) for each in lines(panel, stroke=CELLS)] == [60] * 3
    assert len(lines(panel, stroke=PALETTE[0])[0]) <= 61
    assert gap_px(panel, PALETTE[0]) < 0.3


def test_the_same_bath_against_two_pipettes_has_two_panels(tmp_path: Path) -> None:
    rows = [measured("a"), measured("b", pipette="high K"), measured("c", configuration="outside-out")]
    (picture,) = Run(tmp_path, rows).pictures
    titles = [[line.text for line in each.find(f"{NAME}g[@font-weight='bold']")] for each in panels(picture)]
    assert [" ".join(lines).startswith("control, against") for lines in titles] == [True] * 3
    assert ["control, against pipette,", "outside-out"] in titles  # in two lines


def test_baths_differ_in_colour_or_shape() -> None:
    assert len(set(LOOKS)) == len(LOOKS) == 60
    assert len({figure._mark(shape, 10.0, 10.0) for shape in SHAPES}) == 5


def test_a_bath_keeps_its_look_where_others_have_no_curve(tmp_path: Path) -> None:
    (picture,) = Run(tmp_path, [measured("a", mV=[], pA=[]), measured("a", "high K")]).pictures
    assert PALETTE[1] in picture.drawing.svg
    assert PALETTE[0] not in picture.drawing.svg


def test_names_of_close_nernst_potentials_stand_over_each_other() -> None:
    panel = figure.IVPanel("", "x", 0, {}, 1, (np.zeros(0), np.zeros(0)), np.zeros(0), 0.0, math.nan)
    panel = figure.IVPanel(**vars(panel) | {"nernst_mV": {"K": 0.0, "Cs": 1.0, "Na": 50.0, "Ca": 900.0}})
    voltage = figure.Axis("mV", -100.0, 100.0, 178)
    marks, depth = figure._nernst_potentials(panel, voltage)
    heights = {each.text: float(each.get("y")) for each in map(ElementTree.fromstring, marks) if each.tag == "text"}
    assert depth == 2
    assert heights["K"] == heights["Na"] > heights["Cs"] + 11
    assert "Ca" not in heights


@pytest.mark.parametrize("name", ['<b>&amp; "it\'s"</b>', "]]><script>", "K⁺ µM 日本"])
def test_a_name_stays_text(tmp_path: Path, name: str) -> None:
    (picture,) = Run(tmp_path, [measured("a", name)]).pictures
    root = ElementTree.fromstring(picture.drawing.svg)
    assert name in [each.text for each in root.iter(f"{NAME}text")]
    assert f"{name}: 1 cell" in root.get("aria-label", "")
    assert {each.tag.removeprefix(NAME) for each in root.iter()} <= {"svg", "g", "rect", "path", "circle", "text"}


def test_the_figure_says_in_words_what_is_seen(tmp_path: Path) -> None:
    rows = [measured("a", size=3.0, corrected_mV=-42.0), measured("b", corrected_mV=-40.0)]
    (picture,) = Run(tmp_path, rows).pictures
    said = ElementTree.fromstring(picture.drawing.svg).get("aria-label", "")
    assert "control: 2 cells, reversal potential \u221241.0 \u00b1 1.0 mV, mean current from \u2212" in said
    assert "Nernst potentials Cl \u221250.4 mV" in said
    assert re.search(r"fitted curve within 0\.00\d of the mean\.$", said)


# The section


def test_no_curves_are_said_to_be_none(tmp_path: Path) -> None:
    for rows in ([], [measured("a", mV=[], pA=[])]):
        (text,) = Run(tmp_path, rows).blocks
        assert text == Text("No measurement with a reversal potential has a current-voltage curve.")


def test_imported_potentials_have_no_curves(tmp_path: Path) -> None:
    (text,) = Run(tmp_path, [measured("a", mV=[], pA=[])], reversals="data/reversals.csv").blocks
    assert text == Text("The potentials were measured elsewhere: there are no current-voltage curves to show.")
