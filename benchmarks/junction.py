"""Time of a junction potential: Henderson's equation, the stationary junction, and the same by scipy's solver.

    python benchmarks/junction.py [junctions]

Pairs of neutral solutions of eight ions each are simulated, with gradients of up to 1,000 : 1. The two methods of
this project are compared with a direct one: the equations of Nernst and Planck in the distance, solved by scipy's
solve_bvp from Henderson's straight lines. All run on the same pairs, in turn.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
from scipy.integrate import solve_bvp

from nernstfit.physics.membrane.junction import SolutionPair, henderson_mV
from nernstfit.physics.membrane.nernst_planck import nernst_planck_mV
from nernstfit.physics.solution.ions import IONS

JUNCTIONS = 100
CATIONS = ("Na", "K", "Cs", "NMDG", "Ca", "Mg", "Li", "Rb", "TEA", "Tris", "Ba")
ANIONS = ("Cl", "gluconate", "HCO3", "SO4", "aspartate", "EGTA2", "HEPES", "F")
RT_F_25 = 25.692579

Pair = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def pairs(count: int) -> Iterator[Pair]:
    """Yield bath, pipette, valence and mobility of eight ions, five of them cations."""
    rng = np.random.default_rng(1)
    for i in range(count):
        ions = [IONS[n] for n in (*rng.choice(CATIONS, 5, replace=False), *rng.choice(ANIONS, 3, replace=False))]
        z, u = np.array([[ion.valence, ion.mobility] for ion in ions]).T
        bath, pipette = 10 ** rng.uniform(-1, 2.2, (2, 8)) * (rng.random((2, 8)) < 0.7) + 0.1
        for solution in (bath, pipette):
            solution[z < 0] *= (z * solution)[z > 0].sum() / -(z * solution)[z < 0].sum()
        yield bath * 10 ** (i % 4 - 3), pipette, z, u


def by_scipy(bath: np.ndarray, pipette: np.ndarray, z: np.ndarray, u: np.ndarray) -> float:
    """Solve the junction directly; the unknown constants are the fluxes over the mobilities."""
    scale = pipette.sum()
    b, p = bath / scale, pipette / scale

    def slope(x: np.ndarray, state: np.ndarray, k: np.ndarray) -> np.ndarray:
        field = -(z @ k) / (z**2 @ state[:-1])
        return np.vstack([-k[:, None] - z[:, None] * state[:-1] * field, field])

    def ends(first: np.ndarray, last: np.ndarray, k: np.ndarray) -> np.ndarray:
        # Two ions are free at the bath: their values follow from neutrality and the sum of all.
        closing = [(z * u) @ k, k.sum() - (p - b).sum()]
        return np.concatenate([first[:-1] - p, first[-1:], (last[:-1] - b)[1:-1], closing])

    places = np.linspace(0, 1, 33)
    start = np.vstack([p[:, None] + np.outer(b - p, places), np.zeros(len(places))])
    found = solve_bvp(slope, ends, places, start, p=p - b, tol=1e-6, max_nodes=20000)
    return float(found.y[-1, -1] * RT_F_25) if found.success else float("nan")


def timed(way: Callable[..., float], drawn: list[Pair]) -> tuple[np.ndarray, np.ndarray]:
    found, seconds = [], []
    for pair in drawn:
        start = time.perf_counter()
        found.append(float(way(*pair)))
        seconds.append(time.perf_counter() - start)
    return np.array(found), 1e3 * np.array(seconds)


def main() -> None:
    drawn = list(pairs(int(sys.argv[1]) if len(sys.argv) > 1 else JUNCTIONS))
    ways: dict[str, Callable[..., float]] = {
        "Henderson": lambda *pair: float(henderson_mV(*pair, 25)),
        "stationary": lambda *pair: nernst_planck_mV(SolutionPair(*pair), 25),
        "stationary, scipy": by_scipy,
    }
    for way in ways.values():
        way(*drawn[0])
    results = {name: timed(way, drawn) for name, way in ways.items()}
    print(f"{len(drawn)} junctions of 8 ions")
    for name, (found, took) in results.items():
        failed = f", {np.isnan(found).sum()} failed" if np.isnan(found).any() else ""
        print(f"{name:18s} median {np.median(took):8.2f} ms, longest {took.max():8.2f} ms{failed}")
    stationary, plain = results["stationary"][0], results["stationary, scipy"][0]
    print(f"the two stationary ways differ by at most {np.nanmax(abs(stationary - plain)):.1e} mV")
    print(f"Henderson differs from them by at most {abs(stationary - results['Henderson'][0]).max():.2f} mV")


if __name__ == "__main__":
    main()
