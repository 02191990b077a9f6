"""Terms of `fit.activity_correction`: which activities a fitted factor multiplies.

    none             no factor
    pipette          all activities of the pipette solution
    pipette:<ion>    the activity of one ion in the pipette solution
    bath:<solution>  all activities of one bath

One term is given as it stands, several as a list; their order says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nernstfit.contract.errors import nearest_or_all
from nernstfit.contract.terms import CorrectionKind

NO_CORRECTION = "none"
"""Value of the key where no factor is fitted."""

KEY = "fit.activity_correction"
FORMS = "none, pipette, pipette:<ion>, bath:<solution>, or a list of them"


@dataclass(frozen=True)
class CorrectionTerm:
    """One fitted factor.

    Attributes
    ----------
    kind : CorrectionKind
    name : str
        Ion of a pipette's term, '' for all ions; solution of a bath's term.
    """

    kind: CorrectionKind
    name: str = ""

    def __str__(self) -> str:
        """Return the term as the configuration and the names of models have it."""
        return f"{self.kind}:{self.name}" if self.name else str(self.kind)

    @property
    def ion(self) -> str:
        """Ion whose activity is multiplied; '' for all ions."""
        return self.name if self.kind == CorrectionKind.PIPETTE else ""

    @property
    def solution(self) -> str:
        """Bath whose activities are multiplied; '' for a term of the pipette."""
        return self.name if self.kind == CorrectionKind.BATH else ""

    @property
    def is_whole_pipette(self) -> bool:
        """True for the common factor on all activities in the pipette."""
        return self.kind == CorrectionKind.PIPETTE and not self.name

    @property
    def parameter_name(self) -> str:
        """Name of the factor as a parameter of lmfit: with _ for what is no letter or digit."""
        return f"{re.sub('[^A-Za-z0-9]', '_', str(self))}_factor"


PIPETTE = CorrectionTerm(CorrectionKind.PIPETTE)
"""Common factor on all activities in the pipette."""


def correction_terms(value: str | Sequence[str]) -> tuple[CorrectionTerm, ...]:
    """Return the terms of the key, the pipette's before those of baths, each kind by name.

    Parameters
    ----------
    value : str or sequence of str
        As the configuration has it, checked by `correction_faults`.
    """
    found = [term for text in _texts(value) if (term := _term(text)) is not None]
    return tuple(sorted(found, key=lambda term: (list(CorrectionKind).index(term.kind), term.name)))


def parameter_names(terms: Sequence[CorrectionTerm]) -> tuple[str, ...]:
    """Return the names of the factors as parameters of lmfit; where two would be the same, the later has its place."""
    plain = [term.parameter_name for term in terms]
    return tuple(f"{name}_{i}" if name in plain[:i] else name for i, name in enumerate(plain))


def correction_faults(value: str | Sequence[str], permeant: Sequence[str] | None) -> Iterator[str]:
    """Yield the faults of the key, one sentence each.

    Parameters
    ----------
    value : str or sequence of str
    permeant : sequence of str or None
        None where it is not sound: ions are not checked.
    """
    texts = _texts(value)
    if NO_CORRECTION in texts and not isinstance(value, str):
        yield f"key '{KEY}': got 'none' in a list, expected terms to fit, or none alone"
    for text in dict.fromkeys(text for text in texts if texts.count(text) > 1):
        yield f"key '{KEY}': got '{text}' {texts.count(text)} times, expected each term once"
    for text in dict.fromkeys(texts):
        term = _term(text)
        if term is None and text != NO_CORRECTION:
            yield f"key '{KEY}': got '{text}', expected {FORMS}"
        elif term is not None and term.ion and permeant is not None and term.ion not in permeant:
            hint = nearest_or_all(term.ion, permeant)
            yield f"key '{KEY}': got '{text}', whose ion is not in fit.permeant; {hint}"


def _texts(value: str | Sequence[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _term(text: str) -> CorrectionTerm | None:
    """Return the term of a text; None where it has none of the forms."""
    kind, colon, name = text.partition(":")
    if kind not in list(CorrectionKind) or bool(colon) != bool(name) or name != name.strip():
        return None
    term = CorrectionTerm(CorrectionKind(kind), name)
    return None if term.kind == CorrectionKind.BATH and not name else term
