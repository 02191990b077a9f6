"""From a folder of recordings to an experiment: what is proposed, what is asked, and that the answers make it run."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path, PurePosixPath

import pytest
import yaml
from click.testing import CliRunner, Result
from drafts import answered

from nernstfit.commands.main import main
from nernstfit.contract.schema import schema
from nernstfit.library.names import guess

PROJECT = Path(__file__).resolve().parents[1]
DAYS_AND_CELLS = [(12, 1), (12, 2), (12, 3), (13, 1), (13, 2)]


def called(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "data" / "recordings.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize(
    ("name", "cell", "bath"),
    [
        ("c1_control.abf", "c1", "control"),
        ("c1_low_chloride.abf", "c1", "low_chloride"),
        ("cell 3 NMDG.abf", "cell3", "NMDG"),
        ("WT cell4 high K.abf", "cell4", "high_K"),
        ("patch12_KCl150mM.abf", "patch12", "KCl150mM"),
        ("Ca_free_c2.abf", "c2", "Ca_free"),
        ("d3 c4 0 Ca.abf", "c4", "0_Ca"),
        ("2024-03-05/cell2/150NaCl 0003.abf", "cell2", "150NaCl"),
        ("Zelle 1 NaCl.abf", "Zelle1", "NaCl"),
        ("c\u00e9lula 2 K.abf", "c\u00e9lula2", "K"),
        ("ce\u0301lula 2 K.abf", "c\u00e9lula2", "K"),
        ("cellule3_Na.abf", "cellule3", "Na"),
        ("cell_01_Na.abf", "cell01", "Na"),
        ("n3 control.abf", "n3", "control"),
        ("Zelle 2024-03-05 Ringer.abf", "2024-03-05", "Ringer"),
        ("2024-03-05/0003.abf", "2024-03-05", ""),
        ("171116sh_0012.abf", "171116", ""),
        ("20917009.abf", "20917", ""),
        ("18n16003.abf", "18n16", ""),
        ("2018_11_16_sh_0006.abf", "2018-11-16", ""),
        ("mut_7_Na.abf", "", "Na"),
        ("05.03.2024 Na.abf", "05.03.2024", "Na"),
        ("05-03-2024_Na.abf", "05-03-2024", "Na"),
        ("c1 hohes K.abf", "c1", "hohes_K"),
        ("c1 Kontrolle.abf", "c1", "Kontrolle"),
        ("c1_highK.abf", "c1", "highK"),
        ("DM1_0002.abf", "", ""),
        ("user-list-durations.abf", "", ""),
        ("sine sweep magnitude 20.abf", "", ""),
    ],
)
def test_cell_and_bath_are_guessed_from_names_or_not_at_all(name: str, cell: str, bath: str) -> None:
    (found,) = guess([PurePosixPath(name)])
    assert (found.cell, found.bath) == (cell, bath)
    assert any(doubt.startswith("bath:") for doubt in found.doubts) == (not bath)
    named_in_words = re.search(r"(cell|patch|Zelle|lula|cellule|\b[cn])[ _]?\d(?!\d{3})|_c\d", name)
    assert any(doubt.startswith("cell:") for doubt in found.doubts) == (not named_in_words)


@pytest.mark.parametrize(
    ("names", "baths"),
    [
        (("cell 1_K 5", "cell 1_K 140"), ("K_5", "K_140")),
        (("c1_Ca_2", "c1_Ca_20", "c1_Ca_110", "c1_Na"), ("Ca_2", "Ca_20", "Ca_110", "Na")),
        (("c1_Ca_2", "c2_Ca_2", "c2_Ca_20"), ("Ca_2", "Ca_2", "Ca_20")),
        (("K 40 Rb 100_c1", "K 100 Rb 40_c1"), ("K_40_Rb_100", "K_100_Rb_40")),
        (("c1_K_0.5", "c1_K_5"), ("K_0.5", "K_5")),
        (("c1_K_1", "c1_K_2", "c1_Na_1"), ("K_1", "K_2", "Na_1")),
        (("c1_K", "c1_K_1"), ("K", "K_1")),
        (("c1_Ca_1", "c1_Ca_2", "c1_Na_3"), ("Ca_1", "Ca_2", "Na_3")),
        (("c1_K_5", "c2_K_5"), ("K_5", "K_5")),
        (("c1 K 5",), ("K_5",)),
        (("c1 control", "c1 control 2", "c1 control 3"), ("control", "control_2", "control_3")),
        (("c1 K rep 1", "c1 Na"), ("K_rep_1", "Na")),
        (("c1 2 K", "c1 0 K", "c1 K 5 mM"), ("2_K", "0_K", "K_5_mM")),
    ],
)
def test_a_number_that_may_be_an_amount_or_count_repeats_is_kept_and_asked_for(
    names: tuple[str, ...], baths: tuple[str, ...]
) -> None:
    found = guess([PurePosixPath(f"{name}.abf") for name in names])
    assert tuple(each.bath for each in found) == baths
    for each in found:
        is_clear = each.bath in ("K", "Na", "control", "0_K", "K_5_mM")
        assert [("may be an amount, or count repeats" in doubt) for doubt in each.doubts] == [True] * (not is_clear)


@pytest.mark.parametrize(
    ("names", "baths", "asked"),
    [
        (("c1_K_0003", "c1_K_0007"), ("K", "K"), ""),
        (("c1_5K", "c1_K5mM", "c1_140K"), ("5K", "K5mM", "140K"), ""),
        (("c1 Na 12.3.24", "c1 K 12.3.24"), ("Na", "K"), ""),
        (("c1 Na 2024-03-12", "c1 K 2024-03-12"), ("Na", "K"), ""),
        (("c1_Na_12", "c1_K_13", "c1_Na_14"), ("Na", "K", "Na"), "count the files"),
        (("c1_Na_WT", "c1_K_WT"), ("Na", "K"), "'WT' in every name"),
        (("c1_Ca_frei", "c2_Ca_frei"), ("Ca_frei", "Ca_frei"), ""),
    ],
)
def test_numbers_of_files_dates_and_what_all_names_have_are_no_part_of_a_bath(
    names: tuple[str, ...], baths: tuple[str, ...], asked: str
) -> None:
    found = guess([PurePosixPath(f"{name}.abf") for name in names])
    assert tuple(each.bath for each in found) == baths
    assert all(asked in each.doubts[0] if asked else not each.doubts for each in found)


@pytest.mark.parametrize(
    ("names", "baths"),
    [
        (("Zelle {} Ringer", "Zelle {} Ca frei", "Zelle {} Ca"), ("Ringer", "Ca_frei", "Ca")),
        (("cellule{} bas", "cellule{} bas chlorure"), ("bas", "bas_chlorure")),
        (("c{} Cl arm", "c{} Cl"), ("Cl_arm", "Cl")),
        (("c{} control", "c{} wash out", "c{} wash"), ("control", "wash_out", "wash")),
        (("c{} ohne Ca", "c{} ohne Mg", "c{} Ca"), ("ohne_Ca", "ohne_Mg", "Ca")),
        (("Zelle {}/ohne Ca", "Zelle {}/ohne Mg", "Zelle {}/Ca"), ("ohne_Ca", "ohne_Mg", "Ca")),
        (("Ca frei/c{}", "Ca/c{}", "Ca/c{} drug"), ("Ca_frei", "Ca", "Ca_drug")),
        (("Ca_free_c{}", "Ca_c{}", "Ca_c{}_blocker"), ("Ca_free", "Ca", "Ca_blocker")),
        (("c{} Na drug", "c{} Na"), ("Na_drug", "Na")),
    ],
)
def test_two_texts_behind_a_cell_are_two_baths(names: tuple[str, ...], baths: tuple[str, ...]) -> None:
    found = guess([PurePosixPath(f"{name}.abf".format(n)) for n in (1, 2) for name in names])
    assert tuple(each.bath for each in found) == baths * 2


@pytest.mark.parametrize(
    "names",
    [
        ("ohne Ca c1", "ohne Mg c1", "Ca c1"),
        ("Ringer/drug", "Ringer/other"),
        ("c1 Ca+", "c1 Ca-"),
        ("c1 Ca -", "c1 Ca +"),
    ],
)
def test_words_that_may_tell_baths_of_one_name_apart_are_asked_for(names: tuple[str, ...]) -> None:
    found = guess([PurePosixPath(f"{name}.abf") for name in names])
    assert any("no part of" in doubt for doubt in found[0].doubts)


@pytest.mark.parametrize(
    ("names", "cells"),
    [
        (("Foo 1 Na", "Foo 1 K", "Foo 2 Na"), ("Foo1", "Foo1", "Foo2")),
        (("x3_Na", "x3_K", "x4_Na"), ("x3", "x3", "x4")),
        (
            ("kom\u00f3rka1 Na", "kom\u00f3rka1 K", "kom\u00f3rka2 K"),
            ("kom\u00f3rka1", "kom\u00f3rka1", "kom\u00f3rka2"),
        ),
        (
            ("WT 1 Na", "WT 1 K", "WT 2 K", "mut 1 Na", "mut 1 K", "mut 2 K"),
            ("WT1", "WT1", "WT2", "mut1", "mut1", "mut2"),
        ),
        (("Na 1 rep 1", "Na 1 rep 2", "K 1 rep 1"), ("", "", "")),
        (("Foo 1 Na", "Foo 2 Na", "Foo 3 Na"), ("", "", "")),  # may be repeats
        (("Foo 1 Na", "Foo 1 K"), ("", "")),  # may be a construct or the day's
        (("TRPV1 Na", "TRPV1 K", "TRPV4 Na", "TRPV4 K"), ("", "", "", "")),
        (("mar 5 Na", "mar 5 K", "mar 6 K"), ("", "", "")),
        (("A 1 B 1 Na", "A 1 B 1 K", "A 2 B 2 Na"), ("", "", "")),  # one of two words
        (("171116sh_0012", "171116sh_0013"), ("171116", "171116")),
    ],
)
def test_a_number_behind_any_word_that_stays_in_several_baths_is_a_cell_to_be_confirmed(
    names: tuple[str, ...], cells: tuple[str, ...]
) -> None:
    found = guess([PurePosixPath(f"{name}.abf") for name in names])
    assert tuple(each.cell for each in found) == cells
    assert all(len(each.doubts_of_cell) == 1 for each in found)


@pytest.mark.parametrize(
    ("names", "cells"),
    [
        (("2024-03-05/c1 Na", "2024-03-06/c1 Na"), ("2024-03-05 c1", "2024-03-06 c1")),
        (("20181116 c1 Na", "20181117 c1 Na"), ("20181116 c1", "20181117 c1")),
        (("WT/c1 Na", "mut/c1 Na"), ("WT c1", "mut c1")),
        (("Na/c1", "K/c1"), ("c1", "c1")),
        (("c1/Na", "c1/K"), ("c1", "c1")),
        (("day/c1 Na", "day/c2 Na"), ("c1", "c2")),
        (
            ("12 mars/cellule1 t\u00e9moin 240312", "13 mars/cellule1 t\u00e9moin 240312"),
            ("12 mars cellule1", "13 mars cellule1"),
        ),
        (
            ("12.3.24 Zelle 1 Na", "12.3.24 Zelle 2 Na", "13.3.24 Zelle 1 Na"),
            ("12.3.24 Zelle1", "12.3.24 Zelle2", "13.3.24 Zelle1"),
        ),
        (("a/12.3.24 c1 Na", "b/12.3.24 c1 Na", "b/13.3.24 c1 Na"), ("a 12.3.24 c1", "b 12.3.24 c1", "b 13.3.24 c1")),
        (("WT c1 Na", "mut c1 Na", "WT c2 Na"), ("WT c1", "mut c1", "WT c2")),
    ],
)
def test_cells_of_one_name_on_several_days_or_in_several_folders_are_several(
    names: tuple[str, ...], cells: tuple[str, ...]
) -> None:
    found = guess([PurePosixPath(f"{name}.abf") for name in names])
    assert tuple(each.cell for each in found) == cells
    assert all(bool(each.doubts_of_cell) == (" " in cell) for each, cell in zip(found, cells, strict=True))


@pytest.mark.parametrize(
    ("names", "baths"),
    [
        (
            tuple(f"Zelle {n} {bath}" for n in (1, 2) for bath in ("Ringer", "Cs", "hohesK", "wenigCl")),
            ("Ringer", "Cs", "hohesK", "wenigCl") * 2,
        ),
        (("c1_Ringer", "c1_hohesK", "c2_Ringer", "c2_wenigCl"), ("Ringer", "", "Ringer", "")),  # in one cell each
        (("c1_Ringer", "c1_IV", "c2_Ringer", "c2_IV"), ("Ringer", "", "Ringer", "")),
        (("c1_Ringer_WT", "c1_x_WT", "c2_x_WT"), ("Ringer", "x", "x")),
        (("c1_hohesK", "c2_hohesK"), ("", "")),  # may be the construct
        (("c1_Ringer", "x_hohesK", "y_hohesK"), ("Ringer", "", "")),  # of no cell
        (("c1_Ringer", "c1_0003", "c2_0003"), ("Ringer", "", "")),
    ],
)
def test_a_word_at_the_place_of_the_baths_in_several_cells_is_a_bath_to_be_confirmed(
    names: tuple[str, ...], baths: tuple[str, ...]
) -> None:
    found = guess([PurePosixPath(f"{name}.abf") for name in names])
    assert tuple(each.bath for each in found) == baths
    for each in found:
        is_asked = any(doubt.startswith("bath:") for doubt in each.doubts)
        assert is_asked == (each.bath not in ("Ringer", "Cs"))


@pytest.mark.parametrize(
    "names",
    [("gluconate/c1 K", "chloride/c1 K"), ("WT cell1/Na", "mut cell1/Na"), ("a/171116sh_Na", "b/171116sh_Na")],
)
def test_one_cell_and_bath_in_two_folders_are_two_cells_or_asked_for(names: tuple[str, ...]) -> None:
    found = guess([PurePosixPath(f"{name}.abf") for name in names])
    assert all(each.doubts_of_cell for each in found)


@pytest.fixture(scope="module")
def drafted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A draft from the recordings of two cells of the demonstration, in a folder each."""
    place = tmp_path_factory.mktemp("drafted")
    for path in sorted((PROJECT / "data").glob("c[12]_*.abf")):
        target = place / "archive" / path.stem[:2] / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    done = called("init", str(place / "mine"), "--from", str(place / "archive"))
    assert done.exit_code == 0, done.output
    assert "nernstfit check" in done.output
    return place / "mine"


def test_every_recording_has_a_row_with_its_epoch(drafted: Path) -> None:
    found = rows(drafted)
    assert len(found) == len(list((drafted / "data").rglob("*.abf")))
    assert {row["epoch"] for row in found} == {"B"}
    assert {row["cell"] for row in found} == {"c1", "c2"}
    assert not any(row["remark"] or row["exclude"] for row in found)
    assert all("Simulated by nernstfit" in row["comment"] for row in found)


def test_check_asks_what_only_a_person_knows(drafted: Path) -> None:
    done = called("check", str(drafted))
    assert done.exit_code == 1
    for asked in (
        "fit.reference_ion': got nothing, expected text such as Na",
        "fit.permeant': got nothing, expected a list such as [Na, K, Cl]",
        "junction.zeroed_in",
        "reference electrode: {type: salt-bridge, solution: bridge}, {type: pellet}, or {type: none}",
        "solution 'pipette'",
    ):
        assert asked in done.output


def test_every_key_that_is_taken_from_its_comment_is_known(drafted: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(drafted, tmp_path / "mine")
    answered(folder)
    place = folder / "config" / "config.yaml"
    keys = re.sub(r"^( *)# (\w+:)", r"\1\2", place.read_text(), flags=re.MULTILINE)
    assert keys.count("\nmeasure:") == keys.count("\n  epoch: auto") == keys.count("\njunction:") == 1
    # Two windows exclude each other, and so do some other defaults that stand for nothing.
    place.write_text(re.sub(r"^  (from|to)_ms:.*\n", "", keys, flags=re.MULTILINE))
    done = called("check", str(folder))
    assert done.exit_code == 0, done.output


def test_nothing_is_overwritten(drafted: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "solutions.csv").write_text("solution\n")
    done = called("init", str(folder), "--from", str(drafted / "data"))
    assert done.exit_code == 1
    assert "solutions.csv: exists already" in done.output
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["solutions.csv"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "got no recordings"),
        (("--from", "{archive}", "--recordings", "{file}"), "got both --from and --recordings"),
        (("--from", "{empty}"), "contains no file that ends in .abf"),
    ],
)
def test_what_is_missing_is_told(drafted: Path, tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    (tmp_path / "empty").mkdir()
    file = next((drafted / "data").rglob("*.abf"))
    places = {"archive": str(drafted / "data"), "file": str(file), "empty": str(tmp_path / "empty")}
    done = called("init", str(tmp_path / "mine"), *(word.format(**places) for word in words))
    assert done.exit_code == 1
    assert told in done.output


def test_a_recording_that_cannot_be_used_is_excluded_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "c1_control.abf").write_bytes(b"this is not a recording")
    done = called("init", str(tmp_path / "mine"), "--recordings", str(tmp_path / "c1_control.abf"), "--link")
    assert done.exit_code == 0
    (row,) = rows(tmp_path / "mine")
    assert "is not an ABF file" in row["exclude"]
    assert (tmp_path / "mine" / "data" / "c1_control.abf").is_symlink()


def test_a_remark_on_all_rows_is_said_once_and_hides_no_other(tmp_path: Path) -> None:
    names = ("Zelle 1 Na", "Zelle 2 Na", "Zelle 2 K 5", "Zelle 1 K")
    targets = [tmp_path / "archive" / day / f"{name}.abf" for day in ("12 mars", "13 mars") for name in names]
    for recording, target in zip(sorted((PROJECT / "data").glob("c*.abf")), targets, strict=False):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(recording, target)
    (tmp_path / "archive" / "12 mars" / "Zelle 3 Na.abf").write_bytes(b"this is not a recording")
    (tmp_path / "archive" / "13 mars" / "Zelle 2 K 5.abf").unlink()
    done = called("init", str(tmp_path / "mine"), "--from", str(tmp_path / "archive"))
    found = {row["recording"].removeprefix("data/").removesuffix(".abf"): row for row in rows(tmp_path / "mine")}
    assert {row["cell"] for row in found.values()} == {f"{day} mars Zelle{n}" for day, n in DAYS_AND_CELLS}
    first, *others = [(name, row["remark"]) for name, row in found.items() if row["remark"]]
    assert first[1].startswith("All rows: cell: 'Zelle1' is in several folders")
    assert [name for name, _ in others] == ["12 mars/Zelle 2 K 5"]
    assert others[0][1].startswith("bath: '5' in 'K_5' may be an amount")
    assert "2 with a remark" in done.output
    assert "data/12 mars/Zelle 2 K 5.abf: bath: '5' in 'K_5'" in done.output
    assert done.output.count("is in several folders") == 1


def test_a_word_of_another_language_before_an_ion_is_a_part_of_the_bath_to_be_confirmed() -> None:
    found = guess([PurePosixPath(f"{bath} c{cell}.abf") for cell in (1, 2) for bath in ("wysokie K", "control")])
    assert [each.bath for each in found] == ["wysokie_K", "control"] * 2
    assert "'wysokie' before 'K' is taken for a part of its name" in found[0].doubts[0]


def test_a_word_before_several_ions_is_no_part_of_a_bath() -> None:
    found = guess([PurePosixPath(f"mut {bath} c1.abf") for bath in ("K", "Na")])
    assert [each.bath for each in found] == ["K", "Na"]


@pytest.mark.parametrize("names", [("WT", "mut"), ("HEK wt", "HEK mut"), ("05.03.2024", "06.03.2024")])
def test_cells_of_one_name_behind_the_words_of_groups_or_days_are_two(names: tuple[str, ...]) -> None:
    found = guess([PurePosixPath(f"{name} c1 {bath}.abf") for name in names for bath in ("control", "Na")])
    assert [each.cell for each in found] == [f"{name} c1" for name in names for _ in range(2)]
    assert all("taken for a cell of each" in each.doubts[0] for each in found)


def test_an_unknown_bath_before_a_cell_makes_no_second_cell() -> None:
    found = guess([PurePosixPath(f"{name} c1.abf") for name in ("foo", "bar", "control")])
    assert {each.cell for each in found} == {"c1"}


def test_a_draft_and_a_simulation_rest_on_no_default_that_was_another_one(tmp_path: Path) -> None:
    """A run of a new folder then has no remark on what an older one would have given."""
    called("init", str(tmp_path / "new"), "--recordings", str(PROJECT / "data" / "c1_control.abf"))
    called("simulate", str(tmp_path / "simulated"))
    drafted, simulated = (
        yaml.safe_load((tmp_path / name / "config" / "config.yaml").read_text()) for name in ("new", "simulated")
    )
    changed = [
        (section, key)
        for section, rule in schema()["properties"].items()
        for key, of_key in rule.get("properties", {}).items()
        if "was" in of_key
    ]
    assert changed
    for section, key in changed:
        assert drafted[section][key] == schema()["properties"][section]["properties"][key]["default"]
    assert simulated["junction"]["basis"] == "activity"


def archived(place: Path, names: dict[str, tuple[str, ...]]) -> Path:
    """A folder with recordings of the demonstration, by their names there and the places at which each is named so."""
    cells = ("c1", "c2", "c3")
    for name, folders in names.items():
        for cell, folder in zip(cells, folders, strict=False):
            target = place / "archive" / folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / "data" / f"{cell}_{'caesium' if 'caesium' in name else 'control'}.abf", target)
    return place / "archive"


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize(
    ("names", "folders"),
    [
        (("c1_control.abf", "c1_caesium.abf"), ("2024-03-05", "2024-03-06")),
        (("Zelle 1 control.abf", "Zelle 1 caesium.abf"), ("05.03.2024", "06.03.2024")),
        (("c1_control.abf", "c1_caesium.abf"), ("", "rig A/monday", "rig B/monday")),
        (("c1_control.abf", "c1_control.ABF", "c1_caesium.abf"), ("monday",)),
    ],
)
def test_check_takes_recordings_of_one_name_in_several_folders(
    tmp_path: Path, names: tuple[str, ...], folders: tuple[str, ...], kind: str
) -> None:
    archive, folder = archived(tmp_path, dict.fromkeys(names, folders)), tmp_path / "mine"
    assert called("init", str(folder), "--from", str(archive), "--format", kind).exit_code == 0
    answered(folder)
    config = folder / "config" / "config.yaml"
    config.write_text(config.read_text().replace("data/experiment.xlsx#solutions", "data/solutions.csv"))
    done = called("check", str(folder), "--json")
    assert done.exit_code == 0, done.output
    found = [row["measurement"] for row in json.loads(done.stdout)["measurements"]]
    ending = ".ABF" in "".join(names)
    paths = [(PurePosixPath(place) / name) for name in names for place in folders]
    assert sorted(found) == sorted(f"{path if ending else path.with_suffix('')}:B" for path in paths)


def test_names_of_measurements_are_left_to_their_default_where_none_repeats(drafted: Path) -> None:
    assert not any("measurement" in row for row in rows(drafted))


def test_a_recording_with_the_bytes_of_another_is_named_and_not_excluded(tmp_path: Path) -> None:
    archive = archived(tmp_path, {"c1_control.abf": ("",), "c1_caesium.abf": ("",)})
    for name in ("c1_control_copy.abf", "c1_lithium.abf"):
        shutil.copy(archive / "c1_control.abf", archive / name)
    other = bytearray((archive / "c1_lithium.abf").read_bytes())
    other[-1] ^= 1
    (archive / "c1_lithium.abf").write_bytes(other)
    for name in ("c2_control.abf", "c3_control.abf"):
        (archive / name).write_bytes(b"this is not a recording")
    done = called("init", str(tmp_path / "mine"), "--from", str(archive))
    remark = "same content as data/c1_control.abf; exclude one of the two where it is a copy"
    assert f"data/c1_control_copy.abf: {remark}" in done.output
    found = {row["recording"]: row for row in rows(tmp_path / "mine")}
    assert not found["data/c1_control_copy.abf"]["exclude"]
    assert [name for name, row in found.items() if "same content" in row["remark"]] == ["data/c1_control_copy.abf"]
