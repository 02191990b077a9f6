"""Bind the rule `fit` to its stage."""

from nernstfit.stages import fit
from nernstfit.workflow import bind

fit.run(*bind(snakemake))
