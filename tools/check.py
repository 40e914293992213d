"""The one command: all checks, cheapest first. `python -m tools.check [--fast]`."""

import argparse
import subprocess
import sys
import time

STEPS = {
    "lint": ["-m", "ruff", "check", "."],
    "format": ["-m", "ruff", "format", "--check", "."],
    "types": ["-m", "mypy"],
    "import rules": ["-c", "from importlinter.cli import lint_imports_command as lint; lint()"],
    "documents": ["-m", "mkdocs", "build", "--strict", "--quiet"],
    "tests": ["-m", "pytest"],
}


def main(arguments: list[str]) -> int:
    """Run every step, even after one failed; return the number that failed."""
    parser = argparse.ArgumentParser(prog="python -m tools.check", description=__doc__)
    parser.add_argument(
        "--fast",
        action="store_true",
        help="the unit tests alone: no browser, no embedded model, no processes, no trials",
    )
    fast = parser.parse_args(arguments).fast
    failed = []
    for name, command in STEPS.items():
        call = [sys.executable, *command]
        if name == "tests" and fast:
            call += ["-m", "not (browser or embedded or end_to_end or trial)"]
        start = time.monotonic()
        print(f"== {name}", flush=True)
        if subprocess.run(call, check=False).returncode:
            failed.append(name)
        print(f"-- {name}: {time.monotonic() - start:.0f} s", flush=True)
    if failed:
        print(f"Failed: {', '.join(failed)}")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
