"""Bind the rule `fit` to its stage."""

from nernstfit.stages import fit
from nernstfit.workflow import run_job

run_job(snakemake, fit.run)
