"""`python -m framework` is the command `phasezoo`."""

from framework.commands.main import main

main()
