"""The command line: `python -m explorer --help`."""

import sys

from explorer.cli.main import main

sys.exit(main(sys.argv[1:]))
