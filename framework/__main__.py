"""`python -m framework` is the command `phasezoo`."""

from framework.cli import main

main()
