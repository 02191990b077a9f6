"""References of the methods, as far as their methods were used."""

from __future__ import annotations

from collections.abc import Iterator

from nernstfit.contract.terms import ActivityModel, JunctionMethod, ValidityTest
from nernstfit.report.results import Results
from nernstfit.reversal import registry

_FIT = (
    "Burnham & Anderson 2002, Model Selection and Multimodel Inference, 2nd edition, Springer",
    "Goldman 1943, J Gen Physiol 27:37",
    "Hille 2001, Ion Channels of Excitable Membranes, 3rd edition, Sinauer, chapter 14",
    "Hodgkin & Katz 1949, J Physiol 108:37",
    "Hurvich & Tsai 1989, Biometrika 76:297",
    "Lindstrom & Bates 1990, Biometrics 46:673",
    "Patterson & Thompson 1971, Biometrika 58:545",
)
_JUNCTIONS = ("Barry & Lynch 1991, J Membr Biol 121:101", "Neher 1992, Methods Enzymol 207:123")
_COMPARISONS = ("Holm 1979, Scand J Stat 6:65", "Welch 1947, Biometrika 34:28")
_ROBUST = ("Little 1988, Appl Stat 37:23",)
_ONSAGER = "Onsager 1927, Phys Z 28:277"
_SURFACE = "Grahame 1947, Chem Rev 41:441"
_LIMITS = ("Cunningham, Hennig & Lacoste-Julien 2011, arXiv:1111.6832",)


def cited(results: Results) -> list[str]:
    """Return the references of the methods in alphabetical order."""
    return sorted([*_of_methods(results), *(_of_analyses(results) if results.model else ())])


def citation(reference: str) -> str:
    """Return authors and year of each publication of a term's reference, as they stand in running text."""
    return "; ".join(part.split(",")[0] for part in reference.split("; ") if part)


def has_shift_method(results: Results) -> bool:
    """Return whether ratios from shifts of potential alone were compared with the fitted ones."""
    tests = results.tables["tests"]
    return bool(tests[tests["test"] == ValidityTest.SHIFT_METHOD]["p"].notna().any())


def has_intervals(results: Results) -> bool:
    """Return whether any ratio of the configured model has an interval, one-sided ones included."""
    return bool(results.of_model("permeabilities")[["low", "high"]].notna().to_numpy().any())


def has_charged(results: Results) -> bool:
    """Return whether the sensitivity of any ratio to a surface charge is known."""
    return bool(results.tables["surface_charge"]["factor"].notna().any())


def _of_methods(results: Results) -> Iterator[str]:
    """Yield the references of the methods that the configuration selects."""
    config = results.config
    junction = JunctionMethod(config["junction"]["method"])
    if junction is not JunctionMethod.NONE:
        yield from _JUNCTIONS
    selected = [junction.reference, ActivityModel(config["activity"]["model"]).reference]
    if not results.has_imported_potentials:
        selected.append(registry.get(config["measure"]["estimator"]).reference)
    for reference in selected:
        yield from filter(None, reference.split("; "))


def _of_analyses(results: Results) -> Iterator[str]:
    """Yield the references of the fit, and of the analyses that these data allowed."""
    yield from _FIT
    if has_intervals(results):
        yield _ONSAGER
    if results.fit["robust"]:
        yield from _ROBUST
    if results.has_comparisons():
        yield from _COMPARISONS
    if has_shift_method(results):
        yield ValidityTest.SHIFT_METHOD.reference
    if has_charged(results):
        yield _SURFACE
    if results.limits_fitted():
        yield from _LIMITS
