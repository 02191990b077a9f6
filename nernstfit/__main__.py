"""`python -m nernstfit` is the command `nernstfit`."""

from nernstfit.cli import main

main()
