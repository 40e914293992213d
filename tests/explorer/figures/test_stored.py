"""What is stored is found by its name, and every chart of it is drawn."""

import shutil
from pathlib import Path

import pytest

from explorer.base.errors import BadInputError
from explorer.base.folders import recorded
from explorer.figures import stored
from explorer.paths.places import PATHS
from explorer.paths.result import Paths


def test_a_result_that_ships_is_found_and_drawn() -> None:
    found, drawn = stored.named("reconstruct/1-ferry")
    assert found == "1-ferry"
    assert [chart.key for chart in drawn] == ["accuracy", "positions", "loss", "position-accuracy"]


def test_all_that_lies_in_one_folder_is_drawn(tmp_path: Path) -> None:
    """The command line writes a plane and a walk around a solution into one, if nothing is said."""
    for name in ("landscape/1-four-texts/landscape", "inside/1-lanternball/inside"):
        shutil.copy(recorded() / f"{name}.safetensors", tmp_path)
    found, drawn = stored.named(str(tmp_path))
    assert found == tmp_path.name
    assert {"landscape-accuracy", "inside-lens"} < {chart.key for chart in drawn}


def test_a_result_is_drawn_from_its_file(tmp_path: Path) -> None:
    """Also a recording as the command line calls it."""
    file = PATHS.shipped()[0]
    assert stored.named(str(file))[0] == file.parent.name
    own = tmp_path / "1a2b.recording.safetensors"
    shutil.copy(recorded() / "reconstruct" / "1-ferry" / "recording.safetensors", own)
    assert stored.named(str(own))[1][0].key == "accuracy"
    with pytest.raises(BadInputError, match="Nothing stored is called"):
        stored.named(str(recorded() / "paths"))


@pytest.mark.parametrize("name", ["", "nothing-of-this-name", "/nowhere/at/all"])
def test_a_name_of_nothing_is_said(name: str) -> None:
    with pytest.raises(BadInputError, match=r"Nothing stored is called"):
        stored.named(name)


def test_the_pair_that_is_drawn_first_is_connected_if_one_is() -> None:
    found = Paths.load(PATHS.shipped()[0])
    assert found.connected[stored.best_pair(found)] == found.connected.any()


def test_a_set_is_drawn_with_its_distances_layers_and_maps() -> None:
    (name,) = {f.parent.name for f in stored.sets.SETS.shipped() if f.parent.name == "131d0d8231dc"}
    kinds = {chart.key.partition("-")[0] for chart in stored.named(name)[1]}
    assert {"depth", "map", "texts"} < kinds
