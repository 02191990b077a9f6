"""Bind the rule `thermodynamics` to its stage."""

from nernstfit.stages import thermodynamics
from nernstfit.workflow import run_job

run_job(snakemake, thermodynamics.run)
