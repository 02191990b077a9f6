"""Bind the rule `thermodynamics` to its stage."""

from nernstfit.stages import thermodynamics
from nernstfit.workflow import bind

thermodynamics.run(*bind(snakemake))
