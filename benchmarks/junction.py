"""Time of a junction potential: Henderson's equation, the stationary junction, and the same by scipy's solver.

    python benchmarks/junction.py [junctions]

Pairs of neutral solutions of eight ions each are simulated, with gradients of up to 1,000 : 1, and pairs of a pipette's
and a bath's usual solution. The two methods of this project, on concentrations and on activities, are compared with a
direct one on concentrations: the equations of Nernst and Planck in the distance, solved by scipy's
solve_bvp from Henderson's straight lines. All run on the same pairs,
in turn; times are of the processor.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.integrate import solve_bvp

from nernstfit.physics.membrane.junction import SolutionPair
from nernstfit.physics.membrane.junction_methods import METHODS
from nernstfit.physics.solution import water
from nernstfit.physics.solution.ions import IONS, Ion

JUNCTIONS = 100
CATIONS = ("Na", "K", "Cs", "NMDG", "Ca", "Mg", "Li", "Rb", "TEA", "Tris", "Ba")
ANIONS = ("Cl", "gluconate", "HCO3", "SO4", "aspartate", "EGTA2", "HEPES", "F")
RT_F_25 = 25.692579

USUAL = ("Na", "K", "Ca", "Mg", "Cl", "gluconate", "HEPES", "SO4")
BATH_MM, PIPETTE_MM = np.array([140, 4, 2, 1, 0, 0, 5, 1.0]), np.array([10, 130, 0.001, 1, 0, 100, 5, 0.5])
MODEL = "pitzer:macinnes"


@dataclass(frozen=True)
class Pair:
    """Ions, and their concentrations in bath and pipette."""

    ions: tuple[Ion, ...]
    bath_mM: np.ndarray
    pipette_mM: np.ndarray

    def solutions(self, model: str) -> SolutionPair:
        """Return the pair with the coefficients of a model, on concentrations without one."""
        valence, mobility, volume = np.array(
            [[ion.valence, ion.mobility, water.ion_volume_cm3_per_mol(ion) / 1e6] for ion in self.ions]
        ).T

        def of_model(content: np.ndarray) -> np.ndarray:
            return water.coefficients(model, content, self.ions, 25.0, content @ volume)

        return SolutionPair(self.bath_mM, self.pipette_mM, valence, mobility, of_model if model else None)


def gradients(count: int) -> Iterator[Pair]:
    """Yield pairs of eight ions, five of them cations."""
    rng = np.random.default_rng(1)
    for i in range(count):
        ions = [IONS[n] for n in (*rng.choice(CATIONS, 5, replace=False), *rng.choice(ANIONS, 3, replace=False))]
        z = np.array([float(ion.valence) for ion in ions])
        bath, pipette = 10 ** rng.uniform(-1, 2.2, (2, 8)) * (rng.random((2, 8)) < 0.7) + 0.1
        for solution in (bath, pipette):
            solution[z < 0] *= (z * solution)[z > 0].sum() / -(z * solution)[z < 0].sum()
        yield Pair(tuple(ions), bath * 10 ** (i % 4 - 3), pipette)


def usual(count: int) -> Iterator[Pair]:
    """Yield pairs of a saline and a gluconate pipette, each amount within a sixth of its usual one."""
    rng, ions = np.random.default_rng(2), tuple(IONS[name] for name in USUAL)
    z = np.array([float(ion.valence) for ion in ions])
    for _ in range(count):
        bath, pipette = (amounts * rng.uniform(0.85, 1.15, len(z)) for amounts in (BATH_MM, PIPETTE_MM))
        for solution in (bath, pipette):
            solution[USUAL.index("Cl")] = z @ solution
        yield Pair(ions, bath, pipette)


def by_scipy(pair: SolutionPair) -> float:
    """Solve the junction directly; the unknown constants are the fluxes over the mobilities."""
    bath, pipette, z, u = (
        np.asarray(each, float) for each in (pair.bath_mM, pair.pipette_mM, pair.valence, pair.mobility)
    )
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


def timed(way: Callable[[SolutionPair], float], drawn: list[SolutionPair]) -> tuple[np.ndarray, np.ndarray]:
    """Return the potentials of pairs in mV and the times in ms."""
    way(drawn[0])
    found, seconds = [], []
    for pair in drawn:
        start = time.process_time()
        found.append(way(pair))
        seconds.append(time.process_time() - start)
    return np.array(found), 1e3 * np.array(seconds)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else JUNCTIONS
    henderson, stationary = (partial(_at_25_C, METHODS[name]) for name in ("henderson", "nernst-planck"))
    for drawn in (gradients, usual):
        pairs = list(drawn(count))
        print(f"{count} junctions of 8 ions: {drawn.__name__}")
        of: dict[str, np.ndarray] = {}
        for basis, model in (("concentrations", ""), ("activities", MODEL)):
            ways = {"Henderson": henderson, "stationary": stationary} | ({} if model else {"by scipy": by_scipy})
            for name, way in ways.items():
                found, took = timed(way, [pair.solutions(model) for pair in pairs])
                of[f"{name} {basis}"] = found
                failed = f", {np.isnan(found).sum()} failed" if np.isnan(found).any() else ""
                print(f"  {name:10} {basis:14} median {np.median(took):7.2f} ms, longest {took.max():7.2f} ms{failed}")
        plain, by_others = of["stationary concentrations"], of["by scipy concentrations"]
        print(f"  the two stationary ways differ by at most {np.nanmax(abs(plain - by_others)):.1e} mV")
        print(f"  Henderson differs from them by at most {abs(plain - of['Henderson concentrations']).max():.2f} mV")


def _at_25_C(method: Callable[[SolutionPair, float], float], pair: SolutionPair) -> float:
    return method(pair, 25.0)


if __name__ == "__main__":
    main()
