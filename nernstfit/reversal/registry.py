"""Registry of the estimators: the modules of `nernstfit.reversal.estimators`, one each.

A module whose name starts with `_` is no estimator.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil

from nernstfit.reversal import estimators
from nernstfit.reversal.estimator import Estimator


@functools.cache
def names() -> tuple[str, ...]:
    """Return the names of all estimators, in alphabetical order."""
    found = (module.name for module in pkgutil.iter_modules(estimators.__path__))
    return tuple(sorted(name for name in found if not name.startswith("_")))


@functools.cache
def get(name: str) -> Estimator:
    """Return an estimator by its name.

    Parameters
    ----------
    name : str
        One of `names()`.

    Raises
    ------
    KeyError
        Where no module has that name.
    """
    if name not in names():
        raise KeyError(name)
    found = importlib.import_module(f"{estimators.__name__}.{name}").ESTIMATOR
    assert isinstance(found, Estimator)
    return found
