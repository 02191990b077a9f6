"""Bind the rule `correct` to its stage."""

from nernstfit.stages import correct
from nernstfit.workflow import run_job

run_job(snakemake, correct.run)
