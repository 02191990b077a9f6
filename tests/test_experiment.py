"""An experiment folder: what it holds, and every fault that stops a run before the first job."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nernstfit.contract.errors import InputError
from nernstfit.experiment import folder as experiments
from nernstfit.experiment.records import Experiment
from nernstfit.workflow import PACKAGE, Dependencies, batch, code

Config = Callable[..., dict[str, Any]]
Folder = Callable[..., Path]

HEADER = "recording,cell,bath,pipette"
GOOD = "data/a.abf,c1,control,pipette"
SOLUTIONS = "data/solutions.csv"
RECORDINGS = "data/recordings.csv"


def table(*rows: str, more: str = "") -> str:
    return "\n".join([HEADER + more, *rows]) + "\n"


def faults(config: dict[str, Any]) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        experiments.load(config)
    assert all("\n" not in fault for fault in caught.value.faults)
    return caught.value.faults


# What is read


def test_rows_carry_the_configuration(folder: Folder, config: Config) -> None:
    folder()
    loaded = experiments.load(config({"temperature_C": 25, "measure.statistic": "median"}))
    first, second = loaded.rows
    assert (first.number, first.measurement, first.recording) == (2, "a", "data/a.abf")
    assert (first.cell, first.bath, first.pipette, first.group) == ("c1", "control", "pipette", "")
    assert (first.temperature_C, first.configuration, first.zeroed_in) == (25.0, "whole-cell", "same")
    assert first.measure.statistic == "median"
    assert (first.series_resistance_MOhm, first.compensation_percent, first.sweeps) == (None, None, ())
    assert (second.number, second.measurement) == (3, "b")
    assert loaded.input_files == [RECORDINGS, SOLUTIONS]


def test_a_row_goes_over_the_configuration(folder: Folder, config: Config) -> None:
    columns = ",temperature_C,configuration,series_resistance_MOhm,compensation_percent,group,epoch,zeroed_in,exclude"
    folder(table(f"{GOOD},30,inside-out,8.5,70,g1,B,high_K,seal lost", more=columns))
    (row,) = experiments.load(config()).rows
    assert (row.temperature_C, row.configuration, row.zeroed_in) == (30.0, "inside-out", "high_K")
    assert (row.series_resistance_MOhm, row.compensation_percent) == (8.5, 70.0)
    assert (row.group, row.measure.epoch, row.exclude) == ("g1", "B", "seal lost")
    assert dataclasses.astuple(row.condition) == ("control", "pipette", "inside-out", 30.0, "high_K")


@pytest.mark.parametrize(
    ("more", "values", "name"),
    [
        ("", "", "a"),
        (",epoch", ",B", "a:B"),
        (",epoch", ",", "a"),
        (",sweeps,statistic,channel,epoch", ',"0-2,4",median,IN 0,B', "a:B:IN 0:median:0-2,4"),
        (",measurement,epoch", ",mine,B", "mine"),
        (",measurement,epoch", ",,B", "a:B"),
        (",group", ",g1", "a"),
    ],
)
def test_a_row_without_a_name_is_named_by_file_epoch_channel_statistic_and_sweeps(
    folder: Folder, config: Config, more: str, values: str, name: str
) -> None:
    folder(table(f"{GOOD}{values}", more=more))
    assert experiments.load(config()).rows[0].measurement == name


@pytest.mark.parametrize(
    ("text", "sweeps"),
    [
        ("", ()),
        ("3", (3,)),
        ("0-2,4", (0, 1, 2, 4)),
        (" 1 , 0 ", (1, 0)),
        ("2-2", (2,)),
        ("0-3,2-5", (0, 1, 2, 3, 4, 5)),
    ],
)
def test_sweeps(folder: Folder, config: Config, text: str, sweeps: tuple[int, ...]) -> None:
    folder(table(f'{GOOD},"{text}"', more=",sweeps"))
    assert experiments.load(config()).rows[0].sweeps == sweeps


def test_columns_of_the_users_own_are_carried_as_typed(folder: Folder, config: Config) -> None:
    folder(table(f"{GOOD},007,NA", more=",rig,drug"))
    assert experiments.load(config()).rows[0].user_columns == {"rig": "007", "drug": "NA"}


def test_rows_fall_into_batches_in_their_order(folder: Folder, config: Config) -> None:
    folder(table(*(f"{GOOD},m{i}" for i in range(5)), more=",measurement"))
    loaded = experiments.load(config({"recordings_per_job": 2}))
    batches = Dependencies(loaded).batches
    names = [[row.measurement for row in batch(loaded, name).rows] for name in batches]
    assert names == [["m0", "m1"], ["m2", "m3"], ["m4"]]
    assert len(set(batches)) == 3


def test_a_batch_opens_each_recording_once(folder: Folder, config: Config) -> None:
    folder(table(f"{GOOD},m1", f"{GOOD},m2", "data/b.abf,c1,high_K,pipette,m3", more=",measurement"))
    dependencies = Dependencies(experiments.load(config()))

    class Wildcards:
        batch = dependencies.batches[0]

    assert dependencies.recordings(Wildcards) == ["data/a.abf", "data/b.abf"]


# Faults: one line each, with file, row, column, what was got and what was expected


@pytest.mark.parametrize(
    ("recordings", "solutions", "expected"),
    [
        pytest.param(None, ..., [(RECORDINGS, "file not found")], id="no table of recordings"),
        pytest.param(..., None, [(SOLUTIONS, "file not found")], id="no table of solutions"),
        pytest.param("", ..., [(RECORDINGS, "is empty")], id="empty table of recordings"),
        pytest.param(f"{HEADER}\n", ..., [(RECORDINGS, "without rows")], id="header only"),
        pytest.param(
            ...,
            "solution;NaCl;KCl\ncontrol;140,5;5.5\n",
            [(SOLUTIONS, "row 2", "'KCl'", "decimal point")],
            id="decimal commas and points in solutions",
        ),
        pytest.param(
            table(GOOD).replace(",pipette", ""),
            ...,
            [(RECORDINGS, "row 1", "'pipette'", "recording, cell, bath")],
            id="missing column",
        ),
        pytest.param(
            ...,
            "name,NaCl\ncontrol,140\n",
            [(SOLUTIONS, "row 1", "'solution'", "name, NaCl")],
            id="no names of solutions",
        ),
        pytest.param(
            ...,
            "solution,Nacl2,KCl\ncontrol,140,5\nhigh_K,5,140\npipette,10,140\n",
            [(SOLUTIONS, "row 1", "column 'Nacl2'", "nearest known is 'NaCl'")],
            id="unknown component",
        ),
        pytest.param(
            ...,
            "solution,NaCl,KCl\ncontrol,-140,5\nhigh_K,5,140\npipette,10,140\n",
            [(SOLUTIONS, "row 2", "column 'NaCl'", "got -140", "from 0 to")],
            id="negative concentration",
        ),
        pytest.param(
            ...,
            "solution,NaCl,KCl\ncontrol,140,5\nhigh_K,five,140\npipette,10,140\n",
            [(SOLUTIONS, "row 3", "column 'NaCl'", "got 'five'", "a number")],
            id="text in a number",
        ),
        pytest.param(
            ...,
            'solution,NaCl,KCl\ncontrol,140,5\nhigh_K,"5,5",140\npipette,10,140\n',
            [(SOLUTIONS, "row 3", "column 'NaCl'", "got '5,5'", "5.5")],
            id="decimal comma",
        ),
        pytest.param(
            ...,
            "solution,NaCl,KCl\ncontrol,140,5\nhigh_K,5,140\npipette,10,140\ncontrol,1,1\n",
            [(SOLUTIONS, "row 5", "column 'solution'", "'control'", "row 2")],
            id="two solutions of one name",
        ),
        pytest.param(
            table("data/a.abf,c1,contorl,pipette"),
            ...,
            [(RECORDINGS, "row 2", "column 'bath'", "'contorl'", "nearest is 'control'")],
            id="unknown bath",
        ),
        pytest.param(
            table("data/a.abf,c1,control,pipete"),
            ...,
            [(RECORDINGS, "row 2", "column 'pipette'", "'pipete'", "nearest is 'pipette'")],
            id="unknown pipette",
        ),
        pytest.param(
            table(f"{GOOD},contro", more=",zeroed_in"),
            ...,
            [(RECORDINGS, "row 2", "column 'zeroed_in'", "'contro'", "nearest is 'control'")],
            id="unknown zeroed_in",
        ),
        pytest.param(
            table(f"{GOOD},sme", more=",zeroed_in"),
            ...,
            [(RECORDINGS, "row 2", "column 'zeroed_in'", "'sme'", "nearest is 'same'")],
            id="misspelt same",
        ),
        pytest.param(
            table("data/c.abf,c1,control,pipette"),
            ...,
            [(RECORDINGS, "row 2", "column 'recording'", "'data/c.abf'", "file not found", "nearest is 'data/")],
            id="path that does not exist",
        ),
        pytest.param(
            table("/data/a.abf,c1,control,pipette"),
            ...,
            [(RECORDINGS, "row 2", "column 'recording'", "'/data/a.abf'", "within the experiment folder")],
            id="absolute path",
        ),
        pytest.param(
            table("C:\\data\\a.abf,c1,control,pipette"),
            ...,
            [(RECORDINGS, "row 2", "column 'recording'", "within the experiment folder")],
            id="absolute path of another system",
        ),
        pytest.param(
            table("data/../../a.abf,c1,control,pipette"),
            ...,
            [(RECORDINGS, "row 2", "column 'recording'", "within the experiment folder")],
            id="path that leaves the folder",
        ),
        pytest.param(
            table("data/{a}.abf,c1,control,pipette"),
            ...,
            [(RECORDINGS, "row 2", "column 'recording'", "'data/{a}.abf'", "braces")],
            id="braces",
        ),
        pytest.param(
            table("data,c1,control,pipette"),
            ...,
            [(RECORDINGS, "row 2", "column 'recording'", "'data'", "is a folder")],
            id="folder",
        ),
        pytest.param(
            table("data/a.abf,,control,pipette"),
            ...,
            [(RECORDINGS, "row 2", "column 'cell'", "got nothing")],
            id="no cell",
        ),
        pytest.param(
            table(GOOD, "data/b.abf,c1,control,pipette", GOOD),
            ...,
            [(RECORDINGS, "row 4: repeats row 2; delete one of the two")],
            id="two rows of one name",
        ),
        pytest.param(
            table(f"{GOOD},x", "data/b.abf,c2,control,pipette,x", more=",measurement"),
            ...,
            [(RECORDINGS, "row 3", "'x'", "row 2")],
            id="two rows of one given name",
        ),
        pytest.param(
            table(f"{GOOD},0-", more=",sweeps"),
            ...,
            [(RECORDINGS, "row 2", "column 'sweeps'", "'0-'", "0-12,15")],
            id="open range of sweeps",
        ),
        pytest.param(
            table(f"{GOOD},5-3", more=",sweeps"),
            ...,
            [(RECORDINGS, "row 2", "column 'sweeps'", "'5-3'")],
            id="falling range of sweeps",
        ),
        pytest.param(
            table(f"{GOOD},first", more=",sweeps"),
            ...,
            [(RECORDINGS, "row 2", "column 'sweeps'", "'first'")],
            id="text for sweeps",
        ),
        pytest.param(
            table(f"{GOOD},-1", more=",sweeps"), ..., [(RECORDINGS, "row 2", "column 'sweeps'", "'-1'")], id="sweep -1"
        ),
        pytest.param(
            table(f"{GOOD},perforated", more=",configuration"),
            ...,
            [(RECORDINGS, "row 2", "column 'configuration'", "'perforated'", "whole-cell")],
            id="unknown configuration",
        ),
        pytest.param(
            table(f"{GOOD},warm", more=",temperature_C"),
            ...,
            [(RECORDINGS, "row 2", "column 'temperature_C'", "'warm'", "a number")],
            id="text for temperature",
        ),
        pytest.param(
            table(f"{GOOD},295", more=",temperature_C"),
            ...,
            [(RECORDINGS, "row 2", "column 'temperature_C'", "295", "-5 to 60")],
            id="kelvin",
        ),
        pytest.param(
            table(f"{GOOD},170", more=",compensation_percent"),
            ...,
            [(RECORDINGS, "row 2", "column 'compensation_percent'", "170", "0 to 100")],
            id="compensation over 100 %",
        ),
        pytest.param(
            table(f"{GOOD},-3", more=",series_resistance_MOhm"),
            ...,
            [(RECORDINGS, "row 2", "column 'series_resistance_MOhm'", "-3", "from 0 to")],
            id="negative resistance",
        ),
        pytest.param(
            table(f"{GOOD},data/b.abf", more=",subtract"),
            ...,
            [(RECORDINGS, "row 2", "column 'subtract'", "'data/b.abf'", "leak is 'none'", "'background'")],
            id="a background that is not asked for",
        ),
        pytest.param(
            table(f"{GOOD},background", more=",leak"),
            ...,
            [(RECORDINGS, "row 2", "column 'subtract'", "got nothing", "'background'")],
            id="a background that is not there",
        ),
        pytest.param(
            table(f"{GOOD},background,data/a.abf", more=",leak,subtract"),
            ...,
            [(RECORDINGS, "row 2", "column 'subtract'", "'data/a.abf'", "itself")],
            id="a recording as its own background",
        ),
        pytest.param(
            table(f"{GOOD},background,data/none.abf", more=",leak,subtract"),
            ...,
            [(RECORDINGS, "row 2", "column 'subtract'", "'data/none.abf'", "file not found")],
            id="the path of a background",
        ),
        pytest.param(
            table(f"{GOOD},peek", more=",statistic"),
            ...,
            [(RECORDINGS, "row 2", "column 'statistic'", "'peek'", "peak")],
            id="unknown statistic",
        ),
        pytest.param(
            table(f"{GOOD},9", more=",from_ms"),
            ...,
            [(RECORDINGS, "row 2", "column 'to_ms'", "together")],
            id="half a window",
        ),
        pytest.param(
            table(f"{GOOD},1", more=",verdict"),
            ...,
            [(RECORDINGS, "row 1", "column 'verdict'", "results/reversal_potentials.csv")],
            id="own column that is a results column",
        ),
        pytest.param(
            table(f"{GOOD},1", more=",reversal_mV"),
            ...,
            [(RECORDINGS, "row 1", "column 'reversal_mV'", "another name")],
            id="own column that is a number of the results",
        ),
        pytest.param(
            table(f"{GOOD},1", more=",bath"),
            ...,
            [(RECORDINGS, "row 1", "column 'bath'", "2 times")],
            id="column twice",
        ),
    ],
)
def test_a_fault_of_the_tables_is_one_line_with_its_place(
    folder: Folder, config: Config, recordings: Any, solutions: Any, expected: list[tuple[str, ...]]
) -> None:
    given = {k: v for k, v in (("recordings", recordings), ("solutions", solutions)) if v is not ...}
    folder(**given)
    found = faults(config())
    assert len(found) == len(expected), found
    for fault, words in zip(found, expected, strict=True):
        assert fault.startswith(words[0])
        assert [word for word in words if word not in fault] == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fit.permeant": ["K", "Nax"]}, ("'fit.permeant'", "'Nax'", "nearest is 'Na'")),
        (
            {"junction": {"method": "henderson", "zeroed_in": "contrl", "reference": {"type": "none"}}},
            ("'junction.zeroed_in'", "'contrl'", "nearest is 'control'"),
        ),
        (
            {
                "junction": {
                    "method": "henderson",
                    "zeroed_in": "control",
                    "reference": {"type": "salt-bridge", "solution": "bridge"},
                }
            },
            ("'junction.reference.solution'", "'bridge'", "data/solutions.csv"),
        ),
        ({"junction.measured_mV": {"hihg_K": 3.0}}, ("'junction.measured_mV'", "'hihg_K'", "nearest is 'high_K'")),
        ({"solutoins": "x"}, ("'solutoins'", "'solutions'")),
    ],
)
def test_a_fault_of_the_configuration_is_one_line_with_its_key(
    folder: Folder, config: Config, changes: dict[str, Any], words: tuple[str, ...]
) -> None:
    folder()
    (fault,) = faults(config(changes))
    assert fault.startswith("config/config.yaml: ")
    assert [word for word in words if word not in fault] == []


def test_a_pellet_needs_chloride_in_every_bath(folder: Folder, config: Config) -> None:
    folder(solutions="solution,NaCl,KCl,K-gluconate\ncontrol,140,5,\nhigh_K,,,145\npipette,10,140,\n")
    pellet = {"method": "henderson", "zeroed_in": "control", "reference": {"type": "pellet"}}
    (fault,) = faults(config({"junction": pellet}))
    assert "data/solutions.csv: solution 'high_K'" in fault
    assert "chloride" in fault


def test_every_fault_of_all_tables_and_the_configuration_is_reported_at_once(folder: Folder, config: Config) -> None:
    folder(
        recordings=table(
            "data/x.abf,c1,contorl,pipette,warm",
            "/a.abf,,control,pipette,22",
            "data/a.abf,c1,control,pipette,22",
            "data/a.abf,c1,control,pipette,22",
            more=",temperature_C",
        ),
        solutions="solution,Nacl2,NaCl\ncontrol,1,-140\nhigh_K,1,5\npipette,1,many\npipette,1,1\n",
    )
    found = faults(config({"fit.permeant": ["K", "Nax"]}))
    expected = [
        "solutions.csv: row 1, column 'Nacl2'",
        "solutions.csv: row 2, column 'NaCl'",
        "solutions.csv: row 4, column 'NaCl'",
        "solutions.csv: row 5, column 'solution'",
        "recordings.csv: row 2, column 'temperature_C'",
        "recordings.csv: row 2, column 'recording'",
        "recordings.csv: row 2, column 'bath'",
        "recordings.csv: row 3, column 'cell'",
        "recordings.csv: row 3, column 'recording'",
        "recordings.csv: row 4: 'a' is the name of row 3 too",
        "recordings.csv: row 5: repeats row 4",
        "config.yaml: key 'fit.permeant'",
    ]
    for words in expected:
        assert sum(words in fault for fault in found) == 1, words
    assert len(found) == len(expected)


def test_names_that_repeat_are_found_although_their_rows_have_other_faults(folder: Folder, config: Config) -> None:
    folder(table("data/a.abf,c1,contorl,pipette", GOOD))
    assert sum("'a'" in fault and "row 3" in fault and "row 2" in fault for fault in faults(config())) == 1


# What is read by whom


def fingerprints(loaded: Experiment) -> dict[str, str]:
    return {stage: Dependencies(loaded).fingerprint(stage) for stage in STAGES}


STAGES = {"ingest", "measure", "solutions", "correct", "thermodynamics", "fit", "published_forms", "judge", "report"}


@pytest.mark.parametrize(
    ("changes", "more", "value", "stages"),
    [
        ({}, "", "", set()),
        ({}, ",capacitance_pF", ",12", {"measure"}),
        ({}, ",sweeps", ",0-9", {"ingest", "correct"}),
        ({}, ",exclude", ",dead", {"judge", "ingest"}),
        ({}, ",series_resistance_MOhm", ",8", {"measure", "report"}),
        ({}, ",compensation_percent", ",70", {"measure", "report"}),
        ({}, ",statistic", ",median", {"ingest", "measure", "report"}),
        ({}, ",max_interval_mV", ",5", {"measure"}),
        ({}, ",temperature_C", ",30", {"judge", "measure", "solutions", "correct", "thermodynamics", "fit"}),
        ({}, ",zeroed_in", ",high_K", {"judge", "solutions", "correct", "thermodynamics", "fit"}),
        (
            {},
            ",configuration",
            ",inside-out",
            {"judge", "measure", "solutions", "correct", "thermodynamics", "fit", "report"},
        ),
        ({"measure.leak": "linear"}, "", "", {"judge", "ingest", "measure", "report"}),
        ({}, ",group", ",g1", {"judge", "measure", "correct"}),
        ({}, ",rig", ",7", {"judge", "correct"}),
        ({}, ",time_s", ",60", {"correct"}),
        ({"activity.model": "concentration"}, "", "", {"judge", "solutions", "thermodynamics", "fit", "report"}),
        ({"fit.permeant": ["K", "Na", "Cl"]}, "", "", {"judge", "thermodynamics", "fit", "published_forms", "report"}),
        ({"junction.already_corrected_mV": 3}, "", "", {"judge", "solutions", "fit", "report"}),
        ({"fit.confidence": 0.9}, "", "", {"judge", "fit", "published_forms", "report"}),
        ({"uncertainty.temperature_C": 2}, "", "", {"judge", "solutions", "fit", "report"}),
        ({"recordings_per_job": 7}, "", "", {"judge", "report"}),
        ({"measure.min_span_mV": 5}, "", "", {"judge", "measure", "report"}),
    ],
)
def test_a_fingerprint_changes_with_what_its_stage_reads_and_with_nothing_else(
    folder: Folder, config: Config, changes: dict[str, Any], more: str, value: str, stages: set[str]
) -> None:
    folder(table(f"{GOOD}{',' * more.count(',')},m", more=f"{more},measurement"))
    before = fingerprints(experiments.load(config()))
    folder(table(f"{GOOD}{value},m", more=f"{more},measurement"))
    after = fingerprints(experiments.load(config(changes)))
    changed = {stage for stage in STAGES if before[stage] != after[stage]}
    assert changed == stages


def test_fingerprints_do_not_depend_on_the_order_of_the_rows(folder: Folder, config: Config) -> None:
    rows = [GOOD, "data/b.abf,c1,high_K,pipette"]
    folder(table(*rows))
    before = fingerprints(experiments.load(config()))
    folder(table(*reversed(rows)))
    assert fingerprints(experiments.load(config())) == before


def test_a_batch_does_not_see_a_change_in_another(folder: Folder, config: Config) -> None:
    folder(table(f"{GOOD},m0,", f"{GOOD},m1,", more=",measurement,sweeps"))
    first = experiments.load(config({"recordings_per_job": 1}))
    folder(table(f"{GOOD},m0,", f"{GOOD},m1,3", more=",measurement,sweeps"))
    second = experiments.load(config({"recordings_per_job": 1}))

    def digests(loaded: Experiment) -> list[str]:
        dependencies = Dependencies(loaded)
        return [dependencies.batch_fingerprint(SimpleNamespace(batch=name)) for name in dependencies.batches]

    assert [a == b for a, b in zip(digests(first), digests(second), strict=True)] == [True, False]


def test_a_fingerprint_is_one_short_line(folder: Folder, config: Config) -> None:
    folder()
    assert all(len(value) == 64 and value.isalnum() for value in fingerprints(experiments.load(config())).values())


@pytest.mark.parametrize(
    ("stage", "present", "absent"),
    [
        (
            "ingest",
            {"abf/read.py", "abf/command.py", "abf/noise.py", "contract/tables.py", "contract/settings.py"},
            {"permeability", "reversal"},
        ),
        (
            "measure",
            {"reversal/classify.py", "reversal/estimators/ghk.py", "reversal/spline.py", "contract/tables.py"},
            {"permeability", "abf/"},
        ),
        (
            "solutions",
            {"physics/solution/activity.py", "physics/membrane/junction.py", "solutions/composition.py"},
            {"permeability", "abf/", "reversal"},
        ),
        ("correct", {"reversal/classify.py", "physics/solution/ions.py"}, {"permeability", "abf/"}),
        (
            "thermodynamics",
            {"physics/membrane/thermodynamics.py", "physics/membrane/nernst.py", "solutions/composition.py"},
            {"permeability", "abf/", "reversal"},
        ),
        (
            "fit",
            {
                "permeability/mixed_model.py",
                "permeability/inference/ratios.py",
                "physics/membrane/ghk.py",
                "contract/terms.py",
            },
            {"abf/", "reversal"},
        ),
    ],
)
def test_the_code_of_a_stage_is_what_it_imports_and_no_more(stage: str, present: set[str], absent: set[str]) -> None:
    found = {Path(name).relative_to(PACKAGE).as_posix() for name in code(stage)}
    assert found >= present | {f"stages/{stage}.py", "experiment/records.py", "experiment/views.py"}
    assert not [name for name in found if any(name.startswith(part) for part in absent)]


# Faults of configuration and tables together


def test_faults_of_the_configuration_hide_none_of_the_tables(folder: Folder, config: Config) -> None:
    folder(table("data/lost.abf,c1,control,pipette"), "solution,Nacl2,KCl\ncontrol,140,5\npipette,10,140\n")
    found = faults(config({"fit.reference_ion": "Rb", "temperature_C": "hot"}))
    assert len(found) == 4
    for words in ("key 'temperature_C'", "key 'fit.reference_ion'", "column 'Nacl2'", "column 'recording'"):
        assert sum(words in fault for fault in found) == 1, words


@pytest.mark.parametrize(
    ("rows", "changes"),
    [
        (table(GOOD), {"solutions": "../solutions.csv"}),
        (table(GOOD), {"solutions": 5}),
        (table(GOOD), {"recordings": "{a}.csv"}),
        (table(GOOD), {"reversals": "data/none.csv"}),
        (table(GOOD), {"configuration": "whole"}),
        (table(f"{GOOD},data/b.abf", more=",subtract"), {"measure.leak": "backgruond"}),
        (table(f"{GOOD},9", more=",to_ms"), {"measure.from_ms": "early", "measure.to_ms": 8}),
        (table(GOOD), {"junction": {"method": "henderson", "zeroed_in": 5, "reference": {"type": "pellet"}}}),
        (table(GOOD), {"fit.permeant": [1]}),
    ],
)
def test_a_fault_of_the_configuration_makes_none_in_the_tables(
    folder: Folder, config: Config, rows: str, changes: dict[str, Any]
) -> None:
    folder(rows)
    assert len(faults(config(changes))) == 1


def test_an_ion_that_is_like_no_other_is_refused_without_a_nearest(folder: Folder, config: Config) -> None:
    folder()
    (fault,) = faults(config({"fit.permeant": ["K", "Qqqqqqq"]}))
    assert "got 'Qqqqqqq', which is no known ion; expected an ion such as Na, K, Ca or Cl" in fault


def test_a_key_given_twice_is_a_fault_among_the_others(folder: Folder, config: Config) -> None:
    here = folder(table("data/lost.abf,c1,control,pipette"))
    (here / "config").mkdir()
    (here / "config/config.yaml").write_text("temperature_C: 20\ntemperature_C: 21\n")
    first, second = faults(config())
    assert "key 'temperature_C': got it 2 times, in lines 1 and 2" in first
    assert "data/lost.abf" in second


@pytest.mark.parametrize(
    ("zeroed_in", "kind", "number"), [("control", "salt-bridge", 1), ("control", "none", 0), ("same", "none", 1)]
)
def test_a_solution_without_ions_in_a_junction_is_a_fault_of_its_table(
    folder: Folder, config: Config, zeroed_in: str, kind: str, number: int
) -> None:
    folder(solutions="solution,NaCl,KCl,glucose\ncontrol,140,5,10\nhigh_K,,,300\npipette,10,140,\nbridge,,3000,\n")
    junction = {"method": "henderson", "zeroed_in": zeroed_in, "reference": {"type": kind, "solution": "bridge"}}
    if number == 0:
        experiments.load(config({"junction": junction}))
        return
    (fault,) = faults(config({"junction": junction}))
    assert fault.startswith("data/solutions.csv: solution 'high_K': contains no ion;")
    assert "junction potential" in fault
    experiments.load(config({"junction": junction | {"measured_mV": {"high_K": 3}}}))


def test_a_component_that_is_not_known_does_not_make_a_solution_without_ions(folder: Folder, config: Config) -> None:
    folder(solutions="solution,Nacl2,KCl,glucose\ncontrol,140,5,10\nhigh_K,140,,300\npipette,10,140,\n")
    junction = {"method": "henderson", "zeroed_in": "same", "reference": {"type": "none"}}
    (fault,) = faults(config({"junction": junction}))
    assert "column 'Nacl2'" in fault
