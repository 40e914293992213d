"""Reads arguments, calls one command, turns errors into a sentence and an exit code."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Never

from explorer import __version__
from explorer.base.errors import ExplorerError
from explorer.cli import (
    app,
    assets,
    experiment,
    figures,
    inside,
    landscape,
    path,
    reconstruct,
    set_reports,
    solve_set,
)
from explorer.runtime import logs

INSTALLED_AS = "proto-tokens"
"""Name of the command that an installed package gives (pyproject.toml)."""
OK, BAD_INPUT, INTERRUPTED = 0, 2, 130


_LACKING = re.compile(r"argument (\S+): expected (?:one|at least one) argument")


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one sentence."""

    def error(self, message: str) -> Never:
        if lacking := _LACKING.fullmatch(message):
            message = (
                f"{lacking[1]} needs a value after it; one that is called like an option is "
                f"written {lacking[1]}=VALUE"
            )
        self.exit(BAD_INPUT, f"{message[:1].upper()}{message[1:]}. See: {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    called = INSTALLED_AS if Path(sys.argv[0]).stem == INSTALLED_AS else "python -m explorer"
    top = _Parser(prog=called, description="Proto-Token Explorer without a browser.")
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(dest="command", required=True, metavar="command")
    training = (app, assets, reconstruct, solve_set)
    measuring = (set_reports, path, landscape, inside, experiment)
    for module in (*training, *measuring, figures):
        module.add_to(commands)
    return top


def with_values(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with every value that begins with a dash joined to its option.

    argparse takes `--text -hello` for two options. Only what is an option of the command is one.
    """
    (commands,) = (a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    command = commands.choices.get(arguments[0] if arguments else "")
    if command is None:
        return list(arguments)
    known = command._option_string_actions
    joined: list[str] = []
    for argument in arguments:
        before = known.get(joined[-1]) if joined else None
        takes_one = before is not None and before.nargs is None
        if takes_one and argument.startswith("-") and argument not in (*known, "--"):
            joined[-1] = f"{joined[-1]}={argument}"
        else:
            joined.append(argument)
    return joined


def main(arguments: Sequence[str]) -> int:
    """Run one command.

    Returns:
        0 when it went well, 3 when nothing became exact, 2 on bad input (one sentence on stderr),
        130 when interrupted.
    """
    chosen = parser().parse_args(with_values(arguments))
    try:
        with logs.told(f"command {chosen.command}", **logs.facts(chosen)):
            code: int = chosen.run(chosen)
        sys.stdout.flush()
    except ExplorerError as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    except BrokenPipeError:  # whoever reads has enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    return code
