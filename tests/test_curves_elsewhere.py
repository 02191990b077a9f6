"""The table of I-V curves measured elsewhere: what is read of it, its faults, its errors, and what becomes of it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from experiments import run_stages
from numpy.typing import NDArray

from nernstfit.abf.columns import no_facts
from nernstfit.commands.main import main
from nernstfit.contract import settings, tables
from nernstfit.contract.errors import InputError
from nernstfit.contract.terms import Configuration
from nernstfit.experiment import folder as experiments
from nernstfit.experiment.levels import Levels
from nernstfit.experiment.records import Experiment
from nernstfit.physics.membrane import ghk
from nernstfit.reversal import level_noise, spline
from nernstfit.reversal.measure import measure
from nernstfit.reversal.procedure import Facts, Procedure
from nernstfit.workflow import Dependencies

PLACE = "data/iv.csv"
HEADER = "cell,bath,pipette,voltage_mV,current_pA"
ZEROS = (("control", -60.0), ("high_K", 2.0))
CONFIG: dict[str, Any] = {"recordings": None, "iv": PLACE}
WIDE, NARROW = np.arange(-100.0, 101.0, 20.0), np.arange(-100.0, 101.0, 10.0)

Load = Callable[..., Experiment]
FloatArray = NDArray[np.float64]


def curve(
    cell: str = "c1",
    bath: str = "control",
    more: str = "",
    zero_mV: float = -30.0,
    voltages: Sequence[float] = tuple(WIDE),
    noise_pA: float = 4.0,
    seed: int = 1,
) -> list[str]:
    """Rows of a straight curve of 5 nS."""
    noise = np.random.default_rng(seed).normal(0.0, noise_pA, len(voltages))
    currents = 5.0 * (np.array(voltages) - zero_mV) + noise
    return [f"{cell},{bath},pipette,{v:g},{i:.3f}{more}" for v, i in zip(voltages, currents, strict=True)]


@pytest.fixture
def write(folder: Callable[..., Path], config: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Write an experiment whose table holds these rows into a folder and enter it; `more` adds columns."""
    here = folder(recordings=None)

    def call(*rows: str, more: str = "", **changes: Any) -> dict[str, Any]:
        (here / PLACE).write_text("\n".join([HEADER + more, *rows]) + "\n")
        made = {key: value for key, value in config(CONFIG | changes).items() if value is not None}
        (here / "config").mkdir(exist_ok=True)
        (here / "config" / "config.yaml").write_text(yaml.safe_dump(made))
        return made

    return call


@pytest.fixture
def load(write: Callable[..., dict[str, Any]]) -> Load:
    return lambda *rows, **changes: experiments.load(write(*rows, **changes))


@pytest.fixture
def measured(write: Callable[..., dict[str, Any]]) -> Callable[..., pd.DataFrame]:
    """Run the stages up to the corrected potentials, by name of the measurement."""

    def call(*rows: str, **changes: Any) -> pd.DataFrame:
        write(*rows, **changes)
        run_stages(Path(), "correct")
        return tables.load("results/reversal_potentials.csv", tables.REVERSAL_POTENTIALS).set_index("measurement")

    return call


# What is read


def test_the_rows_of_a_cell_in_a_bath_are_a_curve(load: Load) -> None:
    first, second = curve(), curve(bath="high_K", zero_mV=0.0)
    mixed = [row for pair in zip(first, second, strict=True) for row in pair]
    loaded = load(*mixed, temperature_C=25)
    assert [(row.measurement, row.number, row.bath) for row in loaded.rows] == [
        ("c1:control", 2, "control"),
        ("c1:high_K", 3, "high_K"),
    ]
    (row, _) = loaded.rows
    assert row.levels is not None
    assert row.levels.command_mV == tuple(WIDE)
    assert [f"{current:.3f}" for current in row.levels.current_pA] == [line.split(",")[-1] for line in first]
    assert all(map(math.isnan, row.levels.se_pA))
    assert (row.recording, row.files, row.external, row.temperature_C) == ("", (), None, 25.0)
    assert loaded.input_files == [PLACE, "data/solutions.csv", "config/config.yaml"]


def test_columns_that_tell_curves_apart_are_in_their_names(load: Load) -> None:
    more = ",group,temperature_C,measurement"
    rows = [*curve(more=",wt,20,"), *curve(more=",wt,30,"), *curve(more=",mut,20,"), *curve(more=",mut,20,again")]
    names = [row.measurement for row in load(*rows, more=more).rows]
    assert names == ["c1:control:wt:20", "c1:control:wt:30", "c1:control:mut:20", "again"]


def test_sweeps_give_the_order_of_the_levels(load: Load) -> None:
    rows = [f"c1,control,pipette,{v},{v},{sweep}" for v, sweep in ((-10, 2), (10, 0), (0, 1))]
    (row,) = load(*rows, more=",sweep").rows
    assert row.levels is not None
    assert row.levels.command_mV == (10.0, 0.0, -10.0)


def test_a_level_with_a_reason_is_left_out_and_a_curve_of_such_levels_is_excluded(load: Load) -> None:
    first, *others = curve(more=",")
    lost = curve(bath="high_K", more=",seal broke")
    kept, excluded = load(first + "spike", *others, *lost, more=",exclude").rows
    assert kept.levels is not None
    assert kept.levels.command_mV == tuple(WIDE[1:])
    assert (kept.exclude, excluded.exclude) == ("", "seal broke")


def test_a_column_of_the_users_own_is_carried_where_it_has_one_value(load: Load) -> None:
    rows = [f"{row},drug,{number}" for number, row in enumerate(curve())]
    (row,) = load(*rows, more=",treatment,remark").rows
    assert row.user_columns == {"treatment": "drug", "remark": ""}


def test_keys_that_act_on_levels_are_read_and_no_others(load: Load) -> None:
    changes = {"measure": {"statistic": "peak", "from_fraction": 0.1, "min_span_mV": 12}}
    (row,) = load(*curve(more=",20,ghk"), more=",max_interval_mV,estimator", **changes).rows
    default = settings.default_measure()
    how = row.measure
    assert (how.max_interval_mV, how.estimator, how.min_span_mV) == (20.0, "ghk", 12.0)
    assert (how.statistic, how.from_fraction) == (default.statistic, default.from_fraction)


def test_every_level_is_in_the_fingerprint_of_its_batch(load: Load) -> None:
    rows = [*curve(), *curve(bath="high_K")]
    before = Dependencies(load(*rows, recordings_per_job=1))
    assert before.batches == ["0000", "0001"]
    after = Dependencies(load(*rows[:-1], rows[-1] + "1", recordings_per_job=1))
    assert before.fingerprint("ingest") != after.fingerprint("ingest")
    for stage in ("measure", "correct", "fit"):
        assert before.fingerprint(stage) == after.fingerprint(stage)


# Faults


@pytest.mark.parametrize(
    ("change", "more", "changes", "told"),
    [
        (("-100", "-1000.5"), "", {}, "row 2, column 'voltage_mV': got -1000.5, expected"),
        ((",-100,", ",,"), "", {}, "row 2, column 'voltage_mV': got nothing, expected a value in every row"),
        (
            (",pipette,100", ",high_K,100"),
            "",
            {},
            "row 12, column 'pipette': got 'high_K', and 'pipette' in row 2 of the same curve 'c1:control'; expected",
        ),
        (("control", "cntrol"), "", {}, "row 2, column 'bath': got 'cntrol'"),
        *(
            (
                (HEADER, HEADER.replace(known, typed)),
                "",
                {},
                f"did you mean '{known}'? Give its values in {values}: a new",
            )
            for known, typed, values in (
                ("current_pA", "current_nA", "pA (those in nA times 1,000)"),
                ("current_pA", "I (nA)", "pA (those in nA times 1,000)"),
                ("current_pA", "I (\u00b5A)", "pA (those in \u03bcA times 1,000,000)"),
                ("voltage_mV", "Vm_V", "mV (those in V times 1,000)"),
            )
        ),
        ((HEADER, HEADER.replace(",current_pA", ",amplitude")), "", {}, "did you mean 'current_pA'"),
        (("", ""), "", {"measure": {"leak": "epoch:A"}}, "got 'epoch:A' of I-V curves measured elsewhere, expected"),
        (("", ""), "", {"reversals": "data/r.csv"}, "key 'reversals': got 'data/r.csv' beside iv 'data/iv.csv'"),
        (("", ""), "", {"recordings": "data/r.csv"}, "key 'iv': got 'data/iv.csv' beside recordings 'data/r.csv'"),
        (("", ""), "", {"iv": "data/none.csv"}, "data/none.csv: file not found"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    write: Callable[..., dict[str, Any]], change: tuple[str, str], more: str, changes: dict[str, Any], told: str
) -> None:
    made = write(*curve(), more=more, **changes)
    text = Path(PLACE).read_text()
    Path(PLACE).write_text(text.replace(*change, 1) if change[0] else text)
    with pytest.raises(InputError) as caught:
        experiments.load(made)
    assert told in str(caught.value)


def test_sweeps_are_given_in_all_rows_of_a_curve_or_in_none(load: Load) -> None:
    first, *others = curve(more=",")
    with pytest.raises(InputError, match="row 3, column 'sweep': got nothing, and numbers in other rows of the curve"):
        load(first + "0", *others, more=",sweep")


@pytest.mark.parametrize(("scale_mV", "scale_pA", "told"), [(1e-3, 1, "they are in volts"), (1, 1e-12, "in amperes")])
def test_levels_in_volts_or_amperes_are_faults(load: Load, scale_mV: float, scale_pA: float, told: str) -> None:
    rows = [f"c1,control,pipette,{v * scale_mV:g},{5 * v * scale_pA:g}" for v in WIDE]
    with pytest.raises(InputError, match=told):
        load(*rows)


# What is measured


def test_a_curve_is_measured_as_that_of_a_recording(
    folder: Callable[..., Path], config: Callable[..., dict[str, Any]], measured: Callable[..., pd.DataFrame]
) -> None:
    here = folder()
    (here / "config").mkdir()
    (here / "config" / "config.yaml").write_text(yaml.safe_dump(config()))
    run_stages(here, "correct")
    recorded = tables.load("results/reversal_potentials.csv", tables.REVERSAL_POTENTIALS).set_index("bath")
    levels = tables.load("results/iv.csv", tables.IV)
    baths = {"a": "control", "b": "high_K"}
    rows = [
        f"c1,{baths[row['measurement']]},pipette,{row['command_mV']:.12g},{row['raw_current_pA']:.12g},{row['se_pA']:.12g}"
        for row in levels.to_dict("records")
    ]
    found = measured(*rows, more=",se_pA").set_index("bath")
    assert set(found["verdict"]) == {"reversal"}
    for column in ("raw_mV", "reversal_mV", "corrected_mV", "slope_nS", "se_mV"):
        assert found[column].tolist() == pytest.approx(recorded[column].tolist(), rel=1e-6)
    assert set(found["recording"]) == {""}
    again = tables.load("results/iv.csv", tables.IV)
    assert again["current_pA"].tolist() == pytest.approx(levels["raw_current_pA"].tolist(), rel=1e-9)


def test_series_resistance_acts_as_on_a_recording(measured: Callable[..., pd.DataFrame]) -> None:
    volts = tuple(NARROW)
    plain = curve(voltages=volts, noise_pA=0.5, more=",,")
    resistive = curve("c2", voltages=volts, noise_pA=0.5, more=",10,50")
    found = measured(*plain, *resistive, more=",series_resistance_MOhm,compensation_percent")
    assert math.isnan(found.loc["c1:control", "rs_shift_mV"])
    assert "rs_unknown" in found.loc["c1:control", "flags"]
    row = found.loc["c2:control"]
    assert abs(row["rs_shift_mV"]) < 0.05  # no current flows at the zero
    # 5 MOhm in series leave 5 / (1 - 0.025) nS of the membrane.
    assert row["slope_nS"] == pytest.approx(5 / (1 - 0.025), rel=0.01)
    assert found.loc["c1:control", "slope_nS"] == pytest.approx(5, rel=0.01)


def test_a_leak_by_a_straight_line_is_subtracted(measured: Callable[..., pd.DataFrame]) -> None:
    """Channels that open above -50 mV and reverse at +20 mV, beside a leak of 1 nS through 0 mV."""
    voltages = np.arange(-120.0, 61.0, 5.0)
    currents = 8 * (voltages - 20) / (1 + np.exp(-(voltages + 30) / 5)) + voltages
    noise = np.random.default_rng(1).normal(0.0, 0.3, len(voltages))
    rows = [f"c1,control,pipette,{v:g},{i:.3f},0.3" for v, i in zip(voltages, currents + noise, strict=True)]
    row = measured(*rows, more=",se_pA", measure={"leak": "linear"}).loc["c1:control"]
    assert row["verdict"] == "reversal"
    assert row["low_mV"] < 20.0 < row["high_mV"] < row["low_mV"] + 2.0
    # Without the leak's subtraction the zero lies at 20 * 8 / 9 mV, outside of that interval.
    assert row["raw_mV"] == pytest.approx(20 * 8 / 9, abs=0.5)
    assert row["raw_mV"] < row["low_mV"]
    assert row["leak_shift_mV"] == pytest.approx(row["reversal_mV"] - row["raw_mV"], abs=1e-9)


def test_a_curve_without_a_crossing_gives_a_limit(measured: Callable[..., pd.DataFrame]) -> None:
    row = measured(*curve(zero_mV=-140.0)).loc["c1:control"]
    assert row["verdict"] == "no_crossing"
    assert row["high_mV"] == -100.0
    assert math.isnan(row["low_mV"])


def test_repeats_that_drift_are_told(measured: Callable[..., pd.DataFrame]) -> None:
    rows = [row for sweep in range(6) for row in curve(zero_mV=-30.0 + sweep, noise_pA=1.0, seed=sweep)]
    row = measured(*rows).loc["c1:control"]
    assert tables.flags(row["flags"])["drift"] == pytest.approx(5.0, abs=0.5)
    assert tables.flags(row["flags"])["repeats"] == 6


# Errors


def test_the_error_of_a_current_is_given_or_by_repeats_or_by_scatter(measured: Callable[..., pd.DataFrame]) -> None:
    rows = [
        *curve("given", more=",7"),
        *[row for seed in range(4) for row in curve("repeats", more=",", noise_pA=4.0, seed=seed)],
        *curve("scatter", more=",", voltages=tuple(NARROW), noise_pA=4.0),
        *curve("few", more=",", voltages=(-60.0, -40.0, -20.0, 0.0)),
        *curve("few given", more=",4", voltages=(-60.0, -40.0, -20.0, 0.0)),
    ]
    found = measured(*rows, more=",se_pA")
    flags = {name: tables.flags(text).get("level_error") for name, text in found["flags"].items()}
    assert flags["given:control"] is None
    assert flags["repeats:control"] == pytest.approx(4.0, rel=0.3)
    assert flags["scatter:control"] == pytest.approx(4.0, rel=0.5)
    assert found.loc["few:control", ["verdict", "reason"]].tolist() == ["ambiguous", level_noise.NO_ERRORS]
    assert found.loc["few given:control", "verdict"] == "reversal"
    levels = tables.load("results/iv.csv", tables.IV).groupby("measurement")["se_pA"].first()
    assert levels["given:control"] == 7
    assert levels["repeats:control"] == pytest.approx(flags["repeats:control"] / 2, rel=0.02)
    assert "few:control" not in levels


def test_a_current_without_an_error_among_others_has_the_estimated_one(measured: Callable[..., pd.DataFrame]) -> None:
    rows = [row + ("," if number == 4 else ",3") for number, row in enumerate(curve())]
    flags = tables.flags(measured(*rows, more=",se_pA").loc["c1:control", "flags"])
    errors = tables.load("results/iv.csv", tables.IV)["se_pA"].tolist()
    assert errors == pytest.approx([flags["level_error"] if number == 4 else 3.0 for number in range(11)], rel=1e-3)


def test_a_current_that_runs_down_is_no_noise() -> None:
    voltages = np.tile(WIDE, 4)
    factors = np.repeat([1.0, 0.8, 0.6, 0.5], len(WIDE))
    noise = np.random.default_rng(1).normal(0.0, 2.0, len(voltages))
    assert level_noise.noise_pA(voltages, factors * 5 * (voltages + 30) + noise) == pytest.approx(2.0, rel=0.25)


@pytest.mark.parametrize("levels", [5, 6, 11, 21])
def test_the_noise_about_a_smooth_curve_has_its_size_on_average(levels: int) -> None:
    rng = np.random.default_rng(2)
    voltages = np.linspace(-100.0, 100.0, levels)
    bent = 0.002 * voltages**2 if levels > 6 else 0.0
    found = [
        spline.noise_pA(voltages, 5 * voltages + bent + rng.normal(0.0, 3.0, levels)) ** 2 / 9.0 for _ in range(400)
    ]
    # The mean of the posterior of few degrees of freedom lies above the variance, as Student's t lies outside of z.
    df = levels - (3 if levels >= 6 else 2)
    assert 0.8 < float(np.median(found)) < 1.1 * df / (df - 2)


@pytest.mark.parametrize("currents", [(0.0,) * 8, (1.0,) * 8, tuple(2.0 * v for v in range(8))])
def test_currents_without_scatter_end_in_no_fault(currents: tuple[float, ...]) -> None:
    noise_pA = level_noise.noise_pA(np.arange(8.0), np.array(currents))
    assert math.isnan(noise_pA) or noise_pA < 1e-9


def potassium_and_sodium(voltages: FloatArray) -> FloatArray:
    """GHK currents through a membrane that reverses at -37 mV, in pA."""
    return np.array([ghk_pA(v, 140.0, 5.0) + 0.2 * ghk_pA(v, 10.0, 140.0) for v in voltages])


def ghk_pA(mV: float, inside_mM: float, outside_mM: float) -> float:
    u = mV / 25.43
    return (inside_mM - outside_mM * math.exp(-u)) * (u / -math.expm1(-u) if abs(u) > 1e-9 else 1.0)


@pytest.mark.parametrize(("voltages", "repeats"), [(WIDE, 1), (NARROW, 1), (WIDE, 3), (np.arange(-60.0, 61.0, 20), 1)])
def test_intervals_by_estimated_errors_hold_the_truth(voltages: FloatArray, repeats: int) -> None:
    """95 % of 160 with four standard errors of the count to spare, and no wider than twice those by known errors."""
    zero_mV = float(ghk.reversal_mV([1.0, 0.2], [1, 1], [140.0, 10.0], [5.0, 140.0], 22.0))
    procedure = Procedure(settings.default_measure(), 22.0, Configuration.WHOLE_CELL, None, None)
    facts = Facts.of(no_facts("a"))
    rng, all_voltages = np.random.default_rng(3), np.tile(voltages, repeats)
    currents, held, widths = potassium_and_sodium(all_voltages), 0, []
    for _ in range(160):
        noisy = currents + rng.normal(0.0, 2.0, len(currents))
        half = []
        estimated = level_noise.noise_pA(all_voltages, noisy)
        for se_pA in (estimated, 2.0):
            levels = Levels(tuple(all_voltages), tuple(noisy), (se_pA,) * len(noisy))
            found = measure(levels.points("a"), facts, procedure)
            assert found.result.verdict == "reversal"
            half.append(1.96 * found.total_se_mV)
            held += abs(found.result.potential_mV - zero_mV) < half[-1] if se_pA == estimated else 0
        widths.append(half[0] / half[1])
    assert held > 0.95 * 160 - 4 * math.sqrt(160 * 0.95 * 0.05)
    assert 0.8 < float(np.median(widths)) < 2.0


def test_a_curve_that_is_a_copy_of_another_is_told(write: Callable[..., dict[str, Any]]) -> None:
    baths = [
        curve(f"c{cell}", bath, zero_mV=zero, seed=2 * cell + (zero > -30)) for cell in range(3) for bath, zero in ZEROS
    ]
    copy = [row.replace("c0,control", "c3,control") for row in baths[0]]
    write(*(row for rows in (*baths, copy) for row in rows))
    run_stages(Path(), "judge")
    found = tables.load("results/warnings.csv", tables.WARNINGS).set_index("code")
    assert (
        "c0:control (cell c0, bath control) and c3:control (cell c3, bath control) have equal levels"
        in found.loc["duplicate_recordings", "sentence"]
    )
    write(*(row for rows in baths for row in rows))
    run_stages(Path(), "judge")
    assert "duplicate_recordings" not in set(tables.load("results/warnings.csv", tables.WARNINGS)["code"])


# Commands and the report


def test_check_and_report_speak_of_curves(write: Callable[..., dict[str, Any]]) -> None:
    rows = [
        row
        for cell in range(4)
        for bath, zero_mV in ZEROS
        for row in curve(f"c{cell}", bath, zero_mV=zero_mV + cell / 2, seed=cell, voltages=tuple(NARROW))
    ]
    write(*rows)
    done = CliRunner().invoke(main, ["check", ".", "--json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["recordings"] == {"used": 8, "refused": 0, "excluded": 0}
    assert {row["levels"] for row in said["measurements"]} == {21}
    run_stages(Path())
    page = " ".join(Path("results/report.html").read_text().split())
    for sentence in (
        "data/iv.csv gives 8 I-V curves measured elsewhere in 4 cells and 2 baths",
        "Current-voltage curves of 4 cells had been measured elsewhere in the whole-cell configuration",
        "estimated from the repeats of a curve or its scatter about a smooth curve in 8 of 8.",
        "every row of the table of I-V curves gave a reversal potential",
        "there are no recordings to show",
    ):
        assert sentence in page
    assert "recorded under voltage clamp" not in page
    manifest = json.loads(Path("results/manifest.json").read_text())
    assert set(manifest["inputs"]) == {"config/config.yaml", PLACE, "data/solutions.csv"}
    ratios = tables.load("results/permeabilities.csv", tables.PERMEABILITIES)
    assert (ratios["verdict"] == "estimate").any()
