"""Bind the rule `import_reversals` to its stage."""

from nernstfit.experiment import folder
from nernstfit.stages import import_reversals

import_reversals.run(
    dict(snakemake.input.items()),
    dict(snakemake.output.items()),
    folder.load(snakemake.config),
)
