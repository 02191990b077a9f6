"""The pages on protocols: the rows printed there are run, and give what the pages say."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = DOCS / "protocols"
NAMES = sorted(path.stem for path in PAGES.glob("*.md") if path.stem != "index")


@pytest.fixture(scope="module")
def protocols() -> ModuleType:
    spec = importlib.util.spec_from_file_location("protocols", DOCS / "figures" / "protocols.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["protocols"] = module
    spec.loader.exec_module(module)
    return module


def test_every_protocol_has_a_page_and_a_figure(protocols: ModuleType) -> None:
    index = (PAGES / "index.md").read_text(encoding="utf-8")
    assert set(NAMES) == set(protocols.PROTOCOLS)
    for name in NAMES:
        figure = f"figures/protocol_{name}.svg"
        assert (DOCS / figure).exists()
        assert f"](../{figure})" in (PAGES / f"{name}.md").read_text(encoding="utf-8")
        assert f"]({name}.md)" in index


@pytest.mark.parametrize("name", NAMES)
def test_the_rows_of_a_page_give_what_it_says(protocols: ModuleType, name: str) -> None:
    """`make docs` writes the section anew."""
    found = protocols.results(PAGES, name)
    assert (PAGES / f"{name}.md").read_text(encoding="utf-8") == protocols.page(PAGES, name, found)
    channels = protocols.PROTOCOLS[name].channels
    for row in found.experiment.rows:
        measured = found.potentials.loc[row.measurement]
        assert measured["verdict"] == "reversal", measured["reason"]
        assert abs(measured["corrected_mV"] - protocols.true_mV(row, found.experiment, channels)) < 1.0
    for row in found.ratios.to_dict("records"):
        truth = channels.permeability[row["ion"]] / channels.permeability[row["reference"]]
        assert row["low"] < truth < row["high"]
