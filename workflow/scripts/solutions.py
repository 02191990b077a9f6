"""Bind the rule `solutions` to its stage."""

from nernstfit.stages import solutions
from nernstfit.workflow import run_job

run_job(snakemake, solutions.run)
