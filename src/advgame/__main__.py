"""`python -m advgame`: the same as the command `advgame`."""

from advgame.cli import main

main()
