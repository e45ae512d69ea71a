"""Run the command line from a checkout: `python -m cli`."""

from .main import main

main()
