"""The table of potentials measured elsewhere: what is read of it, its faults, and what becomes of its rows."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nernstfit.contract import tables
from nernstfit.contract.errors import InputError
from nernstfit.experiment import folder as experiments
from nernstfit.experiment.records import Experiment, ExternalReversal
from nernstfit.physics.solution.coefficients import NAMES
from nernstfit.stages import correct, fit, import_reversals
from nernstfit.stages import solutions as chemistry
from nernstfit.workflow import PACKAGE, Dependencies, code

REVERSALS = "data/reversals.csv"
HEADER = "cell,bath,pipette,reversal_mV,se_mV"
GOOD = "c1,control,pipette,-40.5,0.3"
HENDERSON = {"method": "henderson", "zeroed_in": "control", "reference": {"type": "pellet"}}

Load = Callable[..., Experiment]


@pytest.fixture
def load(folder: Callable[..., Path], config: Callable[..., dict[str, Any]]) -> Load:
    """Load an experiment whose table holds these rows; `more` adds columns."""
    here = folder(recordings=None)

    def call(*rows: str, more: str = "", text: str | None = None, **changes: Any) -> Experiment:
        (here / REVERSALS).write_text("\n".join([HEADER + more, *rows]) + "\n" if text is None else text)
        return experiments.load(config({"recordings": None, "reversals": REVERSALS} | changes))

    return call


# What is read


def test_a_row_gives_its_potential_and_takes_the_rest_from_the_configuration(load: Load) -> None:
    loaded = load(GOOD, temperature_C=25)
    (row,) = loaded.rows
    assert (row.number, row.measurement, row.cell, row.bath, row.pipette) == (
        2,
        "c1:control",
        "c1",
        "control",
        "pipette",
    )
    assert row.external == ExternalReversal(-40.5, 0.3, 1)
    assert (row.recording, row.sweeps, row.exclude, row.group, row.user_columns) == ("", (), "", "", {})
    assert (row.temperature_C, row.configuration, row.zeroed_in) == (25.0, "whole-cell", "same")
    assert Dependencies(loaded).batches == []
    assert loaded.input_files == [REVERSALS, "data/solutions.csv"]


def test_a_row_goes_over_the_configuration(load: Load) -> None:
    columns = ",n,group,batch,temperature_C,configuration,zeroed_in"
    (row,) = load(f"{GOOD},12,wt,monday,30,inside-out,high_K", more=columns).rows
    assert row.external == ExternalReversal(-40.5, 0.3, 12)
    assert (row.n_cells, row.group, row.batch) == (12, "wt", "monday")
    assert dataclasses.astuple(row.condition) == ("control", "pipette", "inside-out", 30.0, "high_K")


def test_columns_of_the_users_own_and_n_are_carried_as_typed(load: Load) -> None:
    (row,) = load(f"{GOOD},007,12,seal lost,B,mean", more=",rig,n,exclude,channel,statistic").rows
    assert row.user_columns == {"rig": "007", "n": "12", "channel": "B", "statistic": "mean"}
    assert row.exclude == "seal lost"


def test_an_excluded_row_says_why_and_has_no_number(load: Load, tmp_path: Path) -> None:
    loaded = load(f"{GOOD},seal lost", "c2,control,pipette,-40,0.3,", more=",exclude", junction=HENDERSON)
    paths = {name: str(tmp_path / name) for name in ("measured", "iv", "solutions", "junctions", "reversals")}
    import_reversals.run({}, paths, loaded)
    chemistry.run({}, paths, loaded)
    correct.run(paths, paths, loaded)
    out, kept = tables.load(paths["reversals"], tables.REVERSAL_POTENTIALS).to_dict("records")
    assert (out["verdict"], out["reason"], kept["verdict"], kept["reason"]) == ("excluded", "seal lost", "reversal", "")
    numbers = [name for name in tables.REVERSAL_POTENTIALS.columns if name.endswith("_mV")]
    assert all(math.isnan(out[name]) for name in numbers)
    assert kept["reversal_mV"] == -40


@pytest.mark.parametrize(
    ("more", "values", "name"),
    [
        ("", "", "c1:control"),
        (",measurement", ",mine", "mine"),
        (",measurement", ",", "c1:control"),
        (",temperature_C", ",30", "c1:control:30"),
        (",configuration,group", ",inside-out,wt", "c1:control:wt:inside-out"),
        (",n,batch,drug", ",4,monday,none", "c1:control"),
    ],
)
def test_a_row_without_a_name_is_named_by_cell_bath_group_temperature_and_configuration(
    load: Load, more: str, values: str, name: str
) -> None:
    assert load(f"{GOOD}{values}", more=more).rows[0].measurement == name


# Faults


def faults(load: Load, *rows: str, **more: Any) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        load(*rows, **more)
    assert all("\n" not in fault for fault in caught.value.faults)
    return caught.value.faults


@pytest.mark.parametrize(
    ("rows", "more", "words"),
    [
        ([",control,pipette,-40,0.3"], "", ["row 2, column 'cell'", "got nothing"]),
        (["c1,,pipette,-40,0.3"], "", ["row 2, column 'bath'", "got nothing"]),
        (["c1,control,pipette,,0.3"], "", ["row 2, column 'reversal_mV'", "got nothing"]),
        (["c1,control,pipette,-40,"], "", ["row 2, column 'se_mV'", "got nothing"]),
        (["c1,control,pipette,-40,0"], "", ["row 2, column 'se_mV'", "got 0,", "above 0"]),
        (["c1,control,pipette,-40,-1"], "", ["row 2, column 'se_mV'", "got -1,", "above 0"]),
        (["c1,control,pipette,-1000.5,1"], "", ["row 2, column 'reversal_mV'", "got -1000.5", "from -1000 to 1000"]),
        (["c1,control,pipette,about -40,1"], "", ["row 2, column 'reversal_mV'", "'about -40'", "a number"]),
        (["c1,control,pipette,nan,1"], "", ["row 2, column 'reversal_mV'", "'nan'", "a finite number"]),
        (['c1,control,pipette,"-40,5",1'], "", ["row 2, column 'reversal_mV'", "'-40,5'", "-40.5"]),
        (["c1,contorl,pipette,-40,1"], "", ["row 2, column 'bath'", "'contorl'", "nearest is 'control'"]),
        (["c1,control,pipete,-40,1"], "", ["row 2, column 'pipette'", "'pipete'", "nearest is 'pipette'"]),
        ([f"{GOOD},contrl"], ",zeroed_in", ["row 2, column 'zeroed_in'", "'contrl'", "nearest is 'control'"]),
        ([f"{GOOD},0"], ",n", ["row 2, column 'n'", "got 0,", "a whole number of at least 1"]),
        ([f"{GOOD},2.5"], ",n", ["row 2, column 'n'", "got 2.5,", "a whole number of at least 1"]),
        ([f"{GOOD},many"], ",n", ["row 2, column 'n'", "'many'", "a number"]),
        ([f"{GOOD},295"], ",temperature_C", ["row 2, column 'temperature_C'", "295", "-5 to 60"]),
        ([f"{GOOD},perforated"], ",configuration", ["row 2, column 'configuration'", "'perforated'", "whole-cell"]),
        ([f"{GOOD},3"], ",junction_mV", ["row 1, column 'junction_mV'", "results/reversal_potentials.csv"]),
        ([f"{GOOD},3"], ",raw_mV", ["row 1, column 'raw_mV'", "another name"]),
        ([GOOD, "c2,control,pipette,1,1", GOOD], "", ["row 4", "repeats row 2; delete one of the two"]),
        (
            [GOOD, "c2,control,pipette,1,1", "c1,control,pipette,7,2"],
            "",
            ["row 4", "'c1:control' is the name of row 2 too, expected another cell"],
        ),
        ([f"{GOOD},x", "c2,control,pipette,1,1,x"], ",measurement", ["row 3, column 'measurement'", "'x'", "row 2"]),
    ],
)
def test_a_fault_of_a_row_is_one_line_with_its_place(load: Load, rows: list[str], more: str, words: list[str]) -> None:
    (fault,) = faults(load, *rows, more=more)
    assert fault.startswith(f"{REVERSALS}: ")
    assert [word for word in words if word not in fault] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["is empty"]),
        (f"{HEADER}\n", ["without rows"]),
        (f"{HEADER}\n{GOOD}\n".replace(",", "|"), ["row 1", "vertical bars", "commas"]),
        (
            "cell,bath,pipette,reversal_mV\nc1,control,pipette,1\n",
            ["row 1", "column 'se_mV' is missing", "cell, bath, pipette"],
        ),
    ],
)
def test_a_fault_of_the_whole_table_is_one_line(load: Load, text: str, words: list[str]) -> None:
    (fault,) = faults(load, text=text)
    assert fault.startswith(f"{REVERSALS}: ")
    assert [word for word in words if word not in fault] == []


def test_a_table_that_is_not_there_is_a_fault(
    folder: Callable[..., Path], config: Callable[..., dict[str, Any]]
) -> None:
    folder(recordings=None)
    with pytest.raises(InputError, match=r"data/reversals\.csv: file not found"):
        experiments.load(config({"recordings": None, "reversals": REVERSALS}))


def test_how_recordings_are_measured_asks_nothing_of_this_table(load: Load) -> None:
    assert load(GOOD, measure={"leak": "background"}).rows[0].measurement == "c1:control"


def test_every_fault_is_told_at_once(load: Load) -> None:
    found = faults(load, ",control,,,0,0", "c1,nowhere,pipette,x,1,1", "c1,control,pipette,1,1,1", more=",n")
    places = [fault.split(": ")[1] for fault in found]
    assert sorted(places) == sorted(
        [
            "row 2, column 'cell'",
            "row 2, column 'reversal_mV'",
            "row 2, column 'se_mV'",
            "row 2, column 'n'",
            "row 3, column 'bath'",
            "row 3, column 'reversal_mV'",
        ]
    )


def test_an_unknown_inside_is_no_fault_where_its_junction_is_the_same_in_every_bath(load: Load) -> None:
    assert load("c1,control,,-40,0.3").rows[0].condition.pipette == ""
    junction = HENDERSON | {"zeroed_in": "control"}
    assert load("c1,high_K,,-40,0.3", junction=junction).rows[0].condition.pipette == ""
    (fault,) = faults(load, "c1,high_K,,-40,0.3,same", more=",zeroed_in", junction=junction)
    assert "row 2, column 'pipette': got nothing" in fault
    assert "zeroed anew in each bath" in fault


def test_a_pellet_needs_chloride_here_too(load: Load) -> None:
    (fault,) = faults(load, GOOD, junction=HENDERSON | {"zeroed_in": "control"}, **no_chloride())
    assert "solution 'control': contains no chloride" in fault


def no_chloride() -> dict[str, Any]:
    Path("data/solutions.csv").write_text("solution,K-gluconate,NaCl\ncontrol,140,\nhigh_K,140,1\npipette,140,1\n")
    return {}


# What each stage reads


def digest(loaded: Experiment, stage: str) -> str:
    return Dependencies(loaded).fingerprint(stage)


STAGES = ("import_reversals", "solutions", "correct", "thermodynamics", "fit", "published_forms", "report")


@pytest.mark.parametrize(
    ("values", "changed"),
    [
        ("-40.5,0.3,1,,,,,x", set()),
        ("-40.6,0.3,1,,,,,x", {"import_reversals"}),
        ("-40.5,0.4,1,,,,,x", {"import_reversals"}),
        ("-40.5,0.3,2,,,,,x", {"import_reversals", "correct", "fit"}),
        ("-40.5,0.3,1,wt,,,,x", {"correct"}),
        ("-40.5,0.3,1,,30,,,x", {"solutions", "correct", "thermodynamics", "fit"}),
        ("-40.5,0.3,1,,,inside-out,,x", {"solutions", "correct", "thermodynamics", "fit", "report"}),
        ("-40.5,0.3,1,,,,high_K,x", {"solutions", "correct", "thermodynamics", "fit"}),
        ("-40.5,0.3,1,,,,,y", {"correct"}),
    ],
)
def test_a_stage_reads_its_own_columns_only(load: Load, values: str, changed: set[str]) -> None:
    more = ",n,group,temperature_C,configuration,zeroed_in,drug,measurement"
    before = load("c1,control,pipette,-40.5,0.3,1,,,,,x,m", more=more)
    after = load(f"c1,control,pipette,{values},m", more=more)
    assert {stage for stage in STAGES if digest(before, stage) != digest(after, stage)} == changed


def test_the_order_of_rows_is_read_by_nobody(load: Load) -> None:
    rows = [GOOD, "c2,control,pipette,1,1", "c2,high_K,pipette,2,1"]
    assert [digest(load(*rows), s) for s in STAGES] == [digest(load(*rows[::-1]), s) for s in STAGES]


def test_adopting_needs_no_code_that_measures() -> None:
    found = {Path(name).relative_to(PACKAGE).as_posix() for name in code("import_reversals")}
    assert {
        "stages/import_reversals.py",
        "experiment/records.py",
        "contract/tables.py",
        "contract/terms.py",
        "contract/settings.py",
    } <= found
    assert not [name for name in found if name.startswith(("abf/", "permeability/", "stages/measure", "stages/ingest"))]


# What becomes of the rows


@pytest.fixture
def table(load: Load, tmp_path: Path) -> Callable[..., pd.DataFrame]:
    """The table of reversal potentials that the stages make of some rows."""

    def make(*rows: str, **more: Any) -> pd.DataFrame:
        loaded = load(*rows, **more)
        paths = {name: str(tmp_path / name) for name in ("measured", "iv", "solutions", "junctions", "reversals")}
        paths[fit.REPORT] = str(tmp_path / "fit_report.txt")
        import_reversals.run({}, paths, loaded)
        chemistry.run({}, paths, loaded)
        correct.run(paths, paths, loaded)
        assert Path(paths["iv"]).read_text() == ",".join(tables.IV.columns) + "\n"
        return tables.load(paths["reversals"], tables.REVERSAL_POTENTIALS)

    return make


def test_a_given_potential_is_a_reversal_with_no_correction_on_the_command(table: Callable[..., pd.DataFrame]) -> None:
    (row,) = table(f"{GOOD},7", more=",rig").to_dict("records")
    assert (row["measurement"], row["verdict"], row["reason"], row["flags"]) == ("c1:control", "reversal", "", "")
    assert (row["raw_mV"], row["reversal_mV"], row["corrected_mV"], row["se_mV"]) == (-40.5, -40.5, -40.5, 0.3)
    assert row["low_mV"] == pytest.approx(-40.5 - 1.959964 * 0.3)
    assert row["high_mV"] == pytest.approx(-40.5 + 1.959964 * 0.3)
    assert all(math.isnan(row[name]) for name in ("leak_shift_mV", "rs_shift_mV", "junction_mV", "slope_nS"))
    assert (row["recording"], row["epoch"], row["sweeps"], row["rig"]) == ("", "", "", "7")


def test_junctions_and_signs_are_those_of_measured_rows(table: Callable[..., pd.DataFrame]) -> None:
    rows = ["c1,high_K,pipette,10,0.3,whole-cell,same", "c1,high_K,pipette,10,0.3,inside-out,control"]
    found = table(*rows, more=",configuration,zeroed_in", junction=HENDERSON).set_index("configuration")
    for name, sign in (("whole-cell", 1), ("inside-out", -1)):
        row = found.loc[name]
        assert row["junction_mV"] != 0
        assert row["corrected_mV"] == pytest.approx(sign * row["reversal_mV"] + row["junction_mV"], abs=1e-9)
        assert row["low_mV"] < row["corrected_mV"] < row["high_mV"]


def test_one_bath_after_two_zeros_has_the_terms_of_both(table: Callable[..., pd.DataFrame]) -> None:
    rows = ["c1,high_K,pipette,10,0.3,same", "c2,high_K,pipette,10,0.3,control"]
    found = table(*rows, more=",zeroed_in", junction=HENDERSON)
    ledger = tables.load("junctions", tables.JUNCTIONS)
    assert set(ledger["zeroed_in"]) == {"same", "control"}
    applied = ledger.groupby("zeroed_in")["applied_mV"].sum()
    assert found["junction_mV"].tolist() == pytest.approx([applied["same"], applied["control"]], abs=1e-9)


def test_a_junction_without_an_amount_is_never_taken_for_none(load: Load, tmp_path: Path) -> None:
    loaded = load(GOOD, junction=HENDERSON)
    paths = {name: str(tmp_path / name) for name in ("measured", "iv", "solutions", "junctions", "reversals")}
    import_reversals.run({}, paths, loaded)
    chemistry.run({}, paths, loaded)
    ledger = tables.load(paths["junctions"], tables.JUNCTIONS)
    tables.write(paths["junctions"], tables.JUNCTIONS, ledger.assign(applied_mV=math.nan))
    with pytest.raises(ValueError, match="terms without an amount"):
        correct.run(paths, paths, loaded)


# What the fit says of them

SWEET = """solution,NaCl,KCl,CaCl2,NMDG-gluconate
control,140,5,,
high_K,5,140,,
pipette,10,130,,
sweet,,,,140
calcium,,,110,
"""


@pytest.fixture
def fitted(load: Load, tmp_path: Path) -> Callable[..., pd.DataFrame]:
    """Fit rows of potentials and return the ratios of the configured model by ion."""

    def call(*rows: str, solutions: str, **changes: Any) -> pd.DataFrame:
        (tmp_path / "data/solutions.csv").write_text(solutions)
        loaded = load(*rows, more=",measurement", **changes)
        paths = {name: str(tmp_path / f"{name}.csv") for name in ("measured", "iv", "solutions", "junctions")}
        paths |= {"reversals": str(tmp_path / "r.csv")} | {name: str(tmp_path / f"{name}.csv") for name in fit.TABLES}
        paths[fit.REPORT] = str(tmp_path / "fit_report.txt")
        import_reversals.run({}, paths, loaded)
        chemistry.run({}, paths, loaded)
        correct.run(paths, paths, loaded)
        fit.run(paths, paths, loaded)
        ratios = tables.load(paths["permeabilities"], tables.PERMEABILITIES)
        return ratios[ratios["model"] == ratios["model"].iloc[0]].set_index("ion")

    return call


def test_potentials_that_no_model_predicts_are_left_out_by_name(fitted: Callable[..., pd.DataFrame]) -> None:
    rows = [f"c{i},{bath},pipette,{mV},0.3,{i}{bath}" for i in "123" for bath, mV in (("control", -55), ("high_K", 1))]
    kept = fitted(*rows, solutions=SWEET)
    lost = fitted(*rows, "c1,sweet,pipette,-90,0.3,one", "c2,sweet,pipette,-91,0.3,two", solutions=SWEET)
    assert kept.loc["Na", "reason"] == ""
    assert lost.loc["Na", "reason"] == (
        "2 of 8 measurements have no reversal potential with these ions and are left out (bath sweet: one, two)"
    )
    assert lost.loc["Na", "verdict"] == "estimate"
    assert lost.loc["Na", ["ratio", "low", "high"]].tolist() == kept.loc["Na", ["ratio", "low", "high"]].tolist()


@pytest.mark.parametrize(("model", "what"), [("davies", "activities"), ("concentration", "concentrations")])
def test_a_ratio_with_a_divalent_ion_says_of_which_form_it_is(
    fitted: Callable[..., pd.DataFrame], model: str, what: str
) -> None:
    rows = [f"c{i},{bath},pipette,{mV},0.3,{i}{bath}" for i in "123" for bath, mV in (("control", -55), ("calcium", 9))]
    found = fitted(
        *rows, solutions=SWEET, activity={"model": model}, fit={"reference_ion": "K", "permeant": ["K", "Na", "Ca"]}
    )
    assert set(found["reason"]) == {f"GHK current equation with z^2 and {what}"}


def test_two_electrode_clamp_adds_the_change_at_the_reference_alone(table: Callable[..., pd.DataFrame]) -> None:
    rows = [
        f"c1,{bath},pipette,10,0.3,{where}"
        for where in ("whole-cell", "two-electrode")
        for bath in ("control", "high_K")
    ]
    found = table(*rows, more=",configuration", junction=HENDERSON).set_index(["configuration", "bath"])["junction_mV"]
    change = found["whole-cell", "high_K"] - found["whole-cell", "control"]
    assert found["two-electrode", "control"] == 0
    assert found["two-electrode", "high_K"] == pytest.approx(change, abs=1e-9)


def test_the_ledger_shows_both_methods_and_an_error(table: Callable[..., pd.DataFrame], tmp_path: Path) -> None:
    shown = {}
    for method in ("henderson", "nernst-planck"):
        table(GOOD, junction=HENDERSON | {"method": method, "zeroed_in": "same"})
        (shown[method],) = tables.load(tmp_path / "junctions", tables.JUNCTIONS).to_dict("records")
    for name in ("henderson_mV", "nernst_planck_mV"):
        assert shown["henderson"][name] == shown["nernst-planck"][name]
    assert shown["henderson"]["applied_mV"] == -shown["henderson"]["henderson_mV"]
    assert shown["nernst-planck"]["applied_mV"] == -shown["henderson"]["nernst_planck_mV"]
    assert shown["henderson"]["applied_mV"] != shown["nernst-planck"]["applied_mV"]
    assert 0 < shown["henderson"]["shared_se_mV"] < 1


BI_IONIC = "solution,NaCl,CaCl2,NMDG-gluconate\ninside,150,,\ncalcium,,110,\nsweet,,,100\n"


def test_where_a_divalent_passes_every_convention_is_fitted(
    fitted: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    """Na 150 inside, CaCl2 110 outside, 0 mV: what P_Ca/P_Na is, the convention decides."""
    rows = [f"c{i},calcium,inside,{mV},0.3,{i}" for i, mV in enumerate((-0.1, 0.0, 0.1))]
    chosen = {"temperature_C": 25, "fit": {"reference_ion": "Na", "permeant": ["Ca", "Na"]}}
    own = fitted(*rows, solutions=BI_IONIC, **chosen)
    assert own.loc["Ca", "model"] == "ghk:pitzer:macinnes"
    table = tables.load(tmp_path / "permeabilities.csv", tables.PERMEABILITIES).set_index("model")["ratio"]
    expected = {"concentration": 0.68, "pitzer:guggenheim": 1.95, "pitzer:macinnes": 1.78, "pitzer:raw": 2.29}
    for name, ratio in (expected | {"davies": 1.80}).items():
        assert table[f"ghk:{name}"] == pytest.approx(ratio, abs=0.01)
    solutions = tables.load(tmp_path / "solutions.csv", tables.SOLUTIONS).set_index(["solution", "ion"])
    assert solutions["status"].to_dict() == {
        ("calcium", "Ca"): "sourced",
        ("calcium", "Cl"): "sourced",
        ("inside", "Cl"): "sourced",
        ("inside", "Na"): "sourced",
        ("sweet", "NMDG"): "analogue:NH4",
        ("sweet", "gluconate"): "analogue:Cl",
    }
    found = solutions["activity_coefficient"] * solutions["concentration_mM"]
    pd.testing.assert_series_equal(solutions["activity_mM"], found, check_names=False, rtol=1e-9)


def test_monovalent_ions_are_fitted_in_the_convention_chosen(
    fitted: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    rows = [f"c{i},{bath},pipette,{mV},0.3,{i}{bath}" for i in "123" for bath, mV in (("control", -55), ("high_K", 1))]
    fitted(*rows, solutions=SWEET, activity={"convention": "raw"})
    models = tables.load(tmp_path / "models.csv", tables.MODELS)
    assert list(models["model"])[:2] == ["ghk:pitzer:raw", "ghk:concentration"]
    assert set(models["model"][:6]) == {f"ghk:{name}" for name in NAMES}
