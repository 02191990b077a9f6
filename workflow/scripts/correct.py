"""Bind the rule `correct` to its stage."""

from nernstfit.stages import correct
from nernstfit.workflow import bind

correct.run(*bind(snakemake))
