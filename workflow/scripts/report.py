"""Bind the rule `report` to its stage."""

from nernstfit.stages import report
from nernstfit.workflow import bind

report.run(*bind(snakemake))
