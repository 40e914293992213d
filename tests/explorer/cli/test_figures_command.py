"""`figures`: every chart of results that are named, each result in a folder of its own."""

import shutil
from pathlib import Path

from explorer.base.folders import recorded
from tests.explorer.cli.conftest import Call


def test_charts_of_two_results_are_written(call: Call, tmp_path: Path) -> None:
    names = ("reconstruct/1-ferry", "62d0e8")
    said = call("figures", *names, "--format", " html, html", "--out", tmp_path, "--json")
    assert said.code == 0, said.err
    written = [Path(name) for name in said.json["figures"]]
    assert [file.name for file in written[:2]] == ["01-accuracy.html", "02-positions.html"]
    assert {file.parent.name[:6] for file in written} == {"1-ferr", "62d0e8"}
    assert all(file.stat().st_size > 1_000_000 for file in written)  # each works offline


def test_results_in_folders_of_one_name_are_written_beside_each_other(
    call: Call, tmp_path: Path
) -> None:
    folders = [tmp_path / of / "inside" for of in "ab"]
    for folder in folders:
        shutil.copytree(recorded() / "inside" / "1-lanternball", folder)
    said = call("figures", *folders, "--format", "html", "--out", tmp_path / "out", "--json")
    written = said.json["figures"]
    assert len(set(written)) == len(written)
    assert {Path(name).parent.name for name in written} == {"inside", "inside-2"}


def test_what_cannot_be_drawn_is_a_sentence(call: Call, tmp_path: Path) -> None:
    for arguments, sentence in (
        (("nothing-there",), "Nothing stored is called"),
        (("1-four-texts",), "2 results are called"),
        (("62d0e8", "--format", "gif"), "formats svg, pdf, png, html"),
    ):
        said = call("figures", *arguments, "--out", tmp_path)
        assert (said.code, sentence in said.err, said.out) == (2, True, ""), said.err
