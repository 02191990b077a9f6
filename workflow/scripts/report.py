"""Bind the rule `report` to its stage."""

from nernstfit.stages import report
from nernstfit.workflow import run_job

run_job(snakemake, report.run)
