"""Bind the rule `solutions` to its stage."""

from nernstfit.stages import solutions
from nernstfit.workflow import bind

solutions.run(*bind(snakemake))
