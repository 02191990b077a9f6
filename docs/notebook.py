"""Write docs/example.ipynb: the Python interface at work, with what every cell shows.

python docs/notebook.py docs
"""

from __future__ import annotations

import ast
import json
import os
import sys
from pathlib import Path
from typing import Any

import pandas as pd

PROJECT = Path(__file__).resolve().parents[1]
_TEXT, _CODE = "markdown", "code"
CELLS = (
    (
        _TEXT,
        "# From a recording to a permeability ratio\n\n"
        "The recordings are those of the demonstration, simulated with a known truth; the folder is a clone's. "
        "All that is used here is described in [api.md](api.md).",
    ),
    (_CODE, "import pandas as pd\n\nimport nernstfit"),
    (
        _TEXT,
        "## One recording\n\n"
        "Voltage steps in the control bath. The step that changes from sweep to sweep is found in the header, and the "
        "potential is the one commanded, before any junction potential.",
    ),
    (_CODE, 'control = nernstfit.measure("data/c1_control.abf", temperature_C=22)\ncontrol'),
    (_CODE, "control.plot()"),
    (_CODE, "control.iv[['command_mV', 'voltage_mV', 'current_pA', 'se_pA']].head().round(2)"),
    (
        _TEXT,
        "## Solutions\n\n"
        "Activities follow from a recipe, calcium that is bound included, and so does the liquid junction potential of "
        "two solutions, V(bath) - V(pipette).",
    ),
    (
        _CODE,
        'saline = {"NaCl": 140, "KCl": 5, "CaCl2": 2, "MgCl2": 1, "HEPES": 10, "pH": 7.4, "titrant": "NaOH"}\n'
        'pipette = {"CsCl": 140, "NaCl": 5, "EGTA": 5, "HEPES": 10, "pH": 7.2, "titrant": "CsOH"}\n'
        "ions = nernstfit.activities(saline)\n"
        "ions.set_index('ion')[['concentration_mM', 'activity_mM']].round(3)",
    ),
    (_CODE, "round(nernstfit.junction(pipette=pipette, bath=saline), 2)"),
    (
        _TEXT,
        "## Potentials measured elsewhere\n\n"
        "Three cells, each in three baths: a table of potentials and a table of solutions are enough for ratios with "
        "intervals. Junction potentials are calculated and corrected for, as in a run.",
    ),
    (
        _CODE,
        "solutions = pd.DataFrame(\n"
        "    {\n"
        '        "solution": ["control", "potassium", "lithium", "pipette"],\n'
        '        "NaCl": [145, 0, 0, 5],\n'
        '        "KCl": [0, 145, 0, 0],\n'
        '        "LiCl": [0, 0, 145, 0],\n'
        '        "CsCl": [0, 0, 0, 140],\n'
        "    }\n"
        ")\n"
        "measured = {\n"
        '    "control": [2.9, 4.3, 3.4],\n'
        '    "potassium": [0.7, 1.6, 1.1],\n'
        '    "lithium": [-4.6, -3.1, -4.2],\n'
        "}\n"
        "potentials = pd.DataFrame(\n"
        "    [\n"
        '        {"cell": f"c{i}", "bath": bath, "pipette": "pipette", "reversal_mV": mV, "se_mV": 0.4}\n'
        "        for bath, values in measured.items()\n"
        "        for i, mV in enumerate(values, start=1)\n"
        "    ]\n"
        ")\n"
        "result = nernstfit.fit(\n"
        "    potentials,\n"
        "    solutions,\n"
        '    junction={"zeroed_in": "same", "reference": {"type": "none"}},\n'
        '    fit={"reference_ion": "Na", "permeant": ["Na", "K", "Li", "Cs"]},\n'
        ")\n"
        "ratios = result.of_model('permeabilities')\n"
        "ratios[['ion', 'reference', 'ratio', 'low', 'high', 'verdict', 'n_cells']].round(3)",
    ),
    (_CODE, "result.plot()"),
    (
        _TEXT,
        "## The equation alone\n\nThe potential that given ratios predict, and the Nernst potential of one ion, in mV.",
    ),
    (_CODE, 'round(nernstfit.ghk(ratios={"Na": 1, "Cs": 0.9}, inside=pipette, outside=saline), 2)'),
    (_CODE, 'round(nernstfit.nernst("K", inside_mM=140, outside_mM=5, temperature_C=22), 2)'),
)


def notebook() -> dict[str, Any]:
    """Run every cell in the folder of the project, and return the notebook with what they show."""
    os.chdir(PROJECT)
    names: dict[str, Any] = {}
    cells: list[dict[str, Any]] = []
    for number, (kind, source) in enumerate(CELLS):
        cell = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": source.splitlines(keepends=True)}
        if kind == _CODE:
            count = 1 + sum(each["cell_type"] == _CODE for each in cells)
            cell |= {"execution_count": count, "outputs": _outputs(source, names, count)}
        cells.append(cell)
    metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _outputs(source: str, names: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """Run a cell; return what its last expression shows, as Jupyter does."""
    *before, last = ast.parse(source).body
    if not isinstance(last, ast.Expr):
        before.append(last)
    exec(compile(ast.Module(before, []), "cell", "exec"), names)
    if not isinstance(last, ast.Expr):
        return []
    value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
    data = {"text/plain": _lines(repr(value))}
    if isinstance(value, pd.DataFrame):
        data["text/html"] = _lines(value.to_html())
    elif hasattr(value, "_repr_mimebundle_"):
        data["image/svg+xml"] = _lines(value._repr_mimebundle_()["image/svg+xml"])
    return [{"data": data, "execution_count": count, "metadata": {}, "output_type": "execute_result"}]


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


if __name__ == "__main__":
    place = Path(sys.argv[1]).resolve() / "example.ipynb"
    place.write_text(json.dumps(notebook(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")
