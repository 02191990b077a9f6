import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nernstfit.physics.membrane import chord

ions = st.integers(1, 5).flatmap(
    lambda n: st.tuples(
        *(st.lists(st.floats(low, high), min_size=n, max_size=n) for low, high in ((0.01, 9), (-99, 99)))
    )
)


@settings(derandomize=True)
@given(ions)
def test_the_currents_cancel_at_the_reversal(ions: tuple[list[float], list[float]]) -> None:
    conductance, nernst_mV = map(np.array, ions)
    reversal = chord.reversal_mV(conductance, nernst_mV)
    currents = conductance * chord.driving_forces_mV(reversal, nernst_mV)
    assert currents.sum() == pytest.approx(0, abs=1e-12 * np.abs(conductance).sum() * 100)
    assert nernst_mV.min() - 1e-9 <= reversal <= nernst_mV.max() + 1e-9


def test_axes() -> None:
    """Leading axes of potentials and of mixtures; without a conductance there is no reversal."""
    np.testing.assert_array_equal(chord.driving_forces_mV([-80, 0], [-80, 50]), [[0, -130], [80, -50]])
    np.testing.assert_array_equal(chord.reversal_mV([[1, 3], [0, 0]], [-80, 40]), [10, np.nan])
