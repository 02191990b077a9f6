"""Standard normal quantiles: of intervals and tests on two sides, and of a limit to one side."""

from __future__ import annotations

# Standard normal distribution at .975 and .995: 95 % and 99 % between both signs.
Z_95, Z_99 = 1.959963984540054, 2.5758293035489004
# The same distribution at .95: 95 % below it.
Z_95_ONE_SIDED = 1.6448536269514722
