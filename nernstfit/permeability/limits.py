"""Cut-offs of ln P, the log of a permeability over that of the reference ion.

Sizes are natural logs: 3 is a factor of 20, 9 of 8,000, 15 of 3e6, 30 of 1e13.
"""

from __future__ import annotations

# Values of ln P.

MAX_LN_P = 30.0
"""Bound of the optimizers. At a ratio of 1e-13 a current is lost in the rounding of the others. At half of it
(3e-7) a trace of a very concentrated ion could still be cut off; twice as much only lengthens the way of an ion
that runs away."""

IMPERMEANT = 9.0
"""Size from which an ion that was fitted counts as impermeant (-) or as the only permeant one (+). A ratio of 1e-4
is below what potentials with errors of 0.1 mV resolve in equal concentrations. At half of it (0.01) small but
measurable ratios would be refitted from elsewhere, and could be called bounds; at twice as much, fits that stopped
on the plateau at 1e-4 to 1e-8 would not be tried again."""

RESTART = 3.0
"""Size from which a descent starts again for an ion that ran away, and from which other optima are sought. A ratio
of 1/20 is where the potential still depends on the ion. Half of it starts nearer to equal permeabilities, from
where the first descent came; twice as much starts on the plateau."""

REFERENCE_IMPERMEANT = 15.0
"""Size of the largest ln P from which it is the reference ion that vanished, since all ratios run away together. At
half of it (1,800) a well measured ratio to a poor reference could be taken for it; at twice as much the optimizers
would stop before (`MAX_LN_P`)."""

PROFILE_REACH = 25.0
"""Size at which a profile keeps the other ions; the profiled ion itself is followed over twice of it. It lies
within `MAX_LN_P`. At half of it profiles that are still changing would be cut; twice as much follows flat ones
further."""

# Steps of ln P.

MAX_LINEAR_STEP = 0.2
"""Largest step that the linearised model is trusted with, from one linearisation to the next. Within 20 % of a
ratio E is nearly linear in ln P. At half of it more steps are taken by nonlinear least squares, which is slower and
gives the same; at twice as much the alternation with the variance components may circle."""

MAX_NEWTON_STEP = 3.0
"""Longest step of Newton's method, a factor of 20. At half of it ions that leave take twice the steps; at twice as
much a step from a nearly flat place may jump over the optimum, and is halved more often."""

MAX_GAUSS_STEP = 2.0
"""Longest Gauss-Newton step of a refit to resampled cells, or of an exact fit to fewer observations than ratios; a
factor of 7. At half of it a far refit may not arrive in its few steps; at twice as much it may overshoot to where
the gradient vanishes."""

MAX_EFFECT_STEP = 1.0
"""Longest step of ln P beside a further effect that is tested; the fit is near its optimum then. Half of it would
hold back ratios that the effect moves much; twice as much rarely matters."""

# Standard deviations and standard errors of ln P.

MIN_SD, MAX_SD = 1e-3, 10.0
"""Bounds of the standard deviations between cells and between batches. 0.1 % is far below the noise of any ratio; a
factor of 20,000 beyond any biology. Half and twice of either change no fit that does not end there."""

MAX_P_OF_RESIDUALS = 1e-6
"""p of the chi-square of the residuals below which a model does not explain the potentials at all. One correct analysis
in a million is marked; with half or twice of it the threshold of chi-square moves by less than 2 %, while such models
exceed it by far."""

WIDE_SD = 0.3
"""Standard deviation between cells from which the equation is curved over the width of their differences, and is
linearised at the ln P of each cell. The mean of E over cells is off by half of its square, 5 % of a ratio, and that is
corrected; at half of it more fits take twice the time, at twice as much (20 %) the correction misleads fits of few
cells."""

WIDE_START_SD = 1.0
"""Standard deviation between cells from which a fit linearised at each cell starts. Of 100 simulated fits half of it
changes no ln P by 1e-10, twice of it the least known one by .002."""

START_SD = 0.3
"""Standard deviation between cells that a starting point may leave to be explained: a third of a ratio. With half
of it more starting points are tried, which takes time; with twice as much a wrong local optimum is accepted more
often."""

MAX_SE_OF_PARABOLA = 0.15
"""Standard error up to which the likelihood is a parabola over the width of its interval, and Student's t is used;
the profile of the likelihood beyond. At half of it more profiles are calculated, which takes time and changes the
limits by under a percent; at twice as much skewed intervals would be reported as symmetric ones."""

MAX_SE_CLOSED = 0.25
"""Standard error up to which the removal of an ion costs too much to be tried: at least 0.5 / 0.25^2 = 8 log units.
At half of it more removals are calculated for nothing; at twice as much (2 log units) bounds would be taken for
estimates."""

MAX_SE_OF_CELL = 0.5
"""Standard error of a ratio from one cell alone from which the cell says nothing of it (an interval of a factor of
7). At half of it noisy cells are left out of the table of cells; at twice as much it fills with ratios without
meaning."""
