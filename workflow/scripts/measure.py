"""Bind the rule `measure` to its stage."""

from nernstfit.stages import measure
from nernstfit.workflow import bind

measure.run(*bind(snakemake))
