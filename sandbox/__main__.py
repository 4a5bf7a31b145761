"""`python -m sandbox up|down|status|logs|tools`."""

from sandbox.cli import main

main()
