"""The command line: `python -m explorer --help`."""

import sys

from explorer.allocator import keep_memory
from explorer.cli.main import main

keep_memory()
sys.exit(main(sys.argv[1:]))
