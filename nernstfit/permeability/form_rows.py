"""Rows of the table of published forms, from the tables of the fit, the reversal potentials and the I-V curves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from nernstfit.contract.correction_terms import CorrectionTerm, correction_terms
from nernstfit.contract.selections import configured_model
from nernstfit.contract.terms import ActivityModel, Configuration, PublishedForm, RatioBasis, RatioVerdict
from nernstfit.permeability import conductances, published_forms
from nernstfit.permeability.activity_factors import ActivityFactors
from nernstfit.permeability.published_forms import HOLDING_MV, Membrane, Value
from nernstfit.solutions.composition import Solutions
from nernstfit.solutions.conditions import NEW_ZERO, Condition

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]

_CONCENTRATIONS = f"ghk:{ActivityModel.CONCENTRATION}"
_PLACE = ["bath", "pipette", "configuration"]

# Least part of the charge of the permeant ions of one sign that an ion brings into a bath that counts as its own for
# conductances. With half of it a bath may belong to two ions; at nearly 1 a trace of another ion leaves it to none.
_MIN_PART = 0.75


@dataclass(frozen=True)
class Fitted:
    """Results of the fit and what they rest on.

    Attributes
    ----------
    tables : mapping of str to DataFrame
        `permeabilities`, `models`, `residuals`, `activity_corrections`, `reversals` and `iv` of the contract.
    solutions : Solutions
    permeant : sequence of str
    reference : str
    """

    tables: Mapping[str, pd.DataFrame]
    solutions: Solutions
    permeant: Sequence[str]
    reference: str

    @cached_property
    def valence(self) -> Mapping[str, int]:
        """Charge number of each permeant ion."""
        return {name: self.solutions.known[name].valence for name in self.permeant}

    @cached_property
    def models(self) -> list[tuple[str, str, RatioBasis]]:
        """Name, activity model and basis of the configured model, and of that on concentrations."""
        models = self.tables["models"].drop_duplicates("model").set_index("model")["activity"]
        configured = configured_model(self.tables["models"])
        names = dict.fromkeys([configured, _CONCENTRATIONS]) if configured else {}
        found = [(name, str(models[name])) for name in names if name in models.index]
        if found and found[0][1] == ActivityModel.CONCENTRATION:
            found = found[:1]
        return [(name, activity, _basis(activity)) for name, activity in found]

    @cached_property
    def places(self) -> pd.DataFrame:
        """Measurements with a potential, each with its place: bath, pipette, configuration, temperature."""
        table = self.tables["reversals"]
        return table[table["corrected_mV"].notna()]

    def membranes(self, group: str, model: str, activity: str) -> Iterator[tuple[Condition, Membrane]]:
        """Yield the membrane in each bath of a group, with the ratios of one model and its factors on activities.

        The temperature is the median over the measurements there, and so is the predicted potential.
        """
        ratios = self.ratios(group, model)
        residuals = self.tables["residuals"]
        predicted = residuals[residuals["model"] == model].set_index("measurement")["predicted_mV"]
        own = self.places[self.places["group"] == group]
        ions = list(ratios)
        permeability = published_forms.of_ratios(list(ratios.values()))
        terms, ln_f = self._factors(group, model)
        for (bath, pipette, configuration), part in own.groupby(_PLACE, sort=True):
            temperature_C = float(part["temperature_C"].median())
            at = Condition(bath, pipette, configuration, temperature_C, NEW_ZERO)
            inside, outside = (self._amounts(side, ions, activity, temperature_C) for side in (at.inside, at.outside))
            e_mV = predicted.reindex(part["measurement"]).median()
            valence = np.array([self.valence[ion] for ion in ions])
            factors = ActivityFactors.of(terms, [at], ions)
            is_doubtful = bool((factors.side != 0).any(axis=0)[np.isnan(ln_f)].any())
            (inside,), (outside,) = factors.applied(np.nan_to_num(ln_f), inside[None], outside[None])
            yield at, Membrane(valence, permeability, inside, outside, temperature_C, float(e_mV), is_doubtful)

    def _factors(self, group: str, model: str) -> tuple[list[CorrectionTerm], np.ndarray]:
        """Return the terms of one model's factors on activities, and their ln f; nan where that is not known."""
        table = self.tables["activity_corrections"]
        rows = table[(table["group"] == group) & (table["model"] == model)]
        return [term for text in rows["term"] for term in correction_terms(text)], rows["ln_factor"].to_numpy(float)

    def ratios(self, group: str, model: str) -> dict[str, Row]:
        """Return the rows of the ratios of one group under one model by ion, the reference among them."""
        table = self.tables["permeabilities"]
        rows = table[(table["group"] == group) & (table["model"] == model)].to_dict("records")
        reference = {"ion": self.reference, "ratio": 1.0, "low": math.nan, "high": math.nan}
        return {str(row["ion"]): dict(row) for row in (reference, *rows)}

    def _amounts(self, side: str, ions: Sequence[str], activity: str, temperature_C: float) -> np.ndarray:
        if not side:
            return np.full(len(ions), math.nan)
        return self.solutions.activity_mM(side, ions, activity, temperature_C)


def _basis(activity: str) -> RatioBasis:
    return RatioBasis.CONCENTRATION if activity == ActivityModel.CONCENTRATION else RatioBasis.ACTIVITY


def form_rows(fitted: Fitted) -> Iterator[Row]:
    """Yield every multivalent ratio in every form, and the fraction of the current that its ion carries.

    Parameters
    ----------
    fitted : Fitted

    Yields
    ------
    dict
        Columns of the table of published forms.
    """
    for group in sorted(set(fitted.tables["permeabilities"]["group"])):
        for model, activity, basis in fitted.models:
            ratios = fitted.ratios(group, model)
            places = list(fitted.membranes(group, model, activity))
            for ion in (name for name in ratios if name != fitted.reference and abs(fitted.valence[name]) > 1):
                key = {"group": group, "model": model, "ion": ion, "reference": fitted.reference, "basis": basis}
                for row in _forms_of_ion(fitted, ratios, ion, places):
                    yield key | row


def _forms_of_ion(
    fitted: Fitted, ratios: Mapping[str, Row], ion: str, places: Sequence[tuple[Condition, Membrane]]
) -> Iterator[Row]:
    """Yield the forms of one ratio without the keys that they share."""
    given, position = ratios[ion], list(ratios).index(ion)
    ratio = Value(given["ratio"], given["low"], given["high"], _reason(given["verdict"]))
    own = [place for place in places if place[1].outside[position] > 0 or place[1].inside[position] > 0]
    for form in published_forms.forms_of(fitted.valence[ion]):
        if not form.depends_on_potential:
            yield _row(form.name, published_forms.in_form(form, ratio))
            continue
        for at, membrane in own:
            value = published_forms.in_form(form, ratio, membrane, position)
            text = published_forms.formula(form.name, membrane, position)
            yield _row(form.name, value) | _place(at, membrane.predicted_mV) | {"formula": text}
    for at, membrane in own:
        value = published_forms.fractional_current(ratio, membrane, position)
        yield _row(PublishedForm.FRACTIONAL_CURRENT, value) | _place(at, HOLDING_MV)


def _reason(verdict: str) -> str:
    """Return the reason why a ratio lacks a number or an interval; '' for an estimate."""
    term = RatioVerdict(verdict)
    return "" if term is RatioVerdict.ESTIMATE else f"{term.label}: {term.sentence}"


def _row(form: PublishedForm, value: Value) -> Row:
    numbers = {"value": value.value, "low": value.low, "high": value.high, "reason": value.reason}
    blank = dict.fromkeys(_PLACE, "") | dict.fromkeys(("n_cells", "temperature_C", "potential_mV"))
    return {"form": form, "formula": form.sentence, "reference_text": form.reference} | numbers | blank


def _place(at: Condition, potential_mV: float) -> Row:
    names = {name: getattr(at, name) for name in (*_PLACE, "temperature_C")}
    return names | {"potential_mV": potential_mV}


def conductance_rows(fitted: Fitted, confidence: float) -> Iterator[Row]:
    """Yield the conductance ratios of every ion that has a bath of its own, as the reference has.

    Parameters
    ----------
    fitted : Fitted
    confidence : float
        Of their intervals.

    Yields
    ------
    dict
        Columns of the table of published forms.
    """
    by_ion = _curves(fitted)
    for group, pipette, configuration in sorted({place for place, _ in by_ion}):
        place = (group, pipette, configuration)
        references = by_ion.get((place, fitted.reference), [])
        for ion in (name for name in fitted.permeant if name != fitted.reference):
            for found in conductances.ratios(by_ion.get((place, ion), []), references, confidence):
                yield {
                    **_row(found.form, found.value),
                    **{"group": group, "model": "", "ion": ion, "reference": fitted.reference},
                    **{"basis": RatioBasis.CURRENT, "bath": found.bath, "pipette": pipette},
                    **{"configuration": configuration, "potential_mV": found.potential_mV, "n_cells": found.n_cells},
                }


def _curves(fitted: Fitted) -> dict[tuple[tuple[str, str, str], str], list[conductances.IV]]:
    """Return the I-V curves of the membrane by (group, pipette, configuration) and the bath's ion.

    Of an inside-out patch the amplifier records the voltage and the current of the membrane with the other sign.
    """
    levels = {str(name): part for name, part in fitted.tables["iv"].groupby("measurement", sort=True)}
    found: dict[tuple[tuple[str, str, str], str], list[conductances.IV]] = {}
    for row in fitted.places.to_dict("records"):
        curve, ion = levels.get(row["measurement"]), _ion_of(fitted, row["bath"], row["temperature_C"])
        if curve is None or not ion:
            continue
        sign = Configuration(row["configuration"]).sign
        junction_mV = row["junction_mV"] if math.isfinite(row["junction_mV"]) else 0.0
        voltage = sign * curve["voltage_mV"].to_numpy(float) + junction_mV
        order = np.argsort(voltage, kind="stable")
        made = conductances.IV(
            row["cell"],
            row["bath"],
            voltage[order],
            sign * curve["current_pA"].to_numpy(float)[order],
            float(row["corrected_mV"]),
        )
        found.setdefault(((row["group"], row["pipette"], row["configuration"]), ion), []).append(made)
    return found


def _ion_of(fitted: Fitted, bath: str, temperature_C: float) -> str:
    """Return the permeant ion, of the sign of the reference, that a bath is made of; '' where it mixes several."""
    sign = math.copysign(1, fitted.valence[fitted.reference])
    ions = [ion for ion in fitted.permeant if fitted.valence[ion] * sign > 0]
    amounts = fitted.solutions.activity_mM(bath, ions, ActivityModel.CONCENTRATION, temperature_C)
    charge = amounts * [abs(fitted.valence[ion]) for ion in ions]
    if not charge.sum() or charge.max() < _MIN_PART * charge.sum():
        return ""
    return ions[int(charge.argmax())]
