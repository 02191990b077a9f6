"""`python -m nernstfit` is the command `nernstfit`."""

from nernstfit.commands.main import main

main()
