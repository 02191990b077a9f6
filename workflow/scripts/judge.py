"""Bind the rule `judge` to its stage."""

from nernstfit.stages import judge
from nernstfit.workflow import bind

judge.run(*bind(snakemake))
