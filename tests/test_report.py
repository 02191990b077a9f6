"""The report, from small tables written by hand: what it says, what it loads, and that it is the same twice."""

import base64
import contextlib
import functools
import hashlib
import html
import importlib.util
import itertools
import json
import math
import os
import re
import subprocess
import sys
import zlib
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from experiments import complete

import nernstfit
from nernstfit.abf.records import SIMULATED
from nernstfit.contract import settings, tables
from nernstfit.contract.terms import CorrectionStep, RatioVerdict
from nernstfit.experiment import folder as experiments
from nernstfit.figures import drawing, predictions, render, source, ticks
from nernstfit.figures.corrections import draw_corrections
from nernstfit.figures.ratios import draw_ratios
from nernstfit.physics.solution.ions import IONS
from nernstfit.report import build, citation, manifest, numbers, outline, prose
from nernstfit.report import details as packing
from nernstfit.report.procedures import procedures
from nernstfit.report.recipes import recipes
from nernstfit.report.sections import methods
from nernstfit.solutions.composition import Solutions, Titrant
from nernstfit.stages import judge
from nernstfit.stages import report as stage

CONFIG = {
    "recordings": "data/recordings.csv",
    "activity": {"model": "concentration"},
    "junction": {"method": "none"},
    "fit": {"reference_ion": "K", "permeant": ["K", "Na", "Cl", "Cs"], "offset_sd_mV": math.inf},
    "temperature_C": 25,
}
MODEL = "ghk:concentration"
SOLUTIONS = "solution,NaCl,KCl\nlow <K>,140,5\nhigh K,0,145\npip,10,130\n"
REVERSAL = {"verdict": "reversal", "raw_mV": -20.0, "reversal_mV": -20.0, "corrected_mV": -20.0, "se_mV": 0.1}
ROWS = (
    {"measurement": "one", "cell": "<b>", "bath": "low <K>", **REVERSAL, "low_mV": -20.2, "high_mV": -19.8},
    {"measurement": "two", "cell": "NA", "bath": "high K", **REVERSAL, "low_mV": -20.2, "high_mV": -19.8},
    {
        "measurement": "007",
        "cell": "NA",
        "bath": "low <K>",
        "verdict": "no_crossing",
        "reason": "inward",
        "low_mV": 33.25,
    },
    {
        "measurement": "lost & found",
        "cell": "None",
        "bath": "high K",
        "verdict": "unreadable",
        "reason": "a <script> tag",
    },
)
PERMEABILITIES = (
    {"ion": "Na", "verdict": "estimate", "ratio": 0.2517, "low": 0.2203, "high": 0.2878, "df": 5.0, "n_cells": 2},
    {"ion": "Cl", "verdict": "upper_bound", "high": 0.04121, "n_cells": 2, "reason": "no chloride step"},
    {"ion": "Cs", "verdict": "not_identifiable", "reason": "Cs is in no solution"},
)


NOISE = {
    "one": {"noise_pA": 2.5, "bandwidth_Hz": 5000.0, "bandwidth_source": "nyquist"}
    | {"thermal_noise_pA": 0.5, "noise_ratio": 5.0},
    "two": {"noise_pA": 0.21, "bandwidth_Hz": 2000.0, "bandwidth_source": "telegraph"}
    | {"thermal_noise_pA": 0.42, "noise_ratio": 0.5},
}


TESTS = (
    {"test": "lack_of_fit", "statistic": 9.0, "p": 0.02, "df1": 1, "df2": 8, "sentence": "No set (p = 0.02)."},
    {"test": "shift_method", "ion": "Na", "statistic": 9.0, "p": 0.02, "df1": 1, "size": -0.1}
    | {"sentence": "Off by -3 mV in common (p = 0.02)."},
    {
        "test": "activity",
        "ion": "Na",
        "statistic": 9.0,
        "p": 0.02,
        "df1": 1,
        "size": 20.0,
        "sentence": "Steep (p = 0.02).",
    },
    {
        "test": "activity",
        "ion": "K",
        "statistic": 9.0,
        "p": 0.02,
        "df1": 1,
        "size": -2.0,
        "sentence": "Flat (p = 0.02).",
    },
    {"test": "scatter", "statistic": 0.5, "p": 0.3, "size": 1.1, "sentence": "No more scatter (p = 0.3)."},
    {"test": "permeability_trend", "ion": "Cl", "sentence": "The ratios can take it up."},
    {"test": "time", "sentence": "No time is known."},
)
BY_BATH = (
    {"ion": "Na", "bath": "low <K>", "activity_mM": 140.0, "potential_mV": -20.0, "ratio": 0.25, "low": 0.2}
    | {"high": 0.31, "n_cells": 2},
    {"ion": "Na", "bath": "high K", "activity_mM": 5.0, "potential_mV": -2.0, "ratio": 0.9, "low": 0.1, "n_cells": 2}
    | {"reason": "no upper end"},
    {"ion": "Na", "bath": "no Na", "activity_mM": 0.0, "potential_mV": -60.0, "ratio": 0.7, "low": 0.1, "n_cells": 2},
    *({"ion": "Cl", "bath": bath, "reason": f"hardly depends: {i} mV"} for i, bath in enumerate(("low <K>", "high K"))),
)
CHARGED = tuple(
    {"ion": "Na", "charge_density_C_per_m2": charge, "ratio": 0.25 * factor, "factor": factor}
    | {"least_mV": -9.0, "most_mV": -41.2}
    for charge, factor in ((-0.01, 0.97), (-0.02, 0.89), (-0.03, 0.8))
)
SHARES = (
    {"ion": "Na", "source": "cells", "variance_share": 0.7, "se_ln": 0.05, "sentence": "70 % of ln P(Na): more cells"},
    {"ion": "Na", "source": "noise", "variance_share": 0.3, "se_ln": 0.03, "sentence": "30 % of ln P(Na): less noise"},
)


def make_folder(folder: Path, rows=ROWS, config=CONFIG):
    """Write an experiment folder with its tables of results."""
    for name in ("config", "data", "results/ingest"):
        (folder / name).mkdir(parents=True)
    (folder / "config/config.yaml").write_text(yaml.safe_dump(config))
    (folder / "data/solutions.csv").write_text(SOLUTIONS)
    pd.DataFrame(
        [
            {"recording": f"data/{i}.abf", "cell": r["cell"], "bath": r["bath"], "pipette": "pip"}
            | {"measurement": r["measurement"], "group": r.get("group", "")}
            for i, r in enumerate(rows)
        ]
    ).to_csv(folder / "data/recordings.csv", index=False)
    for i, _ in enumerate(rows):
        (folder / f"data/{i}.abf").write_bytes(f"recording {i}".encode())


def write_results(rows=ROWS, permeabilities=PERMEABILITIES, comparisons=(), aicc=(9.0, 15.0)):
    """Write the tables that the report reads into the present folder."""
    common = {"group": "", "pipette": "pip", "configuration": "whole-cell", "temperature_C": 25.0, "flags": ""}
    rows = [common | {"recording": f"data/{i}.abf"} | row for i, row in enumerate(rows)]
    found = [row for row in rows if row["verdict"] == "reversal"]
    curves = [row for row in rows if row["verdict"] != "unreadable"]
    groups = sorted({row["group"] for row in found})
    steps = [{"step": step, "ion": "Na", "ratio": 0.25, "low": 0.22, "high": 0.28} for step in CorrectionStep]
    residual = {"measured_mV": -20.0, "se_mV": 0.1, "predicted_mV": -21.0, "residual_mV": 1.0, "offset_mV": 0.5}
    content = {
        "reversal_potentials": rows,
        "iv": [
            {"measurement": row["measurement"], "level": i, "command_mV": v, "voltage_mV": v, "current_pA": 5 * v + 100}
            | {"se_pA": 1.0}
            for row in curves
            for i, v in enumerate((-60.0, -30.0, 0.0, 30.0))
        ],
        "solutions": [
            {"temperature_C": 25.0, "solution": name, "ion": ion, "valence": z, "concentration_mM": c}
            | {"activity_coefficient": 1.0, "activity_mM": c, "ionic_strength_M": 0.145, "status": "concentration"}
            | {"charge_excess_meq_per_l": -35.0 * (name == "pip"), "osmolality_mOsm_per_kg": 290.0}
            | {"warnings": "charge excess -35 meq/l" if name == "pip" else ""}
            for name, sodium, potassium in (("low <K>", 140.0, 5.0), ("high K", 0.0, 145.0), ("pip", 10.0, 100.0))
            for ion, z, c in (("Na", 1, sodium), ("K", 1, potassium), ("Cl", -1, 145.0))
            if c > 0
        ],
        "junctions": [],
        "permeabilities": [
            {"group": group, "model": MODEL, "reference": "K"} | row for group in groups for row in permeabilities
        ],
        "cells": [
            {"group": row["group"], "cell": row["cell"], "model": MODEL, "ion": "Na", "ratio": 0.25} for row in found
        ],
        "models": [
            {"group": group, "model": model, "activity": "concentration", "permeant": "K Na", "n_data": n, "aicc": a}
            | {"delta_aicc": None if a is None else a - min(aicc), "sentence": f"said of {model}"}
            for group in groups
            for model, n, a in ((MODEL, len(found), aicc[0]), ("nernst:K", len(found), aicc[1]), ("nernst:Na", 1, None))
        ],
        "residuals": [
            {key: row[key] for key in ("measurement", "group", "cell", "bath")} | residual | {"model": model}
            for row in found
            for model in (MODEL, "nernst:K")
        ],
        "nernst_slopes": [
            {"group": group, "ion": "K", "n": 2, "slope_mV_per_decade": 50.0, "theoretical_mV_per_decade": 59.2}
            for group in groups
        ],
        "corrections": [{"group": group} | step for group in groups for step in steps],
        "activity_corrections": [],
        "published_forms": [],
        "ratios_by_bath": [
            {"group": group, "model": MODEL, "pipette": "pip", "configuration": "whole-cell"} | row
            for group in groups
            for row in BY_BATH
        ],
        "surface_charge": [{"group": group, "model": MODEL} | row for group in groups for row in CHARGED],
        "thermodynamics": [
            {"measurement": row["measurement"], "ion": ion, "driving_force_mV": 1.0} | NOISE.get(row["measurement"], {})
            for row in found
            for ion in ("K", "Na")
        ],
        "intervals": [
            {"group": row["group"], "model": MODEL, "ion": row["ion"], "method": method, "low": 0.2, "high": 0.3}
            | {"disagrees": flag}
            for row in ({"group": group} | row for group in groups for row in permeabilities if "model" not in row)
            for method, flag in (("cells", None), ("bootstrap", True), ("t", False))
        ],
        "comparisons": [
            {"group": group, "other_group": other, "model": MODEL, "reference": "K"} | row
            for group, other in itertools.combinations(groups, 2)
            for row in comparisons
        ],
        "tests": [{"group": group, "model": MODEL} | test for group in groups for test in TESTS],
        "error_budget": [{"group": group, "model": MODEL} | share for group in groups for share in SHARES],
    }
    for name, records in content.items():
        table = tables.TABLES[name]
        tables.write(table.path, table, [complete(table, row) for row in records], first_model=MODEL)
    traces = [
        {"measurement": row["measurement"], "sweep": sweep, "t_ms": t, "command_mV": -60.0 + 30 * sweep}
        | {"low_pA": 100.0 * sweep - 1, "high_pA": 100.0 * sweep + 1, "from_ms": 60.0, "to_ms": 95.0}
        for row in curves
        for sweep in range(4)
        for t in range(0, 100, 5)
    ]
    names = ["measurement", "sweep", "t_ms", "command_mV", "low_pA", "high_pA", "from_ms", "to_ms"]
    return rows, pd.DataFrame(traces, columns=names)


def judge_results(facts=()):
    """Judge the tables in the present folder as the stage before the report does."""
    judged = [path for path in tables.paths(tables.RESULT) if path != tables.WARNINGS.path]
    judge.run(
        {"results": judged, "facts": list(facts)}, {"warnings": tables.WARNINGS.path}, experiments.load(settings.read())
    )


def written_fit_report() -> str:
    """Write the report of lmfit in the present folder; returns its path."""
    path = Path("results/fit_report.txt")
    path.write_text("[[Variables]]\n")
    return str(path)


def run(rows=ROWS, permeabilities=PERMEABILITIES, parts=1, only=outline.TITLES, comment="", **more):
    """Run the stage in the present folder, its Parquet files cut into so many parts; return the page.

    A page of `only` some sections takes a third of the time.
    """
    rows, traces = write_results(rows, permeabilities, **more)
    inputs = {"results": tables.paths(tables.RESULT)}
    loaded = experiments.load(settings.read())
    inputs |= {"facts": [], "traces": [], "tables": loaded.input_files, "fit_report": written_fit_report()}
    for part in range(parts):
        mine = rows[part::parts]
        digests = [hashlib.sha256(Path(row["recording"]).read_bytes()).hexdigest() for row in mine]
        facts = pd.DataFrame({"measurement": [row["measurement"] for row in mine], "sha256": digests})
        facts = facts.assign(
            comment=comment, samples="", channel="", stimuli="", start_s=math.nan, verdict="", mismatch_mV=math.nan
        )
        facts = facts.assign(
            epoch="B", ramp_mV_per_ms=math.nan, prepulse_mV=0.0, window_from_ms=60.0, window_to_ms=95.0
        )
        facts = facts.assign(rate_Hz=5000.0, bandwidth_Hz=1000.0, bandwidth_source="telegraph")
        of_mine = traces[traces["measurement"].isin(facts["measurement"])].iloc[:: 1 if parts == 1 else -1]
        for name, frame in (("facts", facts), ("traces", of_mine)):
            path = f"results/ingest/{part:04d}.{name}.parquet"
            frame.to_parquet(path, index=False)
            inputs[name].append(path)
    inputs["kept"] = []
    outputs = {"report": "results/report.html", "figures": "results/figures", "manifest": "results/manifest.json"}
    outputs |= {"methods": "results/methods.txt", "datapackage": "results/datapackage.json"}
    outputs["crate"] = "ro-crate-metadata.json"
    judge_results(inputs["facts"])
    titles = {name: title for name, title in outline.TITLES.items() if name in only}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "outline", SimpleNamespace(TITLES=titles, PAPER=outline.PAPER))
        stage.run(inputs, outputs, loaded)
    return Path("results/report.html").read_text(encoding="utf-8")


@pytest.fixture
def here(tmp_path, monkeypatch):
    make_folder(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


renderer = drawing.vl_convert


@functools.cache
def svg_of(specification, version):
    return renderer.vegalite_to_svg(json.loads(specification), vl_version=version)


DRAW_ONCE = SimpleNamespace(
    vegalite_to_svg=lambda specification, vl_version: svg_of(json.dumps(specification), vl_version),
    svg_to_png=functools.cache(renderer.svg_to_png),
)


@pytest.fixture(autouse=True)
def each_drawn_once(request, monkeypatch):
    """Draw one figure once: most reports here have most figures in common. `drawn_anew` asks for the renderer."""
    if "drawn_anew" not in request.fixturenames:
        monkeypatch.setattr(drawing, "vl_convert", DRAW_ONCE)
    monkeypatch.setattr(render, "unvalidated", contextlib.nullcontext)


@pytest.fixture
def drawn_anew():
    """Draw every figure, whether it has been drawn before or not."""


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """Folder of a report of the usual tables, and its page: made once, to be read only."""
    folder = tmp_path_factory.mktemp("usual")
    make_folder(folder)
    with contextlib.chdir(folder):
        return folder, run()


@pytest.fixture
def page(usual, monkeypatch):
    """The page of the usual tables, whose folder is entered, to be read only."""
    monkeypatch.chdir(usual[0])
    return usual[1]


def section(page: str, name: str) -> str:
    """Visible text of one section, drawings left out."""
    body = re.search(rf'<section id="{name}">(.*?)</section>', page, re.DOTALL)[1]
    return " ".join(re.sub(r"<svg.*?</svg>|<[^>]+>", " ", body, flags=re.DOTALL).split())


def told(name: str, *given, **more) -> str:
    """Visible text of one section of a report that has no other."""
    return section(run(*given, only=(name,), **more), name)


def summary(page: str) -> str:
    """The first screen."""
    header = re.search(r"<header>(.*?)</header>", page, re.DOTALL)[1]
    return " ".join(re.sub(r"<[^>]+>", "", header).split(" "))


def markup(page: str) -> str:
    """The page without what its scripts hold."""
    return re.sub(r"(<script[^>]*>).*?</script>", r"\1</script>", page, flags=re.DOTALL)


def details(page: str) -> list[str]:
    """HTML of the rows that open, unpacked as a browser does."""
    packed = json.loads(re.search(r'id="details"[^>]*>(.*?)</script>', page, re.DOTALL)[1])
    return [html for group in packed for html in json.loads(zlib.decompress(base64.b64decode(group), wbits=-15))]


def test_page_loads_nothing_and_runs_no_script_but_its_own(page):
    policy = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', page)[1]
    script = page.rpartition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}' blob: file: 'self'" in policy
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline';")
    page = markup(page)
    heads = re.findall(r"<script[^>]*>", page)
    assert [re.findall(r' type="([^"]*)"', head) for head in heads] == [["application/json"], ["application/json"], []]
    assert "://" not in page
    assert not re.findall(r"<(?:link|img|iframe|object|embed)\b", page)
    assert not re.findall(r"@import|@font-face|url\((?!#)", page)
    assert {ref for ref in re.findall(r'(?:src|href)="([^"]*)"', page) if not ref.startswith("#")} == set()


def test_names_stand_as_typed_and_are_escaped(page):
    opened = details(page)
    page = markup(page)
    assert "<b>" not in page
    assert not any("<b>" in html or "<script" in html for html in opened)
    assert "in low &lt;K&gt;: current traces and I-V curve" in opened[0]
    for name in ("&lt;b&gt;", "low &lt;K&gt;", "lost &amp; found", "a &lt;script&gt; tag"):
        assert name in page
    for name in ("007", "NA", "None"):
        assert re.search(rf"<td>(<a [^>]*>)?{name}(</a>)?</td>", page)
    assert "NA 1 of 2" in section(page, "measurements")


def test_a_bound_is_one_sided_and_an_estimate_has_an_interval(page):
    ratios = section(page, "ratios")
    assert "Na / K estimate 0.252 [0.220, 0.288]" in ratios
    assert "Cl / K upper bound only — &lt; 0.042 —" in ratios
    assert "not identifiable" in ratios
    assert "Cs is in no solution" in ratios
    assert "Not identifiable, and therefore not in the figure: Cs." in ratios


@pytest.mark.parametrize("verdict", list(RatioVerdict))
def test_ratios_of_any_one_verdict_make_a_report(here, verdict):
    numbers_of = {
        RatioVerdict.ESTIMATE: {"ratio": 0.25, "low": 0.22, "high": 0.28},
        RatioVerdict.UPPER_BOUND: {"high": 0.04},
        RatioVerdict.LOWER_BOUND: {"low": 4.0},
        RatioVerdict.NOT_IDENTIFIABLE: {},
        RatioVerdict.MODEL_REJECTED: {"ratio": 1.62},
        RatioVerdict.HELD: {"ratio": 0.9},
    }
    rows = [{"ion": ion, "verdict": verdict, "n_cells": 2, **numbers_of[verdict]} for ion in ("Na", "Cl", "Cs")]
    page = run(permeabilities=rows, only=("ratios",))
    ratios, said = section(page, "ratios"), summary(page)
    assert verdict.label in ratios
    is_drawn = {"low", "high"} & set(numbers_of[verdict]) or verdict == RatioVerdict.HELD
    assert is_drawn or f"{verdict.label.capitalize()}, and therefore not in the figure: Cl, Cs and Na." in ratios
    if verdict == RatioVerdict.MODEL_REJECTED:
        assert "P(Na)/P(K) = 1.62, without a valid interval (model rejected; " in said.replace("\u00a0", " ")
    if verdict == RatioVerdict.HELD:
        assert "P(Na)/P(K) = 0.900 (held; " in said.replace("\u00a0", " ")
        assert "Diamond: ratio that fit.parameters holds" in ratios


def test_a_correction_step_whose_model_is_rejected_is_a_point_without_an_interval(here, monkeypatch):
    complete_row = complete

    def rejected(table, row):
        if table is tables.CORRECTIONS and row["step"] == CorrectionStep.NONE:
            row = {key: value for key, value in row.items() if key not in ("low", "high")}
            row |= {"verdict": RatioVerdict.MODEL_REJECTED}
        return complete_row(table, row)

    monkeypatch.setattr(sys.modules[__name__], "complete", rejected)
    assert "A point without an interval: the data reject the model at this step." in told("corrections")


def test_the_fitted_offset_of_a_cell_is_shown_where_there_is_one(here, usual, monkeypatch):
    assert "the fitted electrode offset of the cell" in section(usual[1], "residuals")
    monkeypatch.setattr(predictions, "has_offset", lambda rows: rows["offset_mV"] > 0.5)
    assert "the fitted electrode offset of the cell" not in told("residuals")


def test_noise_stands_beside_its_bound_once_a_measurement(page):
    said = section(page, "measurements")
    assert "a lower bound, not the expected noise" in said
    assert "Measured over bound: median 2.8, range 0.50 to 5.0." in said
    assert "Note: two: the noise is 0.5 of the thermal noise of its conductance" in "".join(details(page))
    assert said.count("Nyquist frequency") == 1
    assert "one &lt;b&gt; 2.50 — 5000 Nyquist frequency 0.500 5.0" in said
    assert "two NA 0.210 — 2000 amplifier telegraph 0.420 0.50" in said


def test_no_noise_is_not_spoken_of(here, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "NOISE", {})
    assert "Noise" not in told("measurements")


def test_refused_rows_say_why(page):
    refused = section(page, "refused")
    assert "2 of 4 rows" in refused
    assert "007 NA low &lt;K&gt; no crossing &gt; 33.2 inward" in refused
    assert "unreadable — a &lt;script&gt; tag" in refused


def test_models_are_compared_in_words(page):
    models = section(page, "models")
    assert f"No other model that predicts all 2 measurements has a lower AICc than the configured {MODEL}." in models
    assert "Not comparable: nernst:Na (only 1 of 2)." in models
    assert f"{MODEL} * — — — 9.0 0.0 said of {MODEL} nernst:K — — — 15.0 6.0 said of nernst:K" in models
    assert "said of nernst:Na" not in models


def test_the_data_may_prefer_another_model(here):
    models = told("models", aicc=(15.0, 9.0))
    assert f"The configured {MODEL} has an AICc higher by 6.0 than the lowest: said of {MODEL}." in models
    assert models.index("said of nernst:K") < models.rindex(f"said of {MODEL}")


def test_ratios_stand_under_each_model(here, usual):
    rows = (*PERMEABILITIES, PERMEABILITIES[1] | {"model": "nernst:K", "ion": "Na"})
    models = told("models", permeabilities=rows)
    assert f"{MODEL} 0.252 &lt; 0.042 — nernst:K &lt; 0.042 — —" in models
    assert "Ratios under each model" not in section(usual[1], "models")


# Groups compared


GROUPED = [row | {"group": group} for row, group in zip(ROWS, ("wild", "mutant", "wild", ""), strict=True)]
DIFFERENCES = (
    {"ion": "Na", "ratio_of_ratios": 1.5, "ln_difference": math.log(1.5), "low": math.log(1.2), "high": math.log(1.9)}
    | {"p": 0.0004, "p_holm": 0.0008},
    {"ion": "Cs", "ratio_of_ratios": 0.8, "ln_difference": math.log(0.8), "low": math.log(0.65), "high": math.log(0.98)}
    | {"p": 0.03, "p_holm": 0.06},
    {"ion": "Cl", "reason": "wild has only an upper bound"},
)


@pytest.fixture
def grouped(tmp_path, monkeypatch):
    make_folder(tmp_path, GROUPED)
    monkeypatch.chdir(tmp_path)


def test_groups_are_compared_in_words_figure_and_table(grouped):
    page = run(GROUPED, comparisons=DIFFERENCES, only=("ratios",))
    ratios = section(page, "ratios")
    sodium = "P(Na)/P(K) is 1.50 [1.20, 1.90] times as high in mutant as in wild (p &lt; 0.001)"
    assert (
        f"1 of 2 differences between groups is significant at p &lt; 0.05 after Holm&#39;s correction: {sodium}."
        in ratios
    )
    assert "Significant only without correction for multiple testing: P(Cs)/P(K) is 0.80 [0.65, 0.98] times" in ratios
    assert "(p = 0.030, p = 0.060 after Holm)" in ratios
    assert "Na / K mutant / wild 1.50 [1.20, 1.90] &lt; 0.001 &lt; 0.001" in ratios
    assert "mutant / wild (Cl / K): wild has only an upper bound" in ratios
    assert sodium in summary(page)
    assert "P(Cs)/P(K) is" not in summary(page)
    assert Path("results/figures/differences.svg").exists()


def test_a_comparison_that_batches_confound_says_so_wherever_it_is_shown(grouped, monkeypatch):
    sentence = "mutant and wild have no day in common (1 and 2)"
    found = {"severity": "warning", "about": "run", "subject": "mutant / wild", "code": "groups_confounded"}
    rows = [complete(tables.WARNINGS, found | {"sentence": sentence, "remedy": ""})]
    monkeypatch.setitem(globals(), "judge_results", lambda _: tables.write(tables.WARNINGS.path, tables.WARNINGS, rows))
    page = run(GROUPED, comparisons=DIFFERENCES, only=("ratios",))
    ratios = section(page, "ratios")
    assert "in wild (p &lt; 0.001; groups and batches confounded)" in summary(page)
    assert "Na / K mutant / wild 1.50 [1.20, 1.90] &lt; 0.001 &lt; 0.001 groups and batches confounded" in ratios
    assert "mutant / wild (Cl / K): wild has only an upper bound" in ratios
    assert f"Warning: {sentence}" in ratios
    assert f"Warning: {sentence}" in summary(page)


def test_no_difference_is_said_to_be_none(grouped):
    page = run(GROUPED, comparisons=DIFFERENCES[1:], only=("ratios",))
    assert "The difference between groups is not significant at p &lt; 0.05. Significant only" in section(
        page, "ratios"
    )
    assert "No difference between groups is significant (section\u00a01)." in summary(page)
    assert not Path("results/figures/differences.svg").exists()


def test_one_difference_is_not_corrected_for_being_many(grouped):
    page = run(GROUPED, comparisons=[DIFFERENCES[1] | {"p_holm": 0.03}], only=("ratios",))
    assert "The difference between groups is significant at p &lt; 0.05: P(Cs)/P(K)" in section(page, "ratios")
    assert "Significant only" not in section(page, "ratios")


def test_bounds_alone_are_no_difference(grouped):
    page = run(GROUPED, comparisons=DIFFERENCES[2:], only=("ratios",))
    assert "wild has only an upper bound" in section(page, "ratios")
    assert "ifference between groups" not in page


def test_one_group_is_not_compared(page):
    assert "Comparison of groups" not in page
    assert "between groups" not in page


def test_intervals_by_other_methods_say_that_a_bound_counts_as_known(here):
    words = "Profile likelihood and bootstrap take P(Cs), at the bound of fit.parameters, as known"
    held = {"ion": "Cs", "verdict": "held", "ratio": 0.8, "reason": "at its bound: max 0.8 of fit.parameters"}
    assert words in told("intervals", permeabilities=(PERMEABILITIES[0], held))
    tied = held | {"reason": "tied: 0.8 * P_Na"}
    assert words not in told("intervals", permeabilities=(PERMEABILITIES[0], tied))


# Whether the equation is valid, and where the uncertainty comes from


def test_each_deviation_is_reported_once(page):
    valid = section(page, "valid").replace("\u00a0", " ")
    assert "These measurements allow 5 tests for 2 deviations." in valid
    assert "one deviation in 20 has a p below 0.05 by chance; here 1 of 2 has:" in valid
    others = "Off by \N{MINUS SIGN}3 mV in common (p = 0.02). Flat (p = 0.02)."
    assert f"No set (p = 0.02). The same deviation, as detected by other tests: {others}" in valid
    assert "Steep" not in valid
    assert "Do measurements scatter more than their errors explain? No more scatter (p = 0.3)." in valid
    assert "Is each permeability constant (Cl)? The ratios can take it up." in valid
    assert "Do the potentials drift? No time is known." in valid
    assert "means of the baths deviate from the equation" in summary(page).replace("\u00a0", " ")


def test_that_no_deviation_was_detected_is_reported_too(here, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "TESTS", TESTS[4:])
    page = run(only=("valid",))
    assert "These measurements allow 1 test for 1 deviation." in section(page, "valid")
    assert "here none of 1 has." in section(page, "valid")
    assert "No set" not in page


def test_ratios_by_bath_stand_beside_the_tests_of_a_constant_permeability(page):
    single = section(page, "single").replace("\u00a0", " ").replace("&gt;", ">").replace("&lt;", "<")
    minus = "\N{MINUS SIGN}"
    table = f"high K 5.00 {minus}2.0 2 0.90 > 0.10 no upper end low <K> 140 {minus}20.0 2 0.250 [0.200, 0.310]"
    assert f"Na / K {table}" in single
    assert "no Na" not in single  # which sees it through the pipette alone
    assert "Cl, not in high K and low <K>: hardly depends" in single
    assert "Is each permeability constant (Cl)? The ratios can take it up." in single
    assert (
        f"Na / K: {minus}3.0, {minus}11 and {minus}20 % with {minus}0.01, {minus}0.02 and {minus}0.03 C/m\u00b2"
        in single
    )
    assert f"Surface potentials between {minus}9 and {minus}41 mV" in single
    assert "A sensitivity, no correction" in single
    assert "as a sensitivity; no ratio is corrected for it" in section(page, "methods")
    assert "Grahame 1947, Chem Rev 41:441" in section(page, "provenance")


def test_one_bath_shows_no_trend_and_one_valence_no_surface_charge(here, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "BY_BATH", BY_BATH[:1])
    monkeypatch.setattr(sys.modules[__name__], "CHARGED", [row | {"factor": 1 + 1e-12} for row in CHARGED])
    single = section(run(only=("single",)), "single")
    assert "No ion has a ratio in two baths" in single
    assert "No ratio would move" in single
    monkeypatch.setattr(sys.modules[__name__], "BY_BATH", ())
    assert "the configured model was fitted to no measurement" in section(run(only=("single",)), "single")


def test_a_group_where_the_equation_fails_is_named(grouped):
    run(GROUPED, only=())
    table = tables.load(tables.WARNINGS.path, tables.WARNINGS)
    assert list(table[table["code"] == "lack_of_fit"]["subject"]) == ["mutant", "wild"]


def test_what_to_measure_better_first_is_said(page):
    errors = section(page, "errors")
    assert (
        "70 % of the variance comes from differences between cells. Most effective improvement: more cells." in errors
    )
    assert "Differences between cells: 70 % of ln P(Na): more cells." in errors
    assert "less noise" not in errors
    assert Path("results/figures/error_budget.svg").exists()


def test_one_cell_needs_more_cells_whatever_its_own_errors_are(here):
    one = PERMEABILITIES[0] | {"n_cells": 1, "scope": "cell"}
    errors = told("errors", permeabilities=(one,))
    assert "How cells differ is not among the sources, since there is one cell." in errors
    assert "Most effective improvement: more cells. Largest" in errors


def test_no_estimate_has_no_budget(here, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "SHARES", ())
    assert "No ratio is an estimate" in told("errors")


def test_a_charge_excess_is_warned_of(here):
    recipes = SOLUTIONS.replace("NaCl,KCl", "NaCl,KCl,Cl").replace("140,5", "140,5,0").replace("0,145", "0,145,0")
    Path("data/solutions.csv").write_text(recipes.replace("10,130", "10,100,35"))
    solutions = told("solutions").replace("\u2212", "-")
    assert "Warning: solution &#39;pip&#39;: charge excess -35 meq/l (-31.8 % of the cations&#39; charge)" in solutions


def test_every_drawing_is_a_file_and_ids_are_unique(page):
    names = {path.name for path in Path("results/figures").iterdir()}
    stems = {name.rsplit(".", 1)[0] for name in names}
    assert names == {f"{stem}.{ending}" for stem in stems for ending in ("svg", "png", "csv")}
    assert {
        "ratios",
        "predicted",
        "residuals",
        "nernst",
        "slopes",
        "corrections",
        "error_budget",
    } <= stems
    page = markup(page)
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([^)]+)\)", page)) <= set(ids)
    assert page.count("<svg") == len(stems)
    assert all(Path(f"results/figures/{stem}.png").read_bytes().startswith(b"\x89PNG") for stem in stems)


@pytest.mark.usefixtures("page")
def test_every_figure_has_its_data_beside_it():
    written = {path.stem: pd.read_csv(path, keep_default_na=False) for path in Path("results/figures").glob("*.csv")}
    assert not {name for frame in written.values() for name in frame} - set(source.COLUMNS)
    residuals, shown = pd.read_csv("results/residuals.csv"), written["predicted"].set_index("measurement")
    predicted = residuals[(residuals["model"] == residuals["model"][0]) & residuals["residual_mV"].notna()]
    for row in predicted.to_dict("records"):
        values = ["predicted_mV", "measured_mV"]
        assert shown.loc[row["measurement"], values].to_list() == [row[name] for name in values]
    assert len(shown) == len(predicted) == Path("results/figures/predicted.svg").read_text().count("data-to=")
    na = written["ratios"][written["ratios"]["ion"] == "Na"].set_index("drawn")
    assert na.loc["ratio", ["reference", "ratio", "low", "high"]].to_list() == ["K", "0.2517", "0.2203", "0.2878"]
    assert set(na.loc["cell", "cell"]) == {"<b>", "NA"}
    assert set(written["nernst"]["bath"]) == {"high K", "low <K>"}


def test_manifest(usual, monkeypatch):
    monkeypatch.chdir(usual[0])
    text = Path("results/manifest.json").read_text(encoding="utf-8")
    content = json.loads(text)
    assert text == json.dumps(content, sort_keys=True, indent=2, allow_nan=False) + "\n"
    assert content["contract"] == 1
    files = ["config/config.yaml", "data/recordings.csv", "data/solutions.csv", *(f"data/{i}.abf" for i in range(4))]
    assert content["inputs"] == {name: hashlib.sha256(Path(name).read_bytes()).hexdigest() for name in files}
    assert set(content["versions"]) == {"python", *manifest.PACKAGES}
    assert content["config"]["fit"]["offset_sd_mV"] == "inf"
    assert content["config"]["measure"]["max_interval_mV"] == 10
    assert str(Path.cwd()) not in text


def outcome() -> dict[str, bytes]:
    paths = [Path("results/report.html"), Path("results/manifest.json"), *Path("results/figures").iterdir()]
    return {str(path): path.read_bytes() for path in paths}


@pytest.mark.usefixtures("drawn_anew")
def test_same_bytes_in_another_folder_and_in_other_batches(here, usual):
    run(parts=3)
    made = outcome()
    with contextlib.chdir(usual[0]):
        assert outcome() == made


def test_old_figures_go(here):
    Path("results/figures").mkdir()
    Path("results/figures/measurements_009.svg").write_text("old")
    run(only=())
    assert not Path("results/figures/measurements_009.svg").exists()


@pytest.mark.parametrize("rows", [ROWS[3:], ROWS[2:3]], ids=["unreadable only", "no crossing only"])
def test_no_reversal(tmp_path, monkeypatch, rows):
    make_folder(tmp_path, rows)
    monkeypatch.chdir(tmp_path)
    page = run(rows, only=("ratios", "models", "junctions"))
    assert f"It gave no reversal potential (reasons: {outline.number_of('refused')})." in page
    assert "There is no permeability ratio: no row is a reversal." in section(page, "ratios")
    assert "There is no model to compare" in section(page, "models")
    assert "No junction potential was corrected (junction.method: none)." in section(page, "junctions")


def test_one_measurement(tmp_path, monkeypatch):
    make_folder(tmp_path, ROWS[:1])
    monkeypatch.chdir(tmp_path)
    page = run(ROWS[:1], only=("refused",))
    assert "lists 1 measurement in 1 cell and 1 bath" in page
    assert "None: every row of the table of recordings gave a reversal potential." in section(page, "refused")


def test_groups_have_headings_of_their_own(tmp_path, monkeypatch):
    rows = [row | {"group": group} for row, group in zip(ROWS, ("wild", "", "wild", ""), strict=True)]
    make_folder(tmp_path, rows)
    monkeypatch.chdir(tmp_path)
    ratios = told("ratios", rows)
    assert "Group wild" in ratios
    assert "Rows without a group" in ratios


def test_simulated_recordings_are_called_so(here):
    Path("data/truth.yaml").write_text("ratios: {K: 2.0, Na: 0.5, Cl: 0.1}\n")
    page = run(only=("ratios",))
    assert "The recordings are simulated" in page
    assert "true ratio" in section(page, "ratios")
    assert "0.220, 0.288] — 2 5.0 0.25" in section(page, "ratios")
    assert "data/truth.yaml" in json.loads(Path("results/manifest.json").read_text())["inputs"]
    assert "simulated" not in (Path("data/truth.yaml").unlink() or run(only=("ratios",)))
    assert "The recordings are simulated" in run(only=("ratios",), comment=SIMULATED)


def test_every_measurement_opens_however_the_recordings_are_divided_into_batches(here):
    whole = details(run(only=("measurements",)))
    assert [re.search(r'aria-label="(\w+) in', html)[1] for html in whole[:3]] == ["one", "007", "two"]
    assert "unreadable: a &lt;script&gt; tag." in whole[3]
    assert details(run(parts=3, only=("measurements",))) == whole


def test_many_measurements_stand_in_scripts_beside_the_page(here, monkeypatch):
    whole = details(run(only=("measurements",)))
    for name, value in {"GROUP": 2, "_MAX_IN_PAGE": 3, "_PER_FILE": 1}.items():
        monkeypatch.setattr(packing, name, value)
    page = run(only=("measurements",))
    assert 'id="details" data-group="2" data-per-file="1"></script>' in page
    files = {path.name: path.read_text() for path in sorted(Path("results/figures").glob("*.js"))}
    assert list(files) == ["details_000.js", "details_001.js"]
    found = []
    for number, text in enumerate(files.values()):
        group = json.loads(re.fullmatch(rf"nernstfitDetails\({number}, (.*)\);\n", text, re.DOTALL)[1])
        found += json.loads(zlib.decompress(base64.b64decode(*group), wbits=-15))
    assert found == whole
    assert set(json.loads(Path("results/manifest.json").read_text())["outputs"]) >= {
        f"results/figures/{name}" for name in files
    }
    monkeypatch.undo()
    monkeypatch.chdir(here)
    run(only=("measurements",))
    assert not list(Path("results/figures").glob("*.js"))


def test_any_measurement_is_drawn_from_the_results(here):
    run(parts=2, only=("measurements",))
    for part, later in (("0000", "0000"), ("0001", "0001"), ("0000", "0002")):  # the last as left of a longer run
        Path(f"results/ingest/{later}").mkdir()
        traces = pd.read_parquet(f"results/ingest/{part}.traces.parquet")
        traces.assign(low_pA=traces["low_pA"] - 40 * (later == "0002")).to_parquet(
            f"results/ingest/{later}/traces.parquet"
        )
    result = nernstfit.load(here)
    drawn = result.plot_measurements("007", "two").svg
    assert drawn.count("current traces and I-V curve") == 2
    assert "007" in drawn
    assert "&lt;K&gt;" in result.plot_measurements("one").svg
    with pytest.raises(nernstfit.InputError, match="'lost & found'; its verdict is unreadable"):
        result.plot_measurements("one", "lost & found")
    with pytest.raises(nernstfit.InputError, match="'tow'; the nearest name is 'two'"):
        result.plot_measurements("tow")
    with pytest.raises(nernstfit.InputError, match="got no measurement"):
        result.plot_measurements()
    for path in (
        *Path("results/ingest").rglob("*.parquet"),
        Path("results/iv.csv"),
        Path(tables.REVERSAL_POTENTIALS.path),
    ):
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, dtype=str)
        frame["measurement"] = frame["measurement"].replace("two", "two:B")
        frame.to_parquet(path, index=False) if path.suffix == ".parquet" else frame.to_csv(path, index=False)
    result = nernstfit.load(here)
    assert result.plot_measurements("two").svg == result.plot_measurements("two:B").svg


def test_one_batch_of_traces_is_read_at_a_time(here, monkeypatch):
    read, gather = [], tables.gather

    def kept(*given):
        read.append(gather(*given))
        return read[-1]

    monkeypatch.setattr(tables, "gather", kept)
    run(parts=3, only=("measurements",))
    traces = [sorted(set(frame["measurement"])) for frame in read if "low_pA" in frame]
    assert traces == [["one"], ["two"], ["007"]]


@pytest.mark.parametrize(
    ("ratio", "low", "high", "expected"),
    [
        (1.1271, 1.0582, 1.2006, ("1.127", "[1.058, 1.201]")),
        (23.4, 18.1, 30.2, ("23.4", "[18.1, 30.2]")),
        (math.nan, math.nan, 0.000151, ("—", "< 0.00016")),
        (math.nan, 12.39, math.nan, ("—", "> 12")),
        (math.nan, math.nan, math.nan, ("—", "—")),
        (2.02e-6, 1.59e-6, 2.57e-6, ("2.0 × 10⁻⁶", "[1.6 × 10⁻⁶, 2.6 × 10⁻⁶]")),  # noqa: RUF001
        (2.5e-7, 1e-7, 6e-7, ("2.5 × 10⁻⁷", "[1.0 × 10⁻⁷, 6.0 × 10⁻⁷]")),  # noqa: RUF001
    ],
)
def test_numbers_are_rounded_to_what_the_interval_supports(ratio, low, high, expected):
    written = numbers.estimate(ratio, low, high)
    assert (written.ratio, written.interval) == expected


def test_what_the_model_cannot_predict_is_said_at_once(here):
    run(only=())
    path = Path("results/residuals.csv")
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    lost = (table["model"] == MODEL) & (table["bath"] == "high K")
    table.loc[lost, ["predicted_mV", "residual_mV", "offset_mV"]] = ""
    table.to_csv(path, index=False)
    inputs = {"results": tables.paths(tables.RESULT)}
    loaded = experiments.load(settings.read())
    inputs |= {"facts": ["results/ingest/0000.facts.parquet"], "traces": ["results/ingest/0000.traces.parquet"]}
    inputs |= {"fit_report": written_fit_report(), "kept": inputs["facts"]}
    outputs = {"report": "results/report.html", "figures": "results/figures", "manifest": "results/manifest.json"}
    outputs |= {"methods": "results/methods.txt", "datapackage": "results/datapackage.json"}
    outputs["crate"] = "ro-crate-metadata.json"
    judge_results(inputs["facts"])
    stage.run(inputs | {"tables": loaded.input_files}, outputs, loaded)
    said = summary(Path("results/report.html").read_text())
    assert "Warning: 1 of 2 reversal potentials are left out of the fit" in said
    assert "(bath high K)" in said


def test_the_form_of_a_divalent_ratio_is_stated(tmp_path, monkeypatch):
    fit = CONFIG["fit"] | {"permeant": ["K", "Na", "Ca"]}
    make_folder(tmp_path, config=CONFIG | {"fit": fit})
    monkeypatch.chdir(tmp_path)
    page = run(permeabilities=(PERMEABILITIES[0], PERMEABILITIES[0] | {"ion": "Ca"}), only=("ratios", "methods"))
    for said in ("Ca carries more than one charge", "x (1 + x) / (4 [M])", "with concentrations on both sides"):
        assert said in section(page, "ratios")
    assert "GHK current equation with z²" in section(page, "methods")
    assert "GHK current equation with z²" in summary(page)


def test_monovalent_ratios_have_one_form(page):
    assert "GHK current equation" not in page


@pytest.mark.parametrize(("df", "written"), [(4.26, "4.3"), (1000.0, "1000.0"), (1e9, "> 1000"), (math.nan, "—")])
def test_degrees_of_freedom_are_written_as_far_as_they_matter(df, written):
    assert numbers.degrees_of_freedom(df) == written


@pytest.mark.parametrize("factor", [1.02, 1.1, 1.5, 2.3, 4, 9.9, 30, 1e3, 1e9, 1e25])
def test_a_logarithmic_axis_is_labelled_where_it_is(factor):
    for low, least in itertools.product((1e-6, 3.7e-3, 0.11, 0.79, 0.98, 1.0, 4.4, 6.1e4), (3, 4)):
        chosen = ticks.log_ticks(low, low * factor, least)
        assert 2 <= len(chosen) <= 7
        assert chosen == sorted(set(chosen))
        assert low <= chosen[0]
        assert chosen[-1] <= low * factor
        assert chosen[-1] / chosen[0] >= factor**0.3
        assert all(len(f"{tick:.12g}".replace(".", "").strip("0")) <= 4 or "e" in f"{tick:.12g}" for tick in chosen)


def test_rows_without_a_group_have_a_name_in_the_legend():
    rows = pd.DataFrame([{"group": g, "ion": "Na", "verdict": "estimate", "reference": "K"} for g in ("", "wild")])
    rows = rows.assign(ratio=0.5, low=0.4, high=0.6)
    single = pd.DataFrame({"group": ["", "wild"], "cell": "a", "ion": "Na", "ratio": [0.45, 0.55]})
    ladder = rows.assign(step="none")
    for figure in (draw_ratios(rows, single, {}, ["Na"]), draw_corrections(ladder, {}, ["Na"])):
        svg = render.render(figure).svg
        assert "(no group)" in svg
        assert set(pd.concat(frame["group"] for frame in figure.data.values() if "group" in frame)) == {
            "(no group)",
            "wild",
        }


DRAW = """
import hashlib
import altair, pandas
from nernstfit.figures import render
rows = pandas.DataFrame({"x": [1.0], "name": ["K\\u2212Na \\u210f \\u2603"]})
chart = altair.Chart(altair.NamedData(name="rows")).mark_text(fontSize=20).encode(x="x:Q", text="name:N")
print(hashlib.sha256(render.render(render.Figure("one", lambda _: chart, {"rows": rows}, rows)).png).hexdigest())
"""


def test_a_png_does_not_depend_on_the_fonts_of_the_machine(tmp_path):
    """Glyphs that Liberation Sans lacks came from whatever font the machine had: DejaVu here, then none."""
    fonts = Path(importlib.util.find_spec("matplotlib").submodule_search_locations[0]) / "mpl-data/fonts/ttf"
    assert (fonts / "DejaVuSans.ttf").exists()
    digests = set()
    for number, folder in enumerate((fonts, tmp_path)):
        machine = tmp_path / f"{number}.conf"
        machine.write_text(f"<fontconfig><dir>{folder}</dir></fontconfig>")
        done = subprocess.run(
            [sys.executable, "-c", DRAW],
            env={**os.environ, "FONTCONFIG_FILE": str(machine)},
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(done.stdout)
    assert len(digests) == 1


SECTIONS = Path(methods.__file__).parent


@pytest.mark.parametrize("path", sorted(Path(prose.__file__).parent.glob("templates/*.j2")), ids=lambda path: path.stem)
def test_every_paragraph_of_a_template_is_used(path):
    """A paragraph that no section names would be edited in vain."""
    source = path.read_text(encoding="utf-8")
    code = "".join(
        each.read_text(encoding="utf-8")
        for each in SECTIONS.glob("*.py")
        if f'Prose("{path.stem}")' in each.read_text(encoding="utf-8")
    )
    assert [name for name in re.findall(r"{% block (\w+) %}", source) if f'"{name}"' not in code] == []


def test_sections_are_numbered_in_their_order(page):
    titles = re.findall(r'<h2><span class="number">\d+</span>(.*?)</h2>', page)
    assert titles == list(outline.TITLES.values())
    assert outline.number_of("ratios") == "section\u00a01"


def test_a_reader_without_javascript_is_told_where_the_rest_is(page):
    (told,) = re.findall("<noscript>(.*?)</noscript>", page)
    assert "the complete tables are the CSV files beside this page" in told
    assert page.index(told) < page.index("<nav")


# Methods


def test_the_methods_state_what_was_done(page):
    said = section(page, "methods")
    assert "Currents of 3 cells were recorded under voltage clamp in the whole-cell configuration at 25 °C" in said
    assert (
        "in 4 ABF files. They were sampled at 5 kHz through a low-pass filter of 1 kHz (amplifier telegraph)." in said
    )
    assert f"read with pyABF {version('pyabf')}" in said
    assert "2 of 4 measurements gave a reversal potential; cells in each bath: high K 1 and low &lt;K&gt; 1." in said
    assert "Without a reversal potential were 2 of 4: 1 no crossing (the current does not cross zero within" in said
    assert "Measured were steps in epoch B, mean from 60 to 95 ms, at commands of \N{MINUS SIGN}60 to 30 mV;" in said
    assert "The series resistance was not known and not corrected for." in said
    assert "No leak was subtracted." in said
    assert "Liquid junction potentials were not corrected." in said
    assert "The likelihood falls on one side only for Cl, of which a one-sided limit is given." in said
    assert "The data do not determine the ratio of Cs, and none is given." in said
    assert f"by nernstfit {version('nernstfit')} (to be cited as in section 20), with Python" in said
    for conditional in ("where given", "Where the", "unless", "spread between repeats", "capacit"):
        assert conditional not in said.split("References")[0]


def test_the_methods_give_series_resistances_and_reasons_of_exclusion(tmp_path, monkeypatch):
    excluded = {"verdict": "excluded", "reason": "seal lost"}
    rows = [{**ROWS[0], "rs_shift_mV": 0.3}, {**ROWS[1], "rs_shift_mV": 0.2}, {**ROWS[2], **excluded}]
    rows += [{"measurement": f"x{i}", "cell": "x", "bath": "high K", **excluded} for i in range(3)]
    rows[-1]["reason"] = "<i>run-down</i>"
    make_folder(tmp_path, rows)
    monkeypatch.chdir(tmp_path)
    table = pd.read_csv("data/recordings.csv", keep_default_na=False).assign(series_resistance_MOhm=10)
    table.assign(compensation_percent=[80, 50, 0, 0, 0, 0]).to_csv("data/recordings.csv", index=False)
    said = section(run(rows, only=("methods",)), "methods")
    assert "were 4 of 6: 4 excluded (seal lost, 3 of 4; &lt;i&gt;run-down&lt;/i&gt;, 1 of 4)." in said
    assert "The series resistance was 10 MΩ, compensated by 50 to 80 %;" in said
    assert "across the uncompensated part (2 to 5 MΩ)." in said


def test_without_a_potential_the_methods_state_no_fit(tmp_path, monkeypatch):
    make_folder(tmp_path, ROWS[2:])
    monkeypatch.chdir(tmp_path)
    page = run(ROWS[2:], only=("methods", "provenance"))
    said = section(page, "methods")
    assert "Without a reversal potential were 2 of 2" in said
    assert "Permeability ratios were fitted" not in said
    assert "Goldman 1943" not in section(page, "provenance")


def test_the_text_of_the_methods_has_recipes_references_and_citation(usual, page):
    text = (usual[0] / "results/methods.txt").read_text(encoding="utf-8")
    of_page = re.findall("<p>(.*?)</p>", page[page.index('id="methods"') : page.index('id="findings"')])
    assert len(of_page) == 6
    for paragraph in of_page[:2] + of_page[3:5]:  # the others name places, which are other ones in the text
        assert html.unescape(paragraph) in text.splitlines()
    assert "low <K> (bath): 140 NaCl, 5 KCl; 290 mOsm/kg at 25 °C" in text.splitlines()
    assert "pip (pipette): 130 KCl, 10 NaCl; 290 mOsm/kg at 25 °C" in text.splitlines()
    assert f"  version = {{{version('nernstfit')}}}," in text
    assert "<td>low &lt;K&gt;</td><td>bath</td><td>140 NaCl, 5 KCl</td>" in page


def test_every_publication_that_the_methods_cite_is_listed_and_no_other(usual, page):
    text = (usual[0] / "results/methods.txt").read_text(encoding="utf-8")
    said, listed = text.split("\n\nReferences\n\n")
    names = r"([A-Z][a-z]+)[^(;)\d]*? (\d{4})\b"
    cited = set(re.findall(names, " ".join(re.findall(r"\([^)]*\)", said))))
    references = [re.match(names, line) for line in listed.split("\n\n")[0].splitlines()]
    assert {match.groups() for match in references} == cited


def test_the_citation_is_that_of_the_repository():
    of_repository = yaml.safe_load((Path(__file__).parents[1] / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation.as_text("1.2") == (
        f"{of_repository['authors'][0]['name']}. {of_repository['title']}, version 1.2. "
        f"Computer software, {of_repository['license']} licence."
    )


def test_a_recipe_names_gas_titrant_and_pH():
    known = Solutions(
        names=("bath",), ions=(), given_mM=np.zeros((1, 0)), substances=(), substance_mM=np.zeros((1, 0)),
        pH=(7.4,), titrants=(Titrant("NaOH", IONS["Na"]),), pCO2_mmHg=(38.0,), doses=({"HEPES": 10.0, "NaCl": 140.0},),
    )  # fmt: skip
    assert recipes(known) == {"bath": "140 NaCl, 10 HEPES, CO2 at 38 mmHg, NaOH to pH 7.4"}


def test_the_methods_count_different_procedures(here):
    sampled = {"rate_Hz": 2e4, "bandwidth_Hz": 1e4, "bandwidth_source": "nyquist"}
    facts = pd.DataFrame(
        [
            sampled
            | {"measurement": "one", "epoch": "F", "ramp_mV_per_ms": math.nan, "prepulse_mV": 120.0}
            | {"window_from_ms": 4.0, "window_to_ms": 10.0},
            sampled
            | {"measurement": "two", "epoch": "B", "ramp_mV_per_ms": 1.0, "prepulse_mV": -20.0}
            | {"window_from_ms": 0.0, "window_to_ms": 500.0},
        ]
    )
    found = procedures(experiments.load(settings.read()), facts).set_index("measurement")
    assert dict(found["currents"]) == {
        "one": "tail currents in epoch F, mean from 4 to 10 ms",
        "two": "ramps in epoch B",
    }
    assert set(found["sampling"]) == {"20 kHz, no lower filter being named in the file"}
    assert methods._counted(found["currents"]) == [
        "ramps in epoch B, 1 of 2",
        "tail currents in epoch F, mean from 4 to 10 ms, 1 of 2",
    ]
