import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nernstfit.physics.membrane.nernst import nernst_mV

activities = st.floats(1e-9, 1e3)
valences = st.integers(-4, 4).filter(bool)


@pytest.mark.parametrize(
    ("valence", "outside", "inside", "printed"),
    [(1, 5, 140, "-89.06"), (1, 145, 15, "60.63"), (-1, 110, 10, "-64.09")],
)
def test_textbook_values_at_37_C(valence: int, outside: float, inside: float, printed: str) -> None:
    assert f"{nernst_mV(valence, outside, inside, 37):.2f}" == printed


@settings(derandomize=True)
@given(valences, activities, activities)
def test_exchanged_sides_change_the_sign(valence: int, outside: float, inside: float) -> None:
    assert nernst_mV(valence, outside, inside, 22) == -nernst_mV(valence, inside, outside, 22)


@settings(derandomize=True)
@given(valences, activities, activities, st.floats(1e-3, 1e3))
def test_only_the_ratio_counts(valence: int, outside: float, inside: float, factor: float) -> None:
    expected = nernst_mV(valence, outside, inside, 22)
    assert nernst_mV(valence, factor * outside, factor * inside, 22) == pytest.approx(expected, abs=1e-10)


@pytest.mark.filterwarnings("error")
def test_an_empty_side() -> None:
    assert nernst_mV(1, 5, 0, 22) == np.inf
    assert nernst_mV(1, 0, 5, 22) == -np.inf
    assert nernst_mV(-2, 5, 0, 22) == -np.inf
    assert nernst_mV(-1, 0, 5, 22) == np.inf
    assert np.isnan(nernst_mV(1, 0, 0, 22))


def test_arguments_broadcast() -> None:
    potentials = nernst_mV([1, 2, -1], [[5, 2, 110], [10, 1, 55]], 10.0, [[22], [37]])
    assert potentials.shape == (2, 3)
    assert potentials[1, 2] == nernst_mV(-1, 55, 10, 37)


def test_an_uncharged_substance_is_refused() -> None:
    with pytest.raises(ValueError, match="valence is 0"):
        nernst_mV([1, 0], 5, 140, 37)
