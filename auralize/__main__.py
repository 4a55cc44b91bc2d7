"""Run the command line: `python -m auralize`."""

from auralize.cli import main

main()
