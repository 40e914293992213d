"""`python -m explorer run`: an experiment without a browser, its JSON, files and sentences."""

import argparse
import shutil
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants

from explorer.base.errors import BadInputError
from explorer.cli import devices, experiment
from explorer.experiments import runs
from explorer.runtime import step_times
from tests.explorer.cli.conftest import Call

QUICK = ("--set", "recipe.max_steps=5", "--set", "recipe.precision=float32")


@pytest.mark.usefixtures("one_thread")
def test_capacity_runs_and_is_written(call: Call, tiny_llama_folder: Path, tmp_path: Path) -> None:
    asked = [
        *("run", "capacity", "--model", tiny_llama_folder, "--preset", "minutes", *QUICK),
        *("--set", "ladder=[1, 3]", "--device", "cpu", "--out", tmp_path / "out", "--json"),
    ]
    said = call(*asked)
    assert said.code == 0, said.err
    found = said.json
    assert found["experiment"] == "capacity" and "N = 1, 3" in found["protocol"]
    assert {f["id"] for f in found["findings"]} == {"F4", "F5", "F6", "F7"}
    summary = found["tables"]["Capacity by source and scheme"]
    assert {row["scheme"] for row in summary} == {"m free", "m shared", "one mem", "two mem"}
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {runs.HEADER_FILE, "measurements.csv", "capacity-by-source-and-scheme.csv"} <= written
    again = call(*asked).json
    assert again["run"] == found["run"] and again["measurements"] == found["measurements"]
    other = call(*asked, "--seed", 1)
    assert other.code == 2 and f"holds the run {found['run']} of capacity" in other.err


def test_a_ladder_longer_than_the_model_is_a_sentence(call: Call, tiny_llama_folder: Path) -> None:
    said = call(
        "run", "capacity", "--model", tiny_llama_folder, "--set", "ladder=[4, 500]",
        "--device", "cpu",
    )  # fmt: skip
    assert said.code == 2 and said.out == ""
    assert "N = 500 is longer than the 128 positions" in said.err


def test_a_step_is_timed_before_a_run_and_kept(
    call: Call, tiny_llama_folder: Path, one_thread: None
) -> None:
    arguments = [
        *("run", "training-time", "--model", tiny_llama_folder, "--device", "cpu", "--json"),
        *("--set", "lengths=[2]", "--set", "texts=1", "--set", "source=unseen"),
        *("--set", "recipe.max_steps=3", "--set", "recipe.precision=float32"),
    ]
    said = call(*arguments)
    assert said.code == 0 and "with a step timed on this machine" in said.err
    kept = step_times.find(str(tiny_llama_folder), "float32")
    assert kept is not None and 0 < kept.token_seconds < 1
    again = call(*arguments)
    assert again.code == 0 and again.json["run"] == said.json["run"]
    assert "timed on this machine" not in again.err


@pytest.mark.trial
def test_ray_on_this_machine_measures_what_a_plain_run_does(
    call: Call, tiny_llama_folder: Path, one_thread: None
) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements-ray.txt")
    asked = [
        *("run", "training-time", "--model", tiny_llama_folder, "--seed", 3, *QUICK, "--json"),
        *("--set", "lengths=[2, 3]", "--set", "texts=1", "--set", "source=unseen"),
    ]
    spread = call(*asked, "--ray", "--cores", 1)
    assert spread.code == 0, spread.err
    assert spread.json["cells"] == 2 and spread.json["computed"][0]["threads"] == 1
    folder = Path(spread.json["folder"])
    cells = (folder / runs.CELLS_FILE).read_bytes()
    (folder / runs.CELLS_FILE).unlink()
    plain = call(*asked, "--device", "cpu").json
    assert plain["run"] == spread.json["run"] and len(cells.splitlines()) == 2
    rows = []
    for said in (plain, spread.json):
        found = sorted(said["measurements"], key=lambda row: (row["n"], row["restart"]))
        rows.append([{k: v for k, v in row.items() if "seconds" not in k} for row in found])
    assert rows[0] == rows[1]


@pytest.mark.parametrize("names", ["cpu,cpu", "cpu, tpu:0"])
def test_devices_that_cannot_work_side_by_side_are_a_sentence(
    names: str, call: Call, tiny_llama_folder: Path
) -> None:
    said = call("run", "readout", "--model", tiny_llama_folder, "--device", names)
    assert said.code == 2 and said.out == ""
    assert "twice" in said.err or "There is no device “tpu:0”" in said.err
    assert devices.several(argparse.Namespace(device="cpu", ray=None, cores=None)) == ["cpu"]


def test_settings_are_listed_and_unknown_ones_named(call: Call, tiny_llama_folder: Path) -> None:
    listed = call("run", "readout", "--list-settings")
    assert listed.code == 0 and "context_length" in listed.out and "recipe.max_steps" in listed.out
    told = call("run", "readout", "--list-settings", "--json").json["settings"]
    assert told["context_length"]["value"] == 32 and "Tokens" in told["context_length"]["meaning"]
    assert [name in listed.out for name in told] == [True] * len(told)
    for change, said in (
        ("nope=1", "There is no setting “nope”. Choose one of: model, seed, recipe"),
        ("recipe.nope=1", "There is no setting “recipe.nope”"),
        ("recipe=fast", "Give the recipe with --recipe"),
        ("model=other", "Give the model with --model"),
        ("seed=7", "Give the seed with --seed"),
    ):
        refused = call("run", "readout", "--model", tiny_llama_folder, "--set", change)
        assert refused.code == 2 and said in refused.err


def test_what_does_not_fit_is_said_before_anything_is_computed(
    call: Call, tiny_llama_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for arguments, said in (
        (("arrangements", "--arrangement", "e"), "has no single arrangement"),
        (("readout", "--out", tmp_path / "file" / "out"), "Name another one with --out"),
    ):
        refused = call("run", *arguments, "--model", tiny_llama_folder, "--device", "cpu")
        assert refused.code == 2 and said in refused.err


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_all_gpus_of_a_machine_without_any_is_a_sentence() -> None:
    with pytest.raises(BadInputError, match="no GPU"):
        devices.several(argparse.Namespace(device="all", ray=None, cores=None))


@pytest.fixture
def trained(tiny_llama_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's cache with three revisions of one model, two of which hold the same weights."""
    from safetensors.torch import load_file, save_file

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    at = tmp_path / "hub" / "models--org--tiny"
    (at / "refs").mkdir(parents=True)
    for k, revision in enumerate(("step1000", "step2000", "main")):
        shutil.copytree(tiny_llama_folder, at / "snapshots" / f"{k:040}")
        (at / "refs" / revision).write_text(f"{k:040}")
    early = at / "snapshots" / f"{0:040}" / "model.safetensors"
    tensors = {name: tensor / 2 for name, tensor in load_file(early).items()}
    save_file(tensors, early, {"format": "pt"})
    return at


@pytest.mark.usefixtures("one_thread")
def test_models_that_are_no_checkpoints_are_told_one_after_the_other(
    call: Call, tiny_llama_folder: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(tiny_llama_folder, tmp_path / "other")
    asked = [
        *("run", "capacity", "--model", tiny_llama_folder, "--model", other, *QUICK),
        *("--set", "ladder=[1]", "--set", "texts=1", "--set", 'schemes=["m free"]'),
        *("--device", "cpu"),
    ]
    said = call(*asked, "--json")
    assert said.code == 0, said.err
    assert len(said.json["runs"]) == 2 and said.json["over_training"] == said.json["notes"] == []
    assert "Over training" not in call(*asked).out


@pytest.mark.usefixtures("one_thread", "trained")
def test_checkpoints_of_a_training_run_are_one_experiment(call: Call, tmp_path: Path) -> None:
    names = ["org/tiny@step2000", "org/tiny@step1000", "org/tiny"]
    asked = [
        *("run", "capacity", *(part for name in names for part in ("--model", name)), *QUICK),
        *("--set", "ladder=[1]", "--set", "texts=1", "--set", 'schemes=["m free"]'),
        *("--device", "cpu", "--out", tmp_path / "out"),
    ]
    said = call(*asked, "--json")
    assert said.code == 0, said.err
    found = said.json
    assert [run["settings"]["model"] for run in found["runs"]] == names
    assert [row["checkpoint"] for row in found["over_training"]] == ["step1000", "step2000", "main"]
    (note,) = found["notes"]
    assert note.startswith("step2000 and main hold the same weights")
    files = [tmp_path / "out" / run["run"] / "measurements.csv" for run in found["runs"]]
    assert len(set(files)) == 3 and all(file.is_file() for file in files)
    plain = call(*asked).out
    assert "Over training" in plain and note in plain


def test_a_run_of_the_same_settings_by_other_weights_is_another_run() -> None:
    file = runs.shipped()[0] / runs.HEADER_FILE
    header = runs.read_header(file)
    assert experiment._other_run(file, header.settings) == ""
    assert header.id in experiment._other_run(file, header.settings, "f" * 64)
