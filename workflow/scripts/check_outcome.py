"""Bind the rule `check_outcome` to its stage; its one sentence is all that a run without a result says."""

import sys

from nernstfit.contract.errors import InputError
from nernstfit.stages import check_outcome

try:
    check_outcome.run(dict(snakemake.input.items()), dict(snakemake.output.items()))
except InputError as nothing:
    sys.exit(str(nothing))
