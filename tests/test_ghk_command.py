"""`nernstfit ghk`: potentials from ratios, ratios from potentials, shifts and chord conductances."""

from __future__ import annotations

import csv
import json
import math
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from scipy import stats

from nernstfit.commands.main import main
from nernstfit.library.chemistry import Chemistry

ROOT = Path(__file__).parents[1]
CASES = list(csv.DictReader((ROOT / "tests/physics/data/ghk_cases.csv").open(encoding="utf-8")))
PLAIN = ("--model", "concentration")
KT_22 = 8.31446261815324 * 295.15 / 96485.3321233 * 1000


def call(*words: object) -> Result:
    return CliRunner().invoke(main, ["ghk", *map(str, words)])


def found(*words: object) -> dict[str, Any]:
    done = call(*words, "--json")
    assert done.exit_code == 0, done.output
    answer: dict[str, Any] = json.loads(done.output)
    return answer


# Published cases


def amounts(text: str) -> str:
    """`Na 150; Cl 150` as the command takes it."""
    return text.replace("; ", ",").replace(" ", "=")


def words(case: dict[str, str]) -> Iterator[str]:
    """The command line of a published case."""
    yield from (*PLAIN, "--temperature-C", case["temperature_C"], "--ratio")
    if case["kind"] == "predict":
        yield from (amounts(case["permeability"]), "--inside", amounts(case["inside_mM"]))
    else:
        yield from (f"{case['reference']}=1", "--solve", case["ion"], "--potential-mV", case["reversal_mV"])
    if case["kind"] == "chord":
        yield from ("--conductance", "--nernst-mV", amounts(case["nernst_mV"]))
        return
    yield from ("--outside", amounts(case["outside_mM"]))
    if case["kind"] == "bi_ionic":
        yield from ("--inside", amounts(case["inside_mM"]))
    if case["kind"] == "replacement":
        replaced = case["outside_mM"].replace(case["ion"], case["reference"])
        yield from ("--reference-bath", amounts(replaced), "--reference-potential-mV", case["reference_reversal_mV"])


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_published_case(case: dict[str, str]) -> None:
    answer = found(*words(case))
    key = {"predict": "potential_mV", "chord": "conductance_ratio"}.get(case["kind"], "permeability_ratio")
    expected, tolerance = float(case["expected"]), float(case["tolerance"])
    unit = {"percent": 0.01 * abs(expected), "SEM": float(case["sem"] or "nan"), "mV": 1.0}[case["tolerance_kind"]]
    assert answer[key] == pytest.approx(expected, abs=tolerance * unit)
    symbol = "g" if case["kind"] == "chord" else "P"
    if case["kind"] != "predict":
        assert answer["name"] == f"{symbol}_{case['ion']}/{symbol}_{case['reference']}"


def test_every_kind_of_case_is_there() -> None:
    assert {case["kind"] for case in CASES} == {"bi_ionic", "replacement", "predict", "chord"}


@pytest.mark.parametrize(
    ("model", "expected", "within"),
    [
        ("concentration", 0.6818, 1e-4),
        ("pitzer:macinnes", 1.78, 0.05),
        ("pitzer:guggenheim", 1.965, 0.015),
        ("pitzer:raw", 2.29, 0.05),
    ],
)
def test_calcium_by_convention(model: str, expected: float, within: float) -> None:
    sides = ("--inside", "NaCl=150", "--outside", "CaCl2=110", "--temperature-C", 25)
    answer = found(*sides, "--ratio", "Na=1", "--solve", "Ca", "--potential-mV", 0, "--model", model)
    assert answer["permeability_ratio"] == pytest.approx(expected, abs=within)
    what = "concentrations" if model == "concentration" else "activities"
    assert answer["form"] == f"GHK current equation with z^2 and {what}"
    assert answer["activity"] == model


# There and back


MIXTURES = [
    tuple(line.split())
    for line in (
        "--inside KCl=140,NaCl=10 --outside NaCl=145,KCl=5 --ratio K=1 --solve Na",
        "--inside KCl=140,NaCl=10 --outside NaCl=145,KCl=5 --ratio K=1,Cl=0.3 --solve Na",
        "--inside NaCl=145 --outside NaCl=75 --ratio Cl=1 --solve Na",
        "--inside CsCl=140 --outside CaCl2=10,NaCl=130 --ratio Cs=1,Na=0.7 --solve Ca",
        "--reference-bath NaCl=145,CaCl2=2 --reference-potential-mV -3 --outside Na=5,Cs=140 "
        "--ratio Na=1,Ca=2.5 --solve Cs",
        "--reference-bath NaCl=10 --reference-potential-mV 51 --outside NaCl=1,NaBr=9 --ratio Cl=1 --solve Br",
        "--conductance --inside KCl=140,NaCl=10 --outside NaCl=145,KCl=5 --ratio K=1,Cl=0.2 --solve Na",
    )
]


@pytest.mark.parametrize("ratio", [0.02, 0.3, 5.0])
@pytest.mark.parametrize("mixture", MIXTURES, ids=" ".join)
def test_the_ratio_of_its_own_potential(mixture: tuple[str, ...], ratio: float) -> None:
    *solutions, _, ion = mixture
    there = found(*solutions, "--ratio", f"{ion}={ratio}")
    back = found(*mixture, "--potential-mV", there["potential_mV"])
    quantity = "conductance_ratio" if "--conductance" in mixture else "permeability_ratio"
    assert back[quantity] == pytest.approx(ratio, rel=1e-9)
    assert back["ions"] == [
        row | {quantity: pytest.approx(row[quantity], rel=1e-9)} for row in there["ions"]
    ]  # what is shown of each ion is the same either way
    assert ("permeability_ratio" in json.dumps(back)) == (quantity == "permeability_ratio")


def test_the_number_follows_from_what_is_shown() -> None:
    answer = found(*MIXTURES[1], "--potential-mV", -30)
    held = {row["ion"]: row for row in answer["ions"]}
    x = math.exp(-30 / KT_22)
    inside, outside = ({ion: row[f"{side}_activity_mM"] for ion, row in held.items()} for side in ("inside", "outside"))
    by_hand = (outside["K"] + 0.3 * inside["Cl"] - x * (inside["K"] + 0.3 * outside["Cl"])) / (
        x * inside["Na"] - outside["Na"]
    )
    assert answer["permeability_ratio"] == pytest.approx(by_hand, rel=1e-12)
    assert held["Cl"]["nernst_mV"] == pytest.approx(-KT_22 * math.log(outside["Cl"] / inside["Cl"]), rel=1e-12)
    assert answer["form"] == "GHK equation with activities"


def test_order_changes_nothing() -> None:
    one = found("--inside", "K=140,Na=10", "--outside", "Na=145,K=5", "--ratio", "K=1", "--ratio", "Na=0.1", *PLAIN)
    other = found(*PLAIN, "--ratio", "Na=0.1,K=1", "--outside", "K=5,Na=145", "--inside", "Na=10,K=140")
    assert one == other
    assert [row["ion"] for row in one["ions"]] == ["K", "Na"]


def test_solutions_of_a_table_are_their_compositions(tmp_path: Path) -> None:
    table = tmp_path / "solutions.csv"
    table.write_text("solution,NaCl,KCl,NMDG-Cl\ncontrol,145,5,\npipette,10,140,\nother,,,99\n")
    question = ("--ratio", "K=1", "--solve", "Na", "--potential-mV", -20)
    named = found("--solutions", table, "--inside", "pipette", "--outside", "control", *question)
    typed = found("--inside", "NaCl=10,KCl=140", "--outside", "NaCl=145,KCl=5", *question)
    mixed = found("--solutions", table, "--inside", "pipette", "--outside", "Na=145,K=5,Cl=150", *question)
    for answer in (typed, mixed):
        assert answer["permeability_ratio"] == pytest.approx(named["permeability_ratio"], rel=1e-12)


@pytest.mark.parametrize(
    ("salt", "bath", "published", "expected"),
    [("Na", "75", 10.9, 4.38), ("Na", "37.5", 10.9, 4.52), ("Cs", "75", 5.0, 5.10), ("Cs", "37.5", 5.0, 5.10)],
)
def test_a_junction_that_is_forgotten(salt: str, bath: str, published: float, expected: float) -> None:
    """Glycine receptor, Barry et al. 2010 (Channels 4:142): what the amplifier reads is off by the bath's junction."""
    table, how = ("--solutions", ROOT / "docs" / "dilutions.csv"), ("--model", "pitzer:raw")
    sides = ("--inside", f"{salt}-145", "--outside", f"{salt}-{bath}", *table, *how)
    true = found(*sides, "--ratio", f"{salt}=1,Cl={published}")["potential_mV"]
    line = ["junction", f"{salt}-145", f"{salt}-{bath}", *map(str, (*table, *how)), "--json"]
    _, on_activities = json.loads(CliRunner().invoke(main, line).output)
    read = true + on_activities["henderson_mV"]
    answer = found(*sides, "--ratio", f"{salt}=1", "--solve", "Cl", "--potential-mV", read)
    assert answer["permeability_ratio"] == pytest.approx(expected, abs=0.005)


# Intervals


@pytest.mark.parametrize(
    ("shift", "per_mV"),
    [
        (("--inside", "CsCl=150", "--outside", "NaCl=150"), 1),
        (("--reference-bath", "NaCl=9", "--reference-potential-mV", 4), -1),
    ],
)
def test_interval_of_two_monovalent_ions_is_symmetric_in_the_logarithm(shift: tuple[object, ...], per_mV: int) -> None:
    """ln ratio is linear in the potential: ln(ratio) +- 1.96 se F/RT."""
    pair = ("Na=1", "Cs") if per_mV > 0 else ("Cl=1", "Br")
    bath = () if per_mV > 0 else ("--outside", "NaBr=9")
    answer = found(*shift, *bath, *PLAIN, "--ratio", pair[0], "--solve", pair[1], "--potential-mV", 12, "--se-mV", 1.5)
    half = math.exp(1.959964 * 1.5 / KT_22)
    ratio = answer["permeability_ratio"]
    assert (answer["low"], answer["high"]) == pytest.approx((ratio / half, ratio * half), rel=1e-6)


def test_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Potentials about the true one: those intervals hold the ratio whose potential's own interval holds its truth."""
    from nernstfit.library import ghk

    question = {
        "ratios": ("Cs=1,Na=0.7",), "inside": "CsCl=140", "outside": "CaCl2=10,NaCl=130",
        "chemistry": Chemistry(model="concentration"),
    }  # fmt: skip
    true = ghk.calculate(ghk.Request(**(question | {"ratios": ("Cs=1,Na=0.7,Ca=3",)})))["potential_mV"]
    drawn = true + 2.0 * stats.norm.ppf((np.arange(200) + 0.5) / 200)
    answers = [ghk.calculate(ghk.Request(**question, solve="Ca", potential_mV=float(e), se_mV=2.0)) for e in drawn]
    covered = [(a["low"] or 0) < 3 < (a["high"] or math.inf) for a in answers]
    assert covered == (abs(drawn - true) < 1.959964 * 2).tolist()
    assert sum(covered) == 190


def test_an_end_that_no_ratio_gives_is_open_and_says_so() -> None:
    mixture = ("--inside", "NaCl=10,KCl=140", "--outside", "NaCl=145,KCl=5", "--ratio", "K=1", "--solve", "Na")
    near_potassium = found(*mixture, "--potential-mV", -84, "--se-mV", 1)
    assert near_potassium["low"] is None
    assert near_potassium["high"] > near_potassium["permeability_ratio"]
    near_sodium = found(*mixture, "--potential-mV", 68, "--se-mV", 1)
    assert near_sodium["high"] is None
    for answer, word in ((near_potassium, "low"), (near_sodium, "high")):
        assert answer["notes"] == [
            f"no {word}: that end of the potential's interval lies beyond what any ratio gives "
            "(a potential between -84.4974 and 68.4356 mV)"
        ]


# What is said beside the numbers


def test_activities_say_how_they_are_known() -> None:
    answer = found(
        "--inside", "NMDG-Cl=150", "--outside", "Na=150", "--ratio", "Na=1", "--solve", "NMDG", "--potential-mV", -60
    )
    assert "inside: activity coefficient of NMDG: analogue:NH4" in answer["notes"]
    assert (
        "solution 'outside': charge excess +150 meq/l (+100.0 % of the cations' charge): likely missing is Cl"
        in (answer["notes"])
    )


def test_a_potential_has_the_findings_of_its_solutions() -> None:
    sides = ("--inside", "Tl=100,NO3=100", "--outside", "TlNO3=100,KCl=20", "--ratio", "Tl=1,K=1")
    for model in ("pitzer:macinnes", "concentration"):
        notes = found(*sides, "--model", model)["notes"]
        assert any("solution 'outside' is supersaturated with TlCl" in note for note in notes)
        assert not any("osmolality" in note for note in notes)
    ideal = found("--inside", "K=140", "--outside", "K=5", "--ratio", "K=1", "--model", "concentration")
    assert ideal["notes"] == []
    plain = found("--inside", "NMDG=150", "--outside", "Na=150", "--ratio", "Na=1,NMDG=0.1", *PLAIN)
    assert plain["notes"] == []


def test_printed_and_json_are_the_same() -> None:
    question = (*MIXTURES[0], "--potential-mV", -20, "--se-mV", 0.5)
    answer, lines = found(*question), call(*question).output.splitlines()
    header, k, na = (line.split() for line in lines[:3])
    assert header == list(answer["ions"][0])
    for cells, row in ((k, answer["ions"][0]), (na, answer["ions"][1])):
        assert cells == [f"{value:.6g}" if isinstance(value, float) else str(value) for value in row.values()]
    said = dict(line.split(maxsplit=1) for line in lines[4:])
    assert said["name"] == answer["name"] == "P_Na/P_K"
    for name in ("permeability_ratio", "low", "high", "potential_mV", "se_mV", "temperature_C"):
        assert said[name] == f"{answer[name]:.6g}"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--ratio Na=1 --outside K=1", "--inside: missing, expected a solution's name, or its composition"),
        ("--ratio Na=1 --inside K=1", "--outside: missing"),
        ("--ratio Na=1 --inside pipette --outside K=1", "--inside: got 'pipette' without --solutions"),
        (
            "--ratio Na=1 --inside pipete --outside K=1 --solutions FILE",
            "no solution 'pipete' in FILE; the nearest is 'pipette'",
        ),
        ("--ratio Na=1 --inside KCL=1 --outside K=1", "--inside: 'KCL' is no ion, salt or uncharged substance"),
        (
            "--ratio Na=1 --inside K=-1 --outside K=1",
            "--inside: K: got -1, expected a number from 0 to 20000 (mM)",
        ),
        (
            "--ratio Na=1 --inside K=30000 --outside K=1",
            "--inside: K: got 30000, expected a number from 0 to 20000 (mM)",
        ),
        (
            "--ratio Na=1 --inside K=, --outside K=1",
            "--inside: got 'K=', expected a name and a number like K=140",
        ),
        ("--ratio Na=1 --inside K=1,K=2 --outside K=1", "--inside: got K twice, expected it once"),
        (
            "--ratio Nax=1 --inside K=1 --outside K=1",
            "--ratio: got 'Nax', which is no known ion; the nearest is 'Na'",
        ),
        ("--ratio NaCl=1 --inside K=1 --outside K=1", "--ratio: got 'NaCl', which is no known ion"),
        (
            "--ratio K=1,Na=-.1 --inside K=1 --outside K=1",
            "--ratio: Na: got -.1, expected a number of at least 0",
        ),
        (
            "--ratio K=1,Na=0,05 --inside K=1 --outside K=1",
            "--ratio: Na: got '0,05', expected a number (with a decimal point: 0.05)",
        ),
        (
            "--ratio K=1 --inside K=1,5,Na=1 --outside K=1",
            "--inside: K: got '1,5', expected a number (with a decimal point: 1.5)",
        ),
        ("--ratio K=one --inside K=1 --outside K=1", "--ratio: K: got 'one', expected a number"),
        (
            "--ratio K=2,Na=3 --inside K=1 --outside K=1",
            "--ratio: got K=2, Na=3, expected one ion with ratio 1, the reference",
        ),
        ("--ratio K=1 --inside Na=1 --outside Na=1", "--ratio: no permeant ion on either side"),
        (
            "--ratio K=1,Na=1 --inside Na=1 --outside Cl=1",
            "--ratio: no ion carries inward current, expected a permeant cation outside",
        ),
        (
            "--ratio K=1,Na=1 --inside Cl=1 --outside K=1",
            "--ratio: no ion carries outward current, expected a permeant cation inside",
        ),
        ("--ratio K=1 --inside K=1 --outside Na=1 --solve Na", "--solve, --potential-mV: got one of them"),
        ("--ratio K=1 --inside K=1 --outside Na=1 --potential-mV 3", "--solve, --potential-mV: got one of them"),
        ("--ratio K=1 --inside K=1 --outside Na=1 --se-mV 3", "--se-mV: got it without --potential-mV"),
        (
            "--ratio K=1 --inside K=1 --outside Na=1 --solve K --potential-mV 3",
            "--solve: got K, whose ratio is given by --ratio",
        ),
        (
            "--ratio K=1 --inside K=1 --outside Na=1 --solve Kx --potential-mV 3",
            "--solve: got 'Kx', which is no known ion",
        ),
        (
            "--ratio K=1 --inside K=1 --outside Na=1 --solve Cs --potential-mV 3",
            "P_Cs/P_K: nothing of the first ion on either side",
        ),
        (
            "--ratio K=1 --inside Na=1 --outside Na=2 --solve Na --potential-mV 3",
            "P_Na/P_K: no other permeant ion on either side",
        ),
        (
            "--ratio K=1 --inside Cl=1 --outside Na=2,K=3 --solve Na --potential-mV 3",
            "--ratio: no ion carries outward current",
        ),
        (
            "--ratio K=1 --inside Na=1,K=2 --outside Na=2,K=4 --solve Na --potential-mV 3",
            "P_Na/P_K: the solutions give 17.6295 mV at every ratio",
        ),
        (
            "--ratio K=1 --inside Na=1,K=2 --outside Na=3,K=1 --solve Na --potential-mV -40",
            "expected a potential between -17.6295 and 27.9422 mV",
        ),
        (
            "--ratio K=1 --inside Na=1,K=2 --outside K=1 --solve Na --potential-mV -10",
            "would be negative or infinite, expected a potential below -17.6295 mV",
        ),
        (
            "--ratio K=1 --inside K=2 --outside K=1,Na=1 --solve Na --potential-mV -40",
            "expected a potential above -17.6295 mV",
        ),
        (
            "--ratio K=1 --inside K=1 --outside Na=1 --solve Na --potential-mV nan",
            "--potential-mV: got 'nan', expected a finite number",
        ),
        (
            "--ratio K=1 --inside K=1 --outside Na=1 --solve Na --potential-mV 3 --se-mV 0",
            "--se-mV: got 0, expected a number above 0 and at most 1000 (mV)",
        ),
        (
            "--ratio K=1 --inside K=1 --outside K=2 --temperature-C -300",
            "--temperature-C: got -300, expected a number from -5 to 60",
        ),
        (
            "--ratio K=1 --reference-bath K=1 --outside K=2",
            "--reference-bath, --reference-potential-mV: got one of them",
        ),
        (
            "--ratio K=1 --reference-bath K=1 --reference-potential-mV 0 --inside K=1 --outside K=2",
            "--reference-bath: got it with --inside",
        ),
        (
            "--ratio K=1,Cl=1 --reference-bath KCl=1 --reference-potential-mV 0 --outside K=2",
            "--reference-bath: got cations and anions",
        ),
        (
            "--ratio K=1 --reference-bath NaCl=1 --reference-potential-mV 0 --outside K=2",
            "--reference-bath: contains none of the permeant ions",
        ),
        ("--ratio K=1 --inside K=1 --outside K=2 --nernst-mV K=3", "--nernst-mV: got it without --conductance"),
        ("--ratio K=1 --inside K=1 --outside K=2 --nernst-mV K=3 --conductance", "--nernst-mV: got it with a solution"),
        (
            "--ratio K=1,Na=1 --nernst-mV K=3 --conductance",
            "--nernst-mV: got K, expected a Nernst potential for each of K, Na",
        ),
        ("--ratio K=1,Na=1 --inside K=1,Na=1 --outside Na=2 --conductance", "--conductance: K is not on both sides"),
        (
            "--ratio K=1 --nernst-mV K=-61,Na=-29 --conductance --solve Na --potential-mV 0",
            "got 0 mV, where g_Na/g_K would be negative",
        ),
    ],
)
def test_what_cannot_be_is_one_sentence(tmp_path: Path, line: str, said: str) -> None:
    table = tmp_path / "solutions.csv"
    table.write_text("solution,NaCl,KCl\ncontrol,145,5\npipette,10,140\n")
    done = call(*shlex.split(line.replace("FILE", str(table))), *PLAIN)
    assert done.exit_code == 1
    assert said.replace("FILE", str(table)) in done.output
    assert len(done.output.splitlines()) == 1


# Ions of the user's own

OWN = "species,charge,mobility,analogue,source\nagmatine,1,0.5,NMDG,a guess\n"


def test_an_ion_of_the_users_own(tmp_path: Path) -> None:
    table = tmp_path / "species.csv"
    table.write_text(OWN)
    sides = ("--inside", "NMDG=150,Cl=150", "--outside", "agmatine=30,NMDG=120,Cl=150", "--ratio", "NMDG=1")
    solved = found(*sides, "--solve", "agmatine", "--potential-mV", 5, "--species", table)
    # Both cations have the same coefficient: exp(EF/RT) 150 = 120 + 30 x.
    assert solved["permeability_ratio"] == pytest.approx((150 * math.exp(5 / KT_22) - 120) / 30, rel=1e-6)
    words = ("--outside-mM", "30", "--inside-mM", "3", "--species", str(table), "--json")
    done = CliRunner().invoke(main, ["nernst", "agmatine", *words])
    assert json.loads(done.output)[0]["potential_mV"] == pytest.approx(KT_22 * math.log(10))
    unknown = CliRunner().invoke(main, ["nernst", "agmatin", *words])
    assert unknown.exit_code == 1
    assert "the nearest is 'agmatine'" in unknown.stderr
