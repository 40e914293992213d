"""`proto-tokens app`: open the pages in a browser."""

import argparse
import os
import sys
from typing import Any

from explorer.base import folders


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "app",
        help="open the pages in a browser",
        description="Serve the pages, and open a browser. Streamlit's own settings can be given as "
        "environment variables, STREAMLIT_SERVER_MAX_UPLOAD_SIZE and the like.",
    )
    command.add_argument(
        "--address", help="Listen here; 0.0.0.0: on every network. Default: this machine only."
    )
    command.add_argument("--port", type=int, help="Default: 8501, or the next that is free.")
    command.add_argument("--no-browser", action="store_true", help="Open no browser.")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Become the server of the pages: this process is replaced by Streamlit's."""
    script = str(folders.app() / "app.py")
    command = [sys.executable, "-P", "-m", "streamlit", "run", script]  # -P: not what lies here
    if arguments.address:
        command += ["--server.address", arguments.address]
    if arguments.port is not None:
        command += ["--server.port", str(arguments.port)]
    if arguments.no_browser:
        command += ["--server.headless", "true"]
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606 (our own arguments, no shell)
