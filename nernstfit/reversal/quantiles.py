"""Standard normal quantiles: of intervals and tests on two sides, and of a limit to one side."""

from __future__ import annotations

Z_95, Z_99 = 1.959963984540054, 2.5758293035489004
Z_95_ONE_SIDED = 1.6448536269514722
