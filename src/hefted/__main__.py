"""`python -m hefted` is the `hefted` command."""

from hefted.cli.main import main

main()
