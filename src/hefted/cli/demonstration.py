"""`hefted demo`: the one command here that trains, so all it needs is imported when it runs."""

from __future__ import annotations

import click


@click.command('demo')
def command() -> None:
    """Train a small classifier on the Wisconsin breast-cancer table, which ships with Hefted.

    You see the live line while it trains, its receipt, and how well it does on rows that it never saw. It
    takes a few seconds and needs no network.
    """
    from hefted.cli import demo

    demo.run()
