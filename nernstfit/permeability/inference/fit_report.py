"""Report of the configured model in the form of lmfit's fit_report, for readers and programs that know it.

The parameters P_<ion> have the values, bounds and expressions of `fit.parameters`. lmfit minimises the squares of the
whitened residuals, with the variance components as the mixed model has them, from the optimum that this has found.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import lmfit
import numpy as np
from numpy.typing import NDArray

from nernstfit.contract.correction_terms import parameter_names as factor_names
from nernstfit.contract.expressions import parameter_names
from nernstfit.contract.terms import RatioVerdict
from nernstfit.permeability.covariance import CovarianceComponents, Whitener
from nernstfit.permeability.inference.ratios import FitResult
from nernstfit.permeability.mixed_model import Fit, canonical_order

FloatArray = NDArray[np.float64]

_HEAD = """\
lmfit.fit_report of the configured model, {model}, by group: permeability ratios to {reference} (P_{reference} is 1).
Residuals are whitened with the fitted variance components, which count as known; +/- is the standard error of the ratio
from noise, cells and offsets (P times se_ln_cells of permeabilities.csv), without systematic errors; a model that the
data reject, or a fit that did not converge, has none. Intervals are in permeabilities.csv; models.csv compares models
by a likelihood that lmfit's information criteria do not hold.
"""

_MIN_CORRELATION = 0.1  # lmfit's own; half of it lists correlations that mean nothing, double hides some that matter


def fit_report(groups: Mapping[str, FitResult | None], model: str, reference: str) -> str:
    """Return the text of the report, a block for each group.

    Parameters
    ----------
    groups : mapping of str to FitResult or None
        Fit and ratios of the configured model; None where it predicts no measurement.
    model : str
    reference : str
    """
    blocks = [_HEAD.format(model=model, reference=reference)]
    for name, found in groups.items():
        title = f"group {name}" if name else "all rows"
        lines = ["no measurement has a reversal potential under this model"] if found is None else _of_group(found)
        blocks.append("\n".join([title, "-" * len(title), *lines, ""]))
    return "\n".join(blocks)


def _of_group(found: FitResult) -> Iterator[str]:
    """Yield the lines of one group: rejection, verdicts without an interval, then lmfit's own."""
    doubt = _doubt(found)
    if doubt:
        yield f"{doubt}. No standard error is valid, and none is given."
    ions: dict[str, list[str]] = {}
    for ratio in found.ratios:
        if math.isnan(ratio.se_ln_cells) and ratio.verdict != RatioVerdict.MODEL_REJECTED:
            words = "" if ratio.verdict == RatioVerdict.HELD else f"{ratio.verdict.label}: "
            ions.setdefault(f"{words}{ratio.reason}", []).append(ratio.ion)
    yield from (f"{', '.join(names)}: {words}" for words, names in ions.items())
    if not found.fit.data.parameters.negative(found.fit.ln_p):
        result = minimized(found.fit)
        yield lmfit.fit_report(_without_errors(result) if doubt else result, min_correl=_MIN_CORRELATION)


def _doubt(found: FitResult) -> str:
    """Return the sentence that no standard error of a fit is valid, without its full stop; '' where they are."""
    rejected = [ratio.reason for ratio in found.ratios if ratio.verdict == RatioVerdict.MODEL_REJECTED]
    if rejected:
        return f"The model is rejected: {rejected[0].rstrip('.')}"
    return "" if found.fit.settled else "The fit did not converge"


def _without_errors(
    result: lmfit.minimizer.MinimizerResult | lmfit.Parameters,
) -> lmfit.minimizer.MinimizerResult | lmfit.Parameters:
    """Return a result of lmfit's after its standard errors and correlations are taken out of it."""
    for parameter in (result if isinstance(result, lmfit.Parameters) else result.params).values():
        parameter.stderr = parameter.correl = None
    return result


def minimized(fit: Fit) -> lmfit.minimizer.MinimizerResult | lmfit.Parameters:
    """Return lmfit's result for a fit; its parameters alone where they cannot be fitted by least squares.

    Parameters
    ----------
    fit : Fit
        By REML.
    """
    order = canonical_order(fit.data)
    data = fit.working.subset(order)
    structure = CovarianceComponents(data, fit.gradient[order])
    there, whiten = structure.there.ravel(), Whitener(structure, fit.components)
    parameters = lmfit_parameters(fit)
    names = list(parameters)
    varied = [i for i, name in enumerate(names) if parameters[name].vary]
    if not varied or data.size < len(varied):
        return parameters

    def ln_p(values: lmfit.Parameters) -> FloatArray:
        with np.errstate(invalid="ignore"):  # a tied ratio follows from the others, whatever stands here
            return np.log([values[name].value for name in names])

    def residual(values: lmfit.Parameters) -> FloatArray:
        return whiten(data.potential_mV - data.predict(ln_p(values)))[there]

    def derivative(values: lmfit.Parameters) -> FloatArray:
        at = ln_p(values)
        return whiten(-data.columns(data.gradient(at), at, varied))[there] / np.exp(at[varied])

    return lmfit.minimize(residual, parameters, method="leastsq", Dfun=derivative, scale_covar=False)


def lmfit_parameters(fit: Fit) -> lmfit.Parameters:
    """Return the permeability ratios of a fit, and the factors on activities, as parameters of lmfit.

    Those at a bound, and those that the data do not determine, do not vary.
    """
    parameters = lmfit.Parameters()
    names = [*parameter_names(fit.data.ions), *factor_names(fit.data.factors.terms)]
    by_ion = fit.data.parameters.by_ion
    reported = {i for j, i in enumerate(fit.free) if j not in fit.not_estimable and fit.is_within(i)}
    for i, name in enumerate(names):
        entry = by_ion.get(i)
        bounds = {"min": entry.min, "max": entry.max} if entry else {"min": 0.0}
        parameters.add(name, value=math.exp(fit.ln_p[i]), vary=i in reported, **bounds)
    for i, expression in fit.data.parameters.ties:
        parameters[names[i]].set(expr=expression.text)
    return parameters
