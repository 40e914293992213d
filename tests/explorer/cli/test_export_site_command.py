"""`export-site`: every recorded result gets a page, and nobody's files are written over."""

import re
from pathlib import Path

import pytest

from explorer.figures.stored import KINDS
from tests.explorer.cli.conftest import Call


@pytest.mark.end_to_end
def test_every_recorded_result_has_a_page_and_every_link_leads_to_a_file(
    call: Call, tmp_path: Path
) -> None:
    out = tmp_path / "site"
    said = call("export-site", out, "--json")
    assert said.code == 0, said.err
    pages = [Path(name) for name in said.json["pages"]]
    assert pages[0] == out / "index.html"
    recorded = [file for collection, _ in KINDS[:-1] for file in collection.shipped()]
    assert len(pages) >= len(recorded) + 2  # and the start, and the paper
    for page in pages:
        for name in re.findall(r'(?:src|href)="([^"]+)"', page.read_text("utf-8")):
            assert (out / name).is_file(), (page.name, name)
    assert call("export-site", out).out.strip() == str(pages[0])  # over an export of its own


def test_a_folder_with_other_files_is_left_alone(call: Call, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("mine")
    (tmp_path / "data.js").write_text("const mine = 1;")  # a name that others use too
    said = call("export-site", tmp_path)
    assert (said.code, "holds other files" in said.err) == (2, True)
    assert {file.read_text() for file in tmp_path.iterdir()} == {"mine", "const mine = 1;"}
