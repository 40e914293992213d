"""What documents say of the code is true of it, and their links lead somewhere."""

import re
from pathlib import Path

import pytest

from explorer.base import folders
from tools import commands, site

DOCUMENTS = [
    *folders.PROJECT.glob("*.md"),
    *(folders.PROJECT / "docs").glob("*.md"),
    folders.PROJECT / "benchmarks" / "README.md",
]
CODE = ("explorer", "widgets", "pages", "benchmarks", "tools", "app.py")
LARGEST = {"A": 5, "D": 4, "E": 12, "F": 10, "H": 6, "I": 8, "L": 4, "M": 7, "Q": 10}
"""Of each letter the largest number: F32 and M64 are no ids."""


def ids(text: str) -> set[str]:
    """Return the checklist's ids in a text; “F1 to F10” and “H1-H3” name those between too."""
    found = set()
    for letter, first, last in re.findall(r"\b([A-Z])(\d+)(?:(?:-| to )\1(\d+))?\b", text):
        for number in range(int(first), int(last or first) + 1):
            if 1 <= number <= LARGEST.get(letter, 0):
                found.add(f"{letter}{number}")
    return found


def test_every_id_in_the_code_is_in_the_index_and_no_other() -> None:
    files = [file for part in CODE for file in _python(folders.PROJECT / part)]
    used = set().union(*(ids(file.read_text(encoding="utf-8")) for file in files))
    index = (folders.PROJECT / "docs" / "checklist.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| ([A-Z]\d+) \|", index, re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert set(listed) == used


def _python(path: Path) -> list[Path]:
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


def test_ids_are_found_and_number_formats_are_not() -> None:
    assert ids("A5, F32, E6 and H1-H3; F9 to F10; BF16, M64") == {
        "A5", "E6", "H1", "H2", "H3", "F9", "F10"
    }  # fmt: skip


def test_the_page_of_the_command_line_is_what_the_parser_says() -> None:
    """If it is not, run `python -m tools.commands`."""
    assert commands.FILE.read_text(encoding="utf-8") == commands.page()


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.name)
def test_relative_links_lead_to_files_of_the_project(file: Path) -> None:
    targets = site.LINK.findall(file.read_text(encoding="utf-8"))
    assert [t for t in targets if not (file.parent / t).is_file()] == []


def test_links_are_turned_for_the_site() -> None:
    said = "[a](docs/files.md#x) [b](../benchmarks/README.md) [c](https://d.org/e) [d](#f)"
    turned = site.turned(said.replace("../", ""), "README.md")
    assert turned == "[a](files.md#x) [b](notebook.md) [c](https://d.org/e) [d](#f)"
    assert site.turned("[b](../benchmarks/README.md)", "docs/training.md") == "[b](notebook.md)"


def test_packages_that_the_architecture_names_are_there_and_no_other() -> None:
    text = (folders.PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.partition("## Packages")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|([^|]+)\|", section, re.MULTILINE))))
    inner = (folders.PROJECT / "explorer").glob("*/__init__.py")
    assert named == {file.parent.name for file in inner}


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.name)
def test_modules_that_documents_call_are_there(file: Path) -> None:
    called = re.findall(r"-m ((?:explorer|tools|benchmarks)[\w.]*\w)", file.read_text("utf-8"))
    places = [folders.PROJECT / name.replace(".", "/") for name in called]
    assert [p for p in places if not (p.is_dir() or p.with_suffix(".py").is_file())] == []


def test_files_that_documents_name_are_there() -> None:
    """Names in backticks that look like a place in the repository."""
    for file in DOCUMENTS:
        if file.name == "README.md" and file.parent.name == "benchmarks":
            continue  # a notebook: it names what was tried and is gone
        named = re.findall(
            r"`((?:explorer|widgets|pages|tools|tests|benchmarks|docs)/[\w./]*)`",
            file.read_text(encoding="utf-8"),
        )
        gone = [name for name in named if not (folders.PROJECT / name).exists()]
        assert gone == [], file.name


def test_public_checks_run_the_line_of_the_readme() -> None:
    workflow = folders.PROJECT / ".github" / "workflows" / "check.yml"
    assert "run: .ci/run" in workflow.read_text(encoding="utf-8")
    called = (folders.PROJECT / ".ci" / "run").read_text(encoding="utf-8")
    assert "grep -m1 'python -m tools.check' README.md" in called
    readme = (folders.PROJECT / "README.md").read_text(encoding="utf-8")
    line = next(line for line in readme.splitlines() if "python -m tools.check" in line)
    assert all(f"-r {file.name}" in line for file in folders.PROJECT.glob("requirements*.txt"))


def test_the_readme_fits_on_two_screens() -> None:
    assert len((folders.PROJECT / "README.md").read_text(encoding="utf-8").splitlines()) <= 80
