"""`nernstfit junction` and `nernstfit solutions` with compositions in place of a table."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from command_line import call, rows

RT_F_25 = 8.31446261815324 * 298.15 / 96485.3321233 * 1000


def test_a_junction_without_any_file() -> None:
    """Equal concentrations of two chlorides: (RT/F) ln of their conductances, bath minus pipette."""
    (found,) = rows("junction --in KCl=150 --out NaCl=150 --temperature-C 25 --method henderson --basis concentration")
    expected = RT_F_25 * math.log((1 + 1.0388) / (0.682 + 1.0388))
    assert found == {"basis": "concentration", "henderson_mV": pytest.approx(expected, abs=1e-9), "warnings": []}


def test_arguments_and_options_are_the_same() -> None:
    by_option = rows("junction --inside KCl=140,MgCl2=2 --outside NaCl=150,CaCl2=2 --temperature-C 37 --model davies")
    assert rows("junction KCl=140,MgCl2=2 NaCl=150,CaCl2=2 --temperature-C 37 --model davies") == by_option
    assert [row["basis"] for row in by_option] == ["concentration", "activity (davies)"]
    assert set(by_option[0]) == {"basis", "henderson_mV", "nernst_planck_mV", "warnings"}
    turned = rows("junction NaCl=150,CaCl2=2 KCl=140,MgCl2=2 --temperature-C 37 --model davies")
    assert turned[0]["henderson_mV"] == pytest.approx(-by_option[0]["henderson_mV"])


def test_a_composition_is_that_of_a_table(tmp_path: Path) -> None:
    path = tmp_path / "solutions.csv"
    path.write_text(
        "solution,NaCl,KCl,EGTA,HEPES,MgATP,pH,titrant\nbath,145,5,,10,,7.4,NaOH\npipette,10,130,5,10,3,7.2,KOH\n"
    )
    bath = "NaCl=145,KCl=5,HEPES=10,pH=7.4,titrant=NaOH"
    typed = f"--in NaCl=10,KCl=130,EGTA=5,HEPES=10,MgATP=3,pH=7.2,titrant=KOH --out {bath}"
    of_table = rows(f"junction pipette bath --solutions {path}")
    assert rows(f"junction {typed}") == of_table
    mixed = rows(f"junction pipette --out {bath} --solutions {path}")
    assert mixed == of_table
    names = {"bath": "outside", "pipette": "inside"}
    listed = [row | {"solution": names[row["solution"]]} for row in rows(f"solutions {path}")]
    key = lambda row: (row["solution"], row["ion"])  # noqa: E731
    got = sorted(rows(f"solutions {typed}"), key=key)
    assert [key(row) for row in got] == sorted(map(key, listed))
    for one, other in zip(got, sorted(listed, key=key), strict=True):
        assert one["activity_mM"] == pytest.approx(other["activity_mM"], rel=1e-12)


def test_gassed_bicarbonate_on_the_command_line() -> None:
    found = rows("solutions --out NaCl=120,NaHCO3=25,pCO2_mmHg=40 --temperature-C 37")
    assert {row["solution"] for row in found} == {"outside"}
    assert found[0]["pH"] == pytest.approx(6.1 + math.log10(25 / (0.0307 * 40)), abs=0.05)


def test_the_potential_of_a_membrane_takes_a_pH_too() -> None:
    done = call("ghk --ratio Na=1,Ca=2 --in NaCl=140,EGTA=5,CaCl2=1,HEPES=10,pH=7.2 --out NaCl=140 --json")
    assert done.exit_code == 0, done.output
    (ca,) = [row for row in json.loads(done.output)["ions"] if row["ion"] == "Ca"]
    assert ca["inside_mM"] < 1e-3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("junction KCl=140", "--outside: missing, expected a solution's name, or its composition in mM"),
        ("junction", "--inside: missing"),
        ("junction KCl=140 NaCl=150 --in KCl=3", "got PIPETTE or BATH beside --inside or --outside"),
        ("junction pipette NaCl=150", "--inside: got 'pipette' without --solutions"),
        ("junction KCl=140 Foo=1", "--outside: 'Foo' is no ion"),
        ("junction KCl=140 NaCl=x", "--outside: NaCl: got 'x'"),
        ("junction KCl=140 NaCl=1,NaCl=2", "--outside: got NaCl twice"),
        ("junction KCl=140 glucose=10", "solution 'outside' contains no ion"),
        ("junction KCl=140 NaCl=150,HEPES=10,pH=20", "--outside: pH: got 20"),
        ("junction KCl=140 NaCl=150,titrant=NaOH", "--outside: titrant: got 'NaOH' without a pH, expected the pH to"),
        ("junction KCl=140 NaCl=150,HEPES=10,pH=7,titrant=foo", "--outside: titrant: got 'foo', expected an acid"),
        (
            "junction KCl=140 NaCl=150,pCO2_mmHg=-3",
            "pCO2_mmHg: got -3, expected a number above 0 and at most 760 (mmHg)",
        ),
        ("junction KCl=140 NaCl=150,pCO2=38", "--outside: 'pCO2' is not known; did you mean 'pCO2_mmHg'?"),
        ("junction KCl=140 NaCl=150,HEPES=10,ph=7.4", "--outside: 'ph' is not known; did you mean 'pH'?"),
        ("junction KCl=.14 NaCl=.15", "--inside, --outside: every concentration is below 1 mM: mol/l? give mM"),
        ("solutions --in NaCl=0.14,KCl=0.005", "--inside: every concentration is below 1 mM: mol/l?"),
        ("ghk --ratio Na=1 --in NaCl=0.14 --out NaCl=0.1", "every concentration is below 1 mM: mol/l?"),
        ("junction KCl=140 HEPES=10,pH=7,titrant=NaOH,titrant=KOH", "--outside: got titrant twice"),
        ("solutions", "got nothing, expected FILE, or --inside and --outside"),
        ("solutions a.csv --in KCl=1", "got a table and a composition"),
    ],
)
def test_faults_name_the_option(text: str, message: str) -> None:
    done = call(text)
    assert done.exit_code == 1
    assert message in done.output
    assert "Traceback" not in done.output


def test_a_dilute_solution_beside_another_is_taken() -> None:
    """The range of a dilution series; a table with it says so too."""
    assert len(rows("junction --in NaCl=140 --out NaCl=.15")) == 2


def test_the_help_shows_an_example() -> None:
    for command in ("junction", "solutions"):
        done = call(f"{command} --help")
        assert done.exit_code == 0
        assert f"nernstfit {command} --in KCl=140" in done.output


@pytest.mark.parametrize(
    ("mixed", "salt"),
    [
        ("TEA-OH=140,HCl=140", "TEA-Cl=140"),
        ("KOH=20,HCl=20,NaCl=100", "KCl=20,NaCl=100"),
        ("NaOH=9,HCl=4", "NaCl=4,NaOH=5"),
    ],
)
def test_an_acid_and_a_base_make_water(mixed: str, salt: str) -> None:
    assert rows(f"junction --in {mixed} --out NaCl=140") == rows(f"junction --in {salt} --out NaCl=140")
