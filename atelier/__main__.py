"""`python -m atelier`: the command line, as the `atelier` script."""

from atelier.cli import main

main()
