"""`python -m resed`, and `torchrun -m resed`: the command `resed`."""

from resed.cli import main

main()
