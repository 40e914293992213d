"""Modules stay short, packages say why they are large, and what each takes, gives and ignores."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from explorer.base import folders

MOST_LINES, MOST_MODULES = 350, 14
SHORT = ("explorer", "widgets", "pages")
"""Folders whose modules are short, and whose packages say what enters and leaves."""
REASON = "Many modules: "
"""How the paragraph of an `__init__` begins that says why a package has more than `MOST_MODULES`.

Tests are no packages: they mirror the code, so their number and length follow from it.
"""


def packages(root: Path, names: tuple[str, ...]) -> Iterator[tuple[str, list[Path], str]]:
    """Yield every package below the folders of these names: its name, modules and docstring.

    The modules are without `__init__`; of the docstring every paragraph is one line.
    """
    for init in sorted(file for name in names for file in (root / name).rglob("__init__.py")):
        said = ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))) or ""
        paragraphs = (" ".join(part.split()) for part in said.split("\n\n"))
        modules = sorted(set(init.parent.glob("*.py")) - {init})
        yield str(init.parent.relative_to(root)), modules, "\n".join(paragraphs)


def too_long(root: Path) -> list[str]:
    """Return the modules of `SHORT` with more than `MOST_LINES` lines."""
    files = (file for name in SHORT for file in (root / name).rglob("*.py"))
    return sorted(
        str(file.relative_to(root))
        for file in files
        if len(file.read_text(encoding="utf-8").splitlines()) > MOST_LINES
    )


def too_large(root: Path) -> list[str]:
    """Return the packages with more than `MOST_MODULES` modules that give no reason for it."""
    return [
        name
        for name, modules, said in packages(root, (*SHORT, "benchmarks", "tools"))
        if len(modules) > MOST_MODULES and f"\n{REASON}" not in said
    ]


def silent(root: Path) -> list[str]:
    """Return the packages of `SHORT` that leave open what enters, leaves or must not be known."""
    return [
        name
        for name, _, said in packages(root, SHORT)
        if name != "explorer"  # lists its packages instead
        and not all(word in said for word in ("In: ", "Out: ", "Must not know: "))
    ]


def test_every_module_is_short_enough() -> None:
    assert too_long(folders.PROJECT) == []


def test_every_large_package_says_why() -> None:
    assert too_large(folders.PROJECT) == []


def test_every_package_says_what_enters_what_leaves_and_what_it_must_not_know() -> None:
    assert silent(folders.PROJECT) == []


def put(folder: Path, modules: int, said: str, lines: int = 1) -> None:
    """Make a package with as many modules of as many lines."""
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(f'"""{said}"""\n')
    for k in range(modules):
        (folder / f"m{k}.py").write_text("x = 0\n" * lines)


@pytest.mark.parametrize(("lines", "found"), [(350, []), (351, ["pages/m0.py"])])
def test_a_line_too_many_is_found(tmp_path: Path, lines: int, found: list[str]) -> None:
    put(tmp_path / "pages", 1, "Pages.", lines)
    put(tmp_path / "tests", 1, "Tests.", 1000)
    assert too_long(tmp_path) == found


@pytest.mark.parametrize(
    ("modules", "said", "found"),
    [
        (14, "Inner.", []),
        (15, "Inner.", ["explorer/inner"]),
        (15, "Inner. Many modules: not in a paragraph of its own.", ["explorer/inner"]),
        (15, "Inner.\n\nMany modules: one for each kind.", []),
    ],
)
def test_a_module_too_many_needs_a_reason(
    tmp_path: Path, modules: int, said: str, found: list[str]
) -> None:
    put(tmp_path / "explorer" / "inner", modules, said)
    put(tmp_path / "tests", 20, "Tests.")
    assert too_large(tmp_path) == found


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("Inner.\n\nIn: a. Out: b. Must not\nknow: c.", []),
        ("Inner.\n\nIn: a. Must not know: c.", ["explorer/inner"]),
        ("", ["explorer/inner"]),
    ],
)
def test_a_package_that_leaves_something_open_is_found(
    tmp_path: Path, said: str, found: list[str]
) -> None:
    put(tmp_path / "explorer", 0, "All.")
    put(tmp_path / "explorer" / "inner", 1, said)
    assert silent(tmp_path) == found
