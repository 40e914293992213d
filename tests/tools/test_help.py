"""Every module that can be called says how, and does nothing else when asked for that."""

import runpy
import sys

import pytest

from explorer.base import folders

CALLABLE = sorted(
    f"{file.parent.name}.{file.stem}"
    for part in ("tools", "benchmarks")
    for file in (folders.PROJECT / part).glob("*.py")
    if "__main__" in file.read_text()
)


@pytest.mark.filterwarnings("ignore:.*found in sys.modules")
@pytest.mark.parametrize("module", CALLABLE)
@pytest.mark.parametrize(("option", "code"), [("--help", 0), ("--no-such-option", 2)])
def test_help_explains_and_runs_nothing(
    module: str,
    option: str,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", [module, option])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(module, run_name="__main__")
    said = capsys.readouterr()
    assert (ended.value.code or 0) == code
    assert "usage:" in (said.err if code else said.out)
    assert code or f"python -m {module}" in " ".join(said.out.split())
