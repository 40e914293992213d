"""Every module that can be called says how, and does nothing else when asked for that."""

import subprocess
import sys

import pytest

from explorer import folders

CALLABLE = sorted(
    f"{file.parent.name}.{file.stem}"
    for part in ("tools", "benchmarks")
    for file in (folders.PROJECT / part).glob("*.py")
    if "__main__" in file.read_text()
)


@pytest.mark.parametrize("module", CALLABLE)
def test_help_explains_and_runs_nothing(module: str) -> None:
    """An option that does not exist is refused, too, before anything is run."""
    for option, code in (("--help", 0), ("--no-such-option", 2)):
        done = subprocess.run(
            [sys.executable, "-m", module, option],
            cwd=folders.PROJECT, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        assert "usage:" in (done.stdout if code == 0 else done.stderr)
        assert module in done.stdout or code


def test_the_check_command_names_its_steps() -> None:
    from tools import check

    with pytest.raises(SystemExit) as ended:
        check.main(["--help"])
    assert not ended.value.code
