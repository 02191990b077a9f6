"""Bind the rule `measure` to its stage."""

from nernstfit.stages import measure
from nernstfit.workflow import run_job

run_job(snakemake, measure.run)
