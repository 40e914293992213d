"""Reads arguments, calls one command, turns errors into a sentence and an exit code."""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from typing import Never

from explorer import __version__
from explorer.cli import assets, distances, experiment, landscape, path, reconstruct, solve_set
from explorer.errors import ExplorerError

OK, BAD_INPUT, NOT_EXACT, INTERRUPTED = 0, 2, 3, 130


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one sentence."""

    def error(self, message: str) -> Never:
        self.exit(BAD_INPUT, f"{message[:1].upper()}{message[1:]}. See: {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = _Parser(prog="python -m explorer", description="Proto-Token Explorer without a browser.")
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(dest="command", required=True, metavar="command")
    for module in (assets, reconstruct, solve_set, distances, path, landscape, experiment):
        module.add_to(commands)
    return top


def main(arguments: Sequence[str]) -> int:
    """Run one command.

    Returns:
        0 when it went well, 3 when nothing became exact, 2 on bad input (one sentence on stderr),
        130 when interrupted.
    """
    for stream in (sys.stdout, sys.stderr):  # a terminal may lack a character; nothing is lost
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    chosen = parser().parse_args(arguments)
    try:
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
