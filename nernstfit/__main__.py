"""`python -m nernstfit` is the command `nernstfit`."""

import os
import sys

# Python puts the folder where it is called first among the places of modules: a yaml.py there would be run.
if not sys.flags.safe_path and sys.path[0] == os.getcwd():
    del sys.path[0]

from nernstfit.commands.main import main

main()
