"""What pages keep in memory is read again when its files have changed."""

import ast
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from explorer import folders
from explorer.sets import records
from widgets import cached, sets

MODULES = sorted((folders.PROJECT / "widgets").rglob("*.py"))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_every_argument_of_a_cached_function_counts(module: Path) -> None:
    """Streamlit leaves arguments with a leading underscore out of what tells calls apart."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.FunctionDef):
            decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
            if any(name.startswith("st.cache_") for name in decorators):
                assert not [a.arg for a in node.args.args if a.arg.startswith("_")], node.name


def test_a_set_that_grew_is_read_again(make_set: Callable[..., str]) -> None:
    name = make_set()
    first = sets.read(name)
    folder = records.find(name)
    record = records.load(folder)
    records.save(record.model_copy(update={"members": record.members[:-1]}))
    later = (folder / records.SET_FILE).stat().st_mtime_ns + 10**9
    os.utime(folder / records.SET_FILE, ns=(later, later))
    assert len(sets.read(name).solutions) == len(first.solutions) - 1


def test_a_run_without_files_is_no_run(tmp_path: Path) -> None:
    assert cached.run(tmp_path) == (None, [])
