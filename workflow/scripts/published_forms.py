"""Bind the rule `published_forms` to its stage."""

from nernstfit.experiment import folder
from nernstfit.stages import published_forms

published_forms.run(
    dict(snakemake.input.items()),
    dict(snakemake.output.items()),
    folder.load(snakemake.config),
)
