"""Bind the rule `judge` to its stage."""

from nernstfit.stages import judge
from nernstfit.workflow import run_job

run_job(snakemake, judge.run)
