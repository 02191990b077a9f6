"""Bind the rule `check_outcome` to its stage, whose sentence is the only message of a run without a result."""

import sys

from nernstfit.contract.errors import InputError
from nernstfit.stages import check_outcome

try:
    check_outcome.run(dict(snakemake.input.items()), dict(snakemake.output.items()))
except InputError as nothing:
    sys.exit(str(nothing))
