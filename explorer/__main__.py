"""The command line: `python -m explorer --help`, or `proto-tokens` where it is installed."""

import sys

from explorer.runtime import logs, process


def main() -> int:
    """Carry out the command that the arguments name, and return its exit code."""
    process.prepare()
    logs.begin("command")
    from explorer.cli.main import main as run  # some commands load torch with it

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
