"""`python -m explorer inside` from the arguments to files and JSON."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from explorer.cli.main import main
from explorer.inside.result import FILE, Inside
from explorer.inside.tables import TABLES
from explorer.tasks.inside.looking import InsideTask


def test_it_writes_a_file_and_tables_and_says_all_of_it(
    solution_files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "look"
    arguments = ["inside", str(solution_files[0]), "--write", "--tokens", "2", "--out", str(out)]
    assert main([*arguments, "--device", "cpu", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    found = Inside.load(out / FILE)
    assert said["inside"] == str(out / FILE) and said["solution"] == solution_files[0].stem
    assert said["by_layer"]["share_right"] == found.right.mean(1).tolist()
    assert [t["accuracy"] for t in said["trials"]] == found.trial_accuracy.tolist()
    assert len(said["writings"]) == len(found.header.writings) > 0
    assert set(said["radius"]) == {"e", "m", "both"} and len(said["swaps"]) == 4
    tables = {file.stem: pd.read_csv(file) for file in out.glob("*.csv")}
    assert set(tables) == set(TABLES)
    lens = tables["lens"]
    assert len(lens) == found.predicted.size
    assert np.array_equal(lens["right"], found.right.ravel())
    assert np.allclose(lens["p_target"], found.p.astype(float).ravel(), atol=1e-3)
    assert len(tables["trials"]) == len(found.header.trials)


def test_a_look_inside_another_solution_is_not_written_over(
    solution_files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["--tokens", "1", "--depths", "1", "--draws", "1", "--device", "cpu"]
    out = tmp_path / "look"
    common += ["--out", str(out)]
    assert main(["inside", str(solution_files[0]), "--write", *common]) == 0
    kept = {file: file.read_bytes() for file in out.iterdir()}
    assert out / "writings.csv" in kept
    assert main(["inside", str(solution_files[1]), *common]) == 2
    said = capsys.readouterr().err
    assert f"a look inside {solution_files[0].stem}" in said and "--out" in said
    assert kept == {file: file.read_bytes() for file in out.iterdir()}
    for other in ([], ["--write", "--draws", "2"], ["--write", "--seed", "1"]):
        assert main(["inside", str(solution_files[0]), *common, *other]) == 2
        assert "by other options" in capsys.readouterr().err
    assert kept == {file: file.read_bytes() for file in out.iterdir()}
    again = [*common, "--write"]
    assert main(["inside", str(solution_files[0]), *again]) == 0  # the same is made again


def test_who_interrupts_a_look_keeps_the_one_before(
    solution_files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    common = ["--depths", "1", "--draws", "1", "--device", "cpu", "--out", str(tmp_path / "look")]
    assert main(["inside", str(solution_files[0]), *common]) == 0
    kept = {file: file.read_bytes() for file in (tmp_path / "look").iterdir()}
    save = InsideTask._save

    def interrupted(task: InsideTask) -> None:
        save(task)
        raise KeyboardInterrupt

    monkeypatch.setattr(InsideTask, "_save", interrupted)
    assert main(["inside", str(solution_files[0]), *common]) == 130
    assert kept == {file: file.read_bytes() for file in (tmp_path / "look").iterdir()}


def test_bad_input_is_a_sentence(
    solution_files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = str(solution_files[0])
    assert main(["inside", one, "--other", one, "--out", str(tmp_path)]) == 2
    assert "cannot swap e and m" in capsys.readouterr().err
    assert main(["inside", "nothing", "--out", str(tmp_path)]) == 2
    assert "no solution" in capsys.readouterr().err
