"""The command line: `python -m explorer --help`."""

import sys

from explorer import process

process.prepare()

from explorer.cli.main import main  # noqa: E402 (some commands load torch with it)

sys.exit(main(sys.argv[1:]))
