import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import load_file

from explorer.paths.curves import arc_lengths
from explorer.paths.pairs import vector

if TYPE_CHECKING:
    from explorer.solutions.solution import Solution
    from tests.explorer.cli.conftest import Call

QUICK = (
    *("--steps", 12, "--attempts", 1, "--finish-steps", 0, "--points", 9, "--look-every", 6),
    *("--device", "cpu", "--json"),
)


@pytest.fixture(autouse=True)
def _quiet(one_thread: None) -> None:
    """Tiny products gain nothing from threads."""


def test_a_path_in_json(
    call: "Call", solution_files: list[Path], exact_solutions: "list[Solution]", tmp_path: Path
) -> None:
    said = call("path", *solution_files[:2], *QUICK, "--out", tmp_path / "out")
    assert said.code == 0
    found = said.json
    assert found["t"] == np.linspace(0, 1, 9).tolist()
    for name in ("linear", "bezier"):
        assert len(found[name]["accuracy"]) == len(found[name]["loss"]) == 9
        assert found[name]["accuracy"][0] == found[name]["accuracy"][-1] == 1
        assert found[name]["minimum"] == min(found[name]["accuracy"])
    control = load_file(found["control_point"])["control_point"]
    points = np.stack([vector(exact_solutions[0]), control, vector(exact_solutions[1])])
    length = arc_lengths("bezier", points, np.ones(1))[0]
    assert found["length_ratio"] == pytest.approx(length / np.linalg.norm(points[2] - points[0]))
    assert Path(found["paths"]).is_file() and found["steps"] == 12


def test_what_takes_long_is_said_before_it_starts(
    call: "Call", solution_files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = call("path", *solution_files[:2], *QUICK, "--out", tmp_path / "quick")
    assert quick.err == ""
    monkeypatch.setattr("explorer.estimates.outlook.QUICK_SECONDS", 0.0)
    said = call("path", *solution_files[:2], *QUICK, "--out", tmp_path / "long")
    assert said.err.startswith("This takes long: usually about ") and "Ctrl-C" in said.err
    assert said.json["steps"] == 12


def test_library_ids_name_solutions_too(
    call: "Call", solution_files: list[Path], tmp_path: Path
) -> None:
    ids = [file.stem for file in solution_files[:2]]
    said = call("path", *ids, *QUICK, "--out", tmp_path / "out")
    assert (said.json["a"], said.json["b"]) == tuple(ids)


@pytest.mark.parametrize(
    ("which", "sentence"),
    [((0, 0), "same solution"), ((0, 3), "different texts")],
)
def test_pairs_that_make_no_path_are_a_sentence(
    call: "Call", solution_files: list[Path], which: tuple[int, int], sentence: str
) -> None:
    said = call("path", *(solution_files[k] for k in which), *QUICK)
    assert said.code == 2 and sentence in said.err and "Traceback" not in said.err
    assert said.out == ""


def test_files_that_are_no_solutions_are_a_sentence(
    call: "Call", solution_files: list[Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"nothing")
    for other in (broken, tmp_path / "none.safetensors", "no-such-id"):
        said = call("path", solution_files[0], other, *QUICK)
        assert said.code == 2 and len(said.err.strip().splitlines()) == 1
    said = call("path", *solution_files[:2], *QUICK, "--points", 1)
    assert said.code == 2 and "points" in said.err


def test_all_pairs_of_a_folder_and_the_share_connected(
    call: "Call", solution_files: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "all"
    said = call("paths", solution_files[0].parent, *QUICK, "--out", out).json
    assert len(said["pairs"]) == 4
    connected = [min(pair["bezier"]["accuracy"]) >= 0.99 for pair in said["pairs"]]
    assert said["share_connected"] == pytest.approx(np.mean(connected))
    assert said["largest_length_ratio"] == max(p["length_ratio"] for p in said["pairs"])
    assert all(Path(pair["control_point"]).is_file() for pair in said["pairs"])


def test_a_landscape_and_a_radius_from_the_command_line(
    call: "Call", solution_files: list[Path], tmp_path: Path
) -> None:
    made = call("path", *solution_files[:2], *QUICK, "--out", tmp_path / "out").json
    said = call("landscape", made["paths"], "--level", 3, "--json", "--device", "cpu",
                "--out", tmp_path / "plane").json  # fmt: skip
    assert np.array(said["accuracy"]).shape == (9, 9) == (len(said["y"]), len(said["x"]))
    row = said["y"].index(0.0)
    column = int(np.argmin(np.abs(np.array(said["x"]) - said["marks"][-1][0])))
    assert said["accuracy"][row][column] == 1
    assert said["share_of_plain_rate"] == pytest.approx(
        said["points_per_second"] / said["plain_forward_rate"]
    )
    walked = call("radius", solution_files[0], "--directions", 3, "--points", 5, "--json",
                  "--device", "cpu", "--out", tmp_path / "radius").json  # fmt: skip
    assert len(walked["radius"]) == 3 and walked["median"] > 0
    bad = call("landscape", made["paths"], "--pair", 7, "--device", "cpu")
    assert bad.code == 2 and "pair 7" in bad.err
    json.dumps(said, allow_nan=False)


def test_a_plane_or_a_walk_of_something_else_is_not_written_over(
    call: "Call", solution_files: list[Path], tmp_path: Path
) -> None:
    made = call("paths", *solution_files[:3], *QUICK, "--out", tmp_path / "out").json["paths"]
    common = ("--device", "cpu", "--json", "--out", tmp_path / "around")
    plane = ("landscape", made, "--level", 3)
    walk = ("radius", solution_files[0], "--directions", 2, "--points", 3)
    first, around = call(*plane, *common), call(*walk, *common)
    assert first.code == around.code == 0
    kept = {file: file.read_bytes() for file in (tmp_path / "around").iterdir()}
    for asked, lies_there in (
        ((*plane[:2], "--level", 4), "level 3"),
        ((*plane, "--pair", 1), f"the plane through {solution_files[0].stem}"),
        ((walk[0], solution_files[1], *walk[2:]), f"a walk around {solution_files[0].stem}"),
        ((*walk[:3], 3, *walk[4:]), "2 directions with 3 distances, seed 0"),
        ((*walk, "--seed", 1), "seed 0"),
    ):
        said = call(*asked, *common)
        assert said.code == 2 and lies_there in said.err and "--out" in said.err, said.err
    assert kept == {file: file.read_bytes() for file in (tmp_path / "around").iterdir()}
    assert "no pair 9" in call(*plane, "--pair", 9, *common).err
    assert call(*plane, *common).json["accuracy"] == first.json["accuracy"]
    assert call(*walk, *common).json["radius"] == around.json["radius"]


@pytest.mark.parametrize(
    ("change", "said"),
    [((), "the paths of other solutions (4 pairs)"), (("--steps", 6), "trained in another way")],
)
def test_curves_of_other_pairs_or_another_recipe_are_not_written_over(
    call: "Call",
    solution_files: list[Path],
    tmp_path: Path,
    change: tuple[object, ...],
    said: str,
) -> None:
    """What lies in --out is their only copy, and took hours."""
    out = tmp_path / "all"
    call("paths", solution_files[0].parent, *QUICK, "--out", out)
    before = (out / "paths.safetensors").read_bytes()
    which = [solution_files[0].parent] if change else solution_files[:2]
    again = call("paths", *which, *QUICK, *change, "--out", out)
    assert again.code == 2 and said in again.err and "--out" in again.err
    assert (out / "paths.safetensors").read_bytes() == before
    same = call("paths", solution_files[0].parent, *QUICK, "--out", out)
    assert same.code == 0 and len(same.json["pairs"]) == 4
