import argparse
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from explorer.cli import set_reports
from explorer.solutions import sets

MakeSet = Callable[..., str]


@pytest.fixture
def solve(
    call: Any, tiny_llama_folder: Path, tmp_path: Path, one_thread: None
) -> Callable[..., Any]:
    """Make a small set of gathered texts on a tiny model; what is given comes after, and wins."""
    texts = tmp_path / "texts.jsonl"
    lines = [("zzqq", "one"), ("xxvv", "one"), ("kkjj", "two"), ("wwff", "two")]
    texts.write_text("\n".join(json.dumps({"text": t, "context": c}) for t, c in lines))

    def run(*arguments: object) -> Any:
        usual = [
            *("--model", tiny_llama_folder, "--texts", texts, "--restarts", 2, "--length", 4),
            *("--arrangement", "halves", "--regime", "free", "--device", "cpu"),
            *("--set", "precision=float32", "--set", "lr=0.5", "--set", "max_steps=120"),
            *("--set", "warmup_steps=5", "--set", "init_scale=1"),
            *("--set", "ease_below=none", "--set", "flatten=0"),
        ]
        return call("solve-set", *usual, *arguments)

    return run


@pytest.mark.parametrize("regime", ["free", "shared"])
def test_solve_set_names_the_set_and_lists_its_files(
    regime: str, solve: Callable[..., Any]
) -> None:
    said = solve("--regime", regime, "--json")
    assert said.code == 0
    answer = said.json
    record = sets.load(sets.find(answer["set"]))
    assert answer["regime"] == regime and answer["exact"] == answer["wanted"] == 8
    listed = [(s["context"], s["continuation"], s["seed"]) for s in answer["solutions"]]
    assert listed == [(m.context, m.continuation, m.seed) for m in record.members]
    vectors = [load_file(s["path"]) for s in answer["solutions"]]
    assert all(len(v["target_ids"]) == 4 for v in vectors)
    assert (len({v["m"].tobytes() for v in vectors}) == 1) is (regime == "shared")
    assert "about" in said.err and answer["set"] in said.err


def test_the_same_command_goes_on_and_another_seed_is_another_set(
    solve: Callable[..., Any],
) -> None:
    first, again = solve("--json").json, solve("--json").json
    assert first == again
    assert solve("--json", "--seed", 3).json["set"] != first["set"]


def test_restarts_are_of_every_text_that_a_person_gives(
    solve: Callable[..., Any], tmp_path: Path
) -> None:
    """Three texts with three restarts are nine solutions, however the texts are grouped."""
    texts = tmp_path / "three.jsonl"
    lines = [("zzqq", "one"), ("xxvv", "one"), ("kkjj", "two")]
    texts.write_text("\n".join(json.dumps({"text": t, "context": c}) for t, c in lines))
    few = ("--texts", texts, "--restarts", 3, "--set", "max_steps=1", "--attempts", 1, "--json")
    answer = solve(*few).json
    assert answer["wanted"] == len(answer["solutions"]) == 9
    assert solve(*few, "--restarts-of", "last").json["wanted"] == 7


def test_out_holds_what_the_set_holds(solve: Callable[..., Any], tmp_path: Path) -> None:
    out = tmp_path / "new" / "set"
    answer = solve("--set", "max_steps=1", "--attempts", 1, "--json", "--out", out).json
    kept = sorted(file.name for file in Path(answer["folder"]).iterdir())
    assert sorted(file.name for file in out.iterdir()) == kept and "set.json" in kept
    assert answer["out"] == str(out)
    more = ("--set", "max_steps=1", "--attempts", 1, "--out", out)
    assert solve(*more, "--json").json["set"] == answer["set"]
    other = solve(*more, "--seed", 3)
    assert other.code == 2 and f"holds the set {answer['set']}" in other.err
    assert sorted(file.name for file in out.iterdir()) == kept
    record = sets.load(out)
    weights = "f" * 64
    before = {"fingerprint": weights, "id": sets.set_id(record.spec, weights)}
    (out / "set.json").write_text(record.model_copy(update=before).model_dump_json())
    other = solve(*more)
    assert other.code == 2 and f"holds the set {before['id']}" in other.err
    (tmp_path / "file").write_text("")
    said = solve("--out", tmp_path / "file" / "x")
    assert said.code == 2 and "cannot be created" in said.err and "about" not in said.err


def test_nothing_exact_is_exit_code_3_and_is_reported(solve: Callable[..., Any]) -> None:
    said = solve("--set", "max_steps=2", "--attempts", 1)
    assert said.code == 3
    assert "0 of 8 solutions exact" in said.out
    assert said.out.count("not exact within 2 steps") == 8


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--contexts", 0), "contexts"),
        (("--contexts", 3), "Leave it or --texts out"),
        (("--context-length", 5), "--context-length says how texts are drawn"),
        (("--restarts", 0), "restarts"),
        (("--m-from", 2), "goes with the shared regime"),
        (("--texts", "/nowhere.jsonl"), "cannot be read"),
        (("--length", 5), "5 are wanted"),
        (("--regime", "other"), "invalid choice"),
        (("--joint-until", 2), "joint_until"),
        (("--joint-until", 0.5), "goes with the shared regime"),
        (("--model", "no/such folder"), "no model"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: tuple[object, ...], words: str, solve: Callable[..., Any]
) -> None:
    said = solve(*arguments)
    assert said.code == 2
    assert words in said.err and "Traceback" not in said.err
    assert "the same command goes on" not in said.err  # said before a step is timed


def test_a_texts_file_without_texts_is_a_sentence(
    solve: Callable[..., Any], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"words": 1}\n')
    said = solve("--texts", broken)
    assert said.code == 2 and "one JSON object a line" in said.err


def test_lines_of_a_texts_file_end_where_those_of_json_end(
    solve: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / "texts.jsonl"
    lines = [json.dumps({"text": text}, ensure_ascii=False) for text in ("a\u2028b c", "d\x85e f")]
    file.write_text("\r\n".join(lines), encoding="utf-8-sig", newline="")
    few = ("--restarts", 1, "--set", "max_steps=1", "--attempts", 1, "--json")
    said = solve("--texts", file, *few)
    assert said.code in (0, 3) and said.json["wanted"] == 2, said.err


def test_distances_in_json_equal_the_files(call: Any, make_set: MakeSet, letters: None) -> None:
    name = make_set()
    said = call("distances", "--set", name, "--json")
    assert said.code == 0
    folder = sets.find(name)
    files = {m.solution: load_file(folder / m.file) for m in sets.load(folder).members}
    pairs = said.json["pairs"]
    assert len(pairs) == 15 * 14 / 2
    for pair in pairs[::7]:
        for vector in ("e", "m"):
            a, b = (files[pair[side]][vector].astype(float) for side in ("a", "b"))
            cosine = 1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b)
            assert pair[f"cosine_{vector}"] == pytest.approx(cosine)
    assert {"kind", "tfidf", "semantic"} <= set(pairs[0])
    assert said.json["summary"]["counts"]["same text"] == 9
    assert call("distances", "--set", name, "--json").json == said.json  # kept
    assert "AUC" in call("distances", "--set", name).out


def test_distances_of_no_set_are_a_sentence(call: Any, make_set: MakeSet) -> None:
    assert "no solution set" in call("distances", "--set", "nope").err
    said = call("distances", "--set", make_set(inexact=99))
    assert said.code == 2 and "no exact solution" in said.err


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_a_file_without_any_text_is_a_sentence(
    content: str, call: Any, tiny_llama_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "none.jsonl").write_text(content)
    said = call(
        *("solve-set", "--model", tiny_llama_folder, "--regime", "free"),
        *("--texts", tmp_path / "none.jsonl"),
    )
    assert said.code == 2 and "holds no text" in said.err and said.out == ""


def test_a_report_says_null_where_it_has_no_number(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = SimpleNamespace(model_dump=lambda mode: {"auc": float("nan"), "mode": mode})
    kept = SimpleNamespace(load=lambda record: made)
    monkeypatch.setitem(set_reports.REPORTS, "depth", kept)
    asked = argparse.Namespace(command="depth", out=None, json=True)
    set_reports._report(asked, SimpleNamespace(record=None))  # type: ignore[arg-type]
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail)["auc"] is None
