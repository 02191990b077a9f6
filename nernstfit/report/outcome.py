"""Outcome of a run in a few lines, and as one object: what `nernstfit run` ends with."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from nernstfit.contract import tables
from nernstfit.contract.codes import Code
from nernstfit.contract.files import MANIFEST, REPORT
from nernstfit.contract.model_words import model_words
from nernstfit.contract.selections import configured_model
from nernstfit.contract.terms import PotentialVerdict, RatioVerdict
from nernstfit.report import findings
from nernstfit.report.numbers import estimate
from nernstfit.report.wording import counted, group_phrase, is_or_are

Record = Mapping[Any, Any]


@dataclass(frozen=True)
class Outcome:
    """Outcome of a run.

    Attributes
    ----------
    reversals, ratios, findings : DataFrame
        The tables reversal_potentials and warnings, and the ratios of the configured model, the ions in its order.
    model : str
        '' where nothing was fitted.
    folder : Path
        Of the experiment.
    rows_are : str
        Name of what the rows were measured on: recordings, or what was measured elsewhere.
    """

    reversals: pd.DataFrame
    ratios: pd.DataFrame
    findings: pd.DataFrame
    model: str
    folder: Path
    rows_are: str = "Recordings"

    def counts(self) -> dict[str, int]:
        """Return the number of rows that are used, refused and excluded; a limit that is fitted is used."""
        verdicts = self.reversals["verdict"]
        has_limit = self.reversals[["low_mV", "high_mV"]].notna().any(axis=1)
        used = int(((verdicts == PotentialVerdict.REVERSAL) | has_limit).sum())
        excluded = int((verdicts == PotentialVerdict.EXCLUDED).sum())
        return {"used": used, "refused": len(verdicts) - used - excluded, str(PotentialVerdict.EXCLUDED): excluded}

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome as plain values, for JSON."""
        names = ("group", "ion", "reference", "verdict", "ratio", "low", "high", "n_cells", "reason")
        ratios = [{name: _plain(row[name]) for name in names} for row in self.ratios.to_dict("records")]
        warnings = self.findings.to_dict("records")
        return {
            "recordings": self.counts(),
            "ratios": ratios,
            "warnings": warnings,
            "report": str(self.folder / REPORT),
        }

    def lines(self) -> Iterator[str]:
        """Yield the outcome line by line: recordings, ratios, errors and warnings, and the place of the report."""
        yield f"{self.rows_are}: {', '.join(f'{number} {name}' for name, number in self.counts().items())}."
        if len(self.ratios):
            yield f"Permeability ratios ({model_words(self.model)}):"
            yield from self._ratio_lines()
        yield from self._finding_lines()
        yield f"Report: {self.folder / REPORT}"

    def _ratio_lines(self) -> Iterator[str]:
        rows = self.ratios.to_dict("records")
        has_groups = any(row["group"] for row in rows)
        width = max(len(f"{row['ion']}/{row['reference']}") for row in rows)
        for i, row in enumerate(rows):
            if has_groups and (i == 0 or rows[i - 1]["group"] != row["group"]):
                yield f"  {group_phrase(row['group'])}"
            name = f"{row['ion']}/{row['reference']}".ljust(width)
            number = estimate(row["ratio"], row["low"], row["high"]).both
            beside = "".join(f"; {each}" for each in self._beside(row))
            n = f", n = {row['n_cells']:.0f}" * (row["verdict"] != RatioVerdict.NOT_IDENTIFIABLE)
            yield f"  {name}  {number}{n}, {RatioVerdict(row['verdict']).label}{beside}"

    def _beside(self, row: Record) -> Iterator[str]:
        """Yield the errors and warnings about a ratio but its verdict, in short; their sentences follow below."""
        verdict = RatioVerdict(row["verdict"])
        said = Code.MODEL_REJECTED.label if verdict is RatioVerdict.MODEL_REJECTED else verdict.label
        for each in findings.beside_ratio(self.findings, row):
            if each.text != said:
                yield f"{each.severity}: {each.text}"

    def _finding_lines(self) -> Iterator[str]:
        serious = findings.serious(self.findings)
        yield from (f"{row['severity']}: {text}" for row, text in findings.by_kind(serious))
        notes = len(self.findings) - len(serious)
        if not serious:
            yield "No errors, no warnings."
        if notes:
            yield f"{counted(notes, 'note')} {is_or_are(notes)} in {self.folder / tables.WARNINGS.path}."


def of_folder(folder: Path) -> Outcome:
    """Read the outcome of the run in an experiment folder.

    Raises
    ------
    InputError
        Where the run is not complete.
    """

    def loaded(table: tables.Table) -> pd.DataFrame:
        return tables.load_result(folder, table)

    model, ratios = configured_model(loaded(tables.MODELS)), loaded(tables.PERMEABILITIES)
    config = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["config"]
    place = {ion: i for i, ion in enumerate(config["fit"]["permeant"])}
    rows_are = "Potentials" if config["reversals"] else "I-V curves" if config["iv"] else "Recordings"
    in_order = ratios.sort_values("ion", key=lambda ions: ions.map(place), kind="stable")
    configured = in_order[in_order["model"] == model].sort_values("group", kind="stable")
    return Outcome(loaded(tables.REVERSAL_POTENTIALS), configured, loaded(tables.WARNINGS), model, folder, rows_are)


def _plain(value: Any) -> Any:
    """Return a cell as JSON can hold it: a missing number is null."""
    if isinstance(value, float):
        return None if math.isnan(value) else value
    return value
