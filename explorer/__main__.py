"""The command line: `python -m explorer --help`."""

import sys

from explorer.runtime import logs, process

process.prepare()
logs.begin("command")

from explorer.cli.main import main  # noqa: E402 (some commands load torch with it)

sys.exit(main(sys.argv[1:]))
