"""`python -m hefted.cli` is the `hefted` command."""

from hefted.cli.main import main

main()
