import io
import json
import re
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from explorer.assets import catalog
from explorer.cli import recipes
from explorer.jobs import client
from explorer.solutions import store
from explorer.solutions.recording import Recording
from explorer.solutions.solution import load_solution
from explorer.specs.recipes import FAST, PAPER
from explorer.tasks.reconstruct import Reconstruction

Reconstruct = Callable[..., Any]

KEYS = {
    "path", "seed", "accuracy", "exact", "c_tokens", "h_lm", "h_lm_terms", "steps", "seconds",
    "confirmed_in",
}  # fmt: skip
SHORT = ("--set", "max_steps=3", "--restarts", 1)


def _record(path: str) -> dict[str, Any]:
    """Read a solution's metadata without the package."""
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:
        record: dict[str, Any] = json.loads(file.metadata()["solution"])
    return record


def test_json_is_one_object_with_every_restart(
    reconstruct: Reconstruct, tiny_llama_folder: Path
) -> None:
    said = reconstruct("--json", "--restarts", 3)
    assert (said.code, said.err, said.out.count("\n")) == (0, "", 1)
    assert set(said.json) == {"model_path", "solutions"}
    assert said.json["model_path"] == str(tiny_llama_folder)
    solutions = said.json["solutions"]
    assert [s["seed"] for s in solutions] == [2, 3, 4]
    assert any(s["exact"] for s in solutions)
    for s in solutions:
        assert set(s) == KEYS | (set() if s["exact"] else {"reason"})
        assert s["exact"] is (s["c_tokens"] == 3) is (s["accuracy"] == 1.0)
        assert s["c_tokens"] == round(3 * s["accuracy"])
        assert s["h_lm"] > 0 and s["h_lm_terms"] == 3
        assert 0 < s["steps"] <= 800 and s["seconds"] > 0
        assert s["confirmed_in"] == "float32" and Path(s["path"]).is_absolute()
        record = _record(s["path"])
        for key in KEYS - {"path"}:
            assert record[key] == s[key]


def test_what_takes_long_is_said_before_it_starts(
    reconstruct: Reconstruct, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script cannot answer, so the command line says it and goes on."""
    monkeypatch.setattr("explorer.estimates.outlook.QUICK_SECONDS", 0.0)
    said = reconstruct("--json", *SHORT)
    assert said.err.startswith("This takes long: usually about ") and "Ctrl-C" in said.err
    assert said.err.count("\n") == 1 and len(said.json["solutions"]) == 1


def test_a_run_without_an_exact_restart_ends_with_3_and_reasons(reconstruct: Reconstruct) -> None:
    said = reconstruct("--json", *SHORT, "--restarts", 2)
    assert said.code == 3
    for s in said.json["solutions"]:
        assert set(s) == KEYS | {"reason"}
        assert not s["exact"] and s["reason"] == "not exact within 3 steps" and s["steps"] == 3
        assert _record(s["path"])["reason"] == s["reason"]


@pytest.mark.parametrize("arrangement", ["e", "halves", "alternating", "e+mN", "e+mN-1"])
def test_files_reproduce_their_accuracy_in_plain_transformers(
    reconstruct: Reconstruct, arrangement: str
) -> None:
    """What anybody gets who has the file, the model folder and the arrangement's definition."""
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    said = reconstruct(
        *("--json", "--arrangement", arrangement, "--length", 4),
        *("--restarts", 3, "--set", "max_steps=40"),
        text=("--text", "The heron waits by the reservoir."),
    )
    network = AutoModelForCausalLM.from_pretrained(said.json["model_path"], dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(said.json["model_path"])
    ids = tokenizer("The heron waits by the reservoir.", add_special_tokens=False)["input_ids"]
    assert len(said.json["solutions"]) == 3
    for solution in said.json["solutions"]:
        tensors = load_file(solution["path"])
        e, m, target = tensors["e"], tensors["m"], tensors["target_ids"]
        assert e.shape == m.shape == (32,) and e.dtype == m.dtype == torch.float32
        assert target.dtype == torch.int64 and target.tolist() == ids[:4]
        layout = {
            "e": [e, e, e, e],
            "halves": [e, e, m, m],
            "alternating": [e, m, e, m],
            "e+mN": [e, m, m, m, m],
            "e+mN-1": [e, m, m, m],
        }[arrangement]
        with torch.no_grad():
            logits = network(inputs_embeds=torch.stack(layout)[None]).logits[0]
        right = logits.argmax(-1)[len(layout) - 4 :] == target
        assert solution["c_tokens"] == int(right.sum())
        assert solution["accuracy"] == pytest.approx(float(right.float().mean()))
        assert _record(solution["path"])["arrangement"] == arrangement


def test_a_table_is_printed_for_people(reconstruct: Reconstruct, tmp_path: Path) -> None:
    exact, not_exact = reconstruct(), reconstruct(*SHORT)
    first, path = exact.out.splitlines()
    assert first.startswith("seed 2: 1.000 (3 tokens) after ") and first.endswith(" s, exact")
    assert Path(path.strip()).parent == tmp_path / "out" and Path(path.strip()).exists()
    assert not_exact.out.splitlines()[0].endswith("not exact within 3 steps")
    assert exact.err == not_exact.err == ""


def test_equal_inputs_give_equal_vectors_and_nothing_is_overwritten(
    reconstruct: Reconstruct, tmp_path: Path
) -> None:
    first, second = (
        load_solution(Path(reconstruct("--json", *SHORT).json["solutions"][0]["path"]))
        for _ in range(2)
    )
    assert first.record.made_from == second.record.made_from
    assert first.record.id != second.record.id
    np.testing.assert_array_equal(first.e, second.e)
    np.testing.assert_array_equal(first.m, second.m)
    assert len(list((tmp_path / "out").glob("*-*.safetensors"))) == 2


def test_a_recording_lies_beside_the_solution(reconstruct: Reconstruct) -> None:
    (solution,) = reconstruct("--json", *SHORT).json["solutions"]
    recording = store.recording_of(Path(solution["path"]))
    assert isinstance(recording, Recording) and recording.header.seeds == [2]
    assert recording.frames["accuracy"][-1, 0] == pytest.approx(solution["accuracy"])
    assert not list(Path(solution["path"]).parent.glob(".*"))


def _recipe_of(said: Any) -> dict[str, Any]:
    recipe: dict[str, Any] = _record(said.json["solutions"][0]["path"])["recipe"]
    return recipe


def test_recipe_fields_can_be_changed(reconstruct: Reconstruct) -> None:
    said = reconstruct(
        *("--json", *SHORT, "--recipe", "paper", "--set", "lr=0.5", "--set", "clip=2"),
        *("--set", "lr_unit=embedding std", "--set", "clip=none"),
    )
    changed = {
        "name": "paper, changed",
        "lr": 0.5,
        "lr_unit": "embedding std",
        "clip": None,
        "max_steps": 3,
        "precision": "float32",
    }
    assert _recipe_of(said) == PAPER.model_dump() | changed


def test_what_is_changed_to_what_it_is_leaves_the_recipe_its_name() -> None:
    assert recipes.chosen("fast", ["lr=0.8", "clip=none"]) == FAST
    assert recipes.chosen("fast", ["lr=0.7"]).name == "fast, changed"


def test_a_recipe_of_an_editor_that_marks_utf_8_is_read(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(FAST.model_dump_json(), encoding="utf-8-sig")
    assert recipes.named(str(file)) == FAST


def test_a_recipe_may_come_from_a_file(reconstruct: Reconstruct, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    mine = FAST.model_copy(update={"name": "naïve", "lr": 0.07, "precision": "float32"})
    file.write_text(mine.model_dump_json(), encoding="utf-8")
    said = reconstruct("--json", "--recipe", file, "--set", "max_steps=2")
    assert _recipe_of(said) == mine.model_dump() | {"name": "naïve, changed", "max_steps": 2}


def test_the_text_may_come_from_a_file(reconstruct: Reconstruct, tmp_path: Path) -> None:
    file = tmp_path / "naïve.txt"
    file.write_bytes("\ufeffThe heron\r\nwaits <b>".encode())
    said = reconstruct("--json", *SHORT, "--length", 5, text=("--text-file", file))
    record = _record(said.json["solutions"][0]["path"])
    assert "The heron\nwaits".startswith(record["text"]) and record["title"] == "naïve.txt"
    assert record["source"] == "own"


def test_the_text_may_be_drawn(reconstruct: Reconstruct) -> None:
    def draw(*arguments: object) -> dict[str, Any]:
        said = reconstruct("--json", *SHORT, *arguments, text=("--source", "unseen"))
        return _record(said.json["solutions"][0]["path"])

    first, again, reseeded, next_one = draw(), draw(), draw("--text-seed", 1), draw("--index", 1)
    assert {r["source"] for r in (first, again, reseeded, next_one)} == {"unseen"}
    assert first["title"] == again["title"] and first["text"] == again["text"]
    assert len({r["title"] for r in (first, reseeded, next_one)}) == 3


def test_a_corpus_of_ones_own_is_drawn_from(reconstruct: Reconstruct, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text('{"text": "The tram goes home."}\n')
    said = reconstruct("--json", *SHORT, "--path", corpus, text=("--source", "corpus"))
    record = _record(said.json["solutions"][0]["path"])
    assert "The tram goes home.".startswith(record["text"]) and record["source"] == "corpus"


def test_without_a_length_the_whole_text_is_the_target(
    call: Reconstruct, tiny_llama_folder: Path, tmp_path: Path, one_thread: None
) -> None:
    said = call(
        *("reconstruct", "--model", tiny_llama_folder, "--text", "The heron waits 👩‍🚀", "--json"),
        *("--recipe", "fast", *SHORT, "--out", tmp_path, "--device", "cpu"),
    )
    record = _record(said.json["solutions"][0]["path"])
    assert record["text"] == "The heron waits 👩‍🚀"
    assert record["arrangement"] == "e+mN-1"  # its first position can say any token


BAD: dict[str, tuple[list[object], str]] = {
    "unknown model": (["--model", "no such model"], "There is no model 'no such model'"),
    "model not here": (["--model", "nobody/nothing"], "the hub cannot be reached"),
    "no folder": (["--model", "/nowhere/at/all"], "There is no model folder /nowhere/at/all"),
    "unknown recipe": (["--recipe", "slow"], "There is no recipe “slow”. Choose one of: fast,"),
    "unknown field": (["--set", "momentum=1"], "momentum"),
    "no value": (["--set", "lr"], "“--set lr” is not of the form FIELD=VALUE"),
    "value of no use": (["--set", "lr=fast"], "“lr” must be"),
    "value out of range": (["--set", "beta1=1"], "“beta1” must be"),
    "not a number": (["--set", "lr=nan"], "“lr” must be"),
    "no length": (["--length", 0], "“length” must be"),
    "length beyond all": (["--length", 10**9], "“length” must be"),
    "too short": (["--length", 90], r"tokens and 90 are wanted. Use a longer text"),
    "no restarts": (["--restarts", 0], "“restarts” must be"),
    "too many restarts": (["--restarts", 1000], "“restarts” must be"),
    "negative seed": (["--seed", -1], "“seed” must be"),
    "unknown device": (["--device", "toaster"], "There is no device “toaster”"),
    "device not here": (["--device", "cuda:99"], "There is no device “cuda:99”"),
}


def _is_a_sentence(said: Any) -> None:
    assert (said.code, said.out) == (2, "")
    assert said.err.count("\n") == 1 and said.err.endswith(".\n") and len(said.err) < 500
    assert "Traceback" not in said.err and "pydantic" not in said.err


@pytest.mark.parametrize(("arguments", "sentence"), BAD.values(), ids=BAD)
def test_bad_input_is_one_sentence(
    reconstruct: Reconstruct, tmp_path: Path, arguments: list[object], sentence: str
) -> None:
    said = reconstruct("--json", *arguments)
    _is_a_sentence(said)
    assert sentence in said.err
    assert not list(tmp_path.rglob("*-*.safetensors"))


BAD_TEXTS: dict[str, tuple[tuple[object, ...], str]] = {
    "empty": (("--text", ""), "The text is empty"),
    "blank": (("--text", " \n\t "), "nothing but white space"),
    "one token": (("--text", "T"), "The text is a single token and 3 are wanted"),
    "no file": (("--text-file", "/nowhere/text.txt"), "cannot be read (No such file"),
    "a folder": (("--text-file", "/"), "/ cannot be read (Is a directory)"),
    "index": (("--source", "unseen", "--index", 10**6), "unseen"),
    "negative index": (("--source", "unseen", "--index", -1), "index"),
    "negative seed": (("--source", "unseen", "--text-seed", -1), "seed"),
    "path of no use": (("--source", "unseen", "--path", "/"), "path"),
    "no corpus": (("--source", "corpus"), "path"),
    "missing corpus": (("--source", "corpus", "--path", "/nowhere"), "/nowhere"),
    "no plays": (("--source", "seen"), "python -m explorer assets"),
}


@pytest.mark.parametrize(("text", "sentence"), BAD_TEXTS.values(), ids=BAD_TEXTS)
def test_a_text_that_cannot_be_used_is_one_sentence(
    reconstruct: Reconstruct,
    monkeypatch: pytest.MonkeyPatch,
    text: tuple[object, ...],
    sentence: str,
) -> None:
    from explorer.assets import packaged
    from explorer.base.errors import MissingAssetError

    def fetch(asset: packaged.Asset, *_: object) -> Path:
        raise MissingAssetError(f"{asset.title} is missing: `python -m explorer assets`.")

    monkeypatch.setattr(packaged, "fetch", fetch)
    said = reconstruct("--json", text=text)
    _is_a_sentence(said)
    assert sentence in said.err


@pytest.mark.parametrize(
    ("data", "sentence"),
    [(bytes(range(256)) * 9, "is not text"), (b"", "is empty"), (b"\x89PNG\r\n\x1a\n\0\0", "text")],
    ids=["binary", "empty", "picture"],
)
def test_a_file_that_is_not_text_is_one_sentence(
    reconstruct: Reconstruct, tmp_path: Path, data: bytes, sentence: str
) -> None:
    (tmp_path / "upload.txt").write_bytes(data)
    said = reconstruct("--json", text=("--text-file", tmp_path / "upload.txt"))
    _is_a_sentence(said)
    assert "upload.txt" in said.err and sentence in said.err


@pytest.mark.parametrize("written", ["{}", "[]", "no JSON", '{"init": "normal", "lr": 1, "x": 1}'])
def test_a_recipe_file_that_is_no_recipe_is_one_sentence(
    reconstruct: Reconstruct, tmp_path: Path, written: str
) -> None:
    (tmp_path / "mine.json").write_text(written)
    _is_a_sentence(reconstruct("--recipe", tmp_path / "mine.json"))


def test_a_broken_model_folder_is_one_sentence(
    reconstruct: Reconstruct, copied_folder: Callable[[Path], Path], tiny_llama_folder: Path
) -> None:
    broken = copied_folder(tiny_llama_folder)
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    _is_a_sentence(reconstruct("--json", "--model", broken))


def test_a_target_beyond_the_models_positions_is_one_sentence(reconstruct: Reconstruct) -> None:
    said = reconstruct("--length", 129, text=("--text", "heron " * 200))
    _is_a_sentence(said)
    assert "positions for 128" in said.err
    assert (
        "positions for 127"
        in reconstruct(
            *("--length", 128, "--arrangement", "e+mN"), text=("--text", "heron " * 200)
        ).err
    )


def test_interrupting_saves_the_best_so_far(
    reconstruct: Reconstruct, monkeypatch: pytest.MonkeyPatch
) -> None:
    from explorer.tasks.reconstruct import Reconstruction

    plain = Reconstruction.steps

    def steps(self: Reconstruction) -> Iterator[Any]:
        for count, report in enumerate(plain(self)):
            if count == 5:
                raise KeyboardInterrupt
            yield report

    monkeypatch.setattr(Reconstruction, "steps", steps)
    said = reconstruct("--json", "--restarts", 2, "--seed", 0)
    assert said.code == 3 and said.err.startswith("Interrupted: the best state so far is saved.")
    assert [s["reason"] for s in said.json["solutions"]] == ["interrupted"] * 2
    assert all(0 < s["steps"] <= 6 for s in said.json["solutions"])
    assert all(Path(s["path"]).exists() for s in said.json["solutions"])


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_a_bar_shows_how_far_it_is(
    reconstruct: Reconstruct, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    text = ("--text", "The heron waits by the reservoir. " * 3)
    said = reconstruct("--json", "--length", 20, "--set", "max_steps=80", text=text)
    assert len(said.json["solutions"]) == 1
    assert re.search(r"\rStep [1-9]\d* of at most 80, best accuracy 0\.\d\d", terminal.getvalue())


def test_it_waits_while_another_computes_and_says_so(
    reconstruct: Reconstruct, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with client.compute_lock("cpu").acquire(timeout=0):
            held.set()
            assert release.wait(30)

    other = threading.Thread(target=hold)
    other.start()
    assert held.wait(10)
    threading.Timer(0.4, release.set).start()
    said = reconstruct("--json", *SHORT)
    other.join()
    assert said.code == 3
    assert said.err == "Waiting: another process is computing on this device …\n"
    assert len(said.json["solutions"]) == 1


@pytest.mark.parametrize("arguments", [SHORT, ("--length", 90)], ids=["done", "failed"])
def test_afterwards_the_device_is_free(
    reconstruct: Reconstruct, arguments: tuple[object, ...]
) -> None:
    reconstruct(*arguments)
    with client.compute_lock("cpu").acquire(timeout=0) as lock:
        assert lock.is_locked


def test_out_below_a_file_is_one_sentence(reconstruct: Reconstruct, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = reconstruct("--out", tmp_path / "file" / "below")
    assert (said.code, said.out) == (2, "")
    assert said.err.count("\n") == 1 and "cannot be created" in said.err


@pytest.mark.parametrize("length", [0, -3, 10**6])
def test_an_impossible_length_is_said_before_any_download(
    call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, length: int
) -> None:
    monkeypatch.setattr(catalog, "download", lambda *_: pytest.fail("it was downloaded"))
    said = call(
        *("reconstruct", "--model", "some/model", "--text", "The heron waits"),
        *("--length", length, "--out", tmp_path / "out"),
    )
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("The setting “length” must be") and said.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_until_the_first_ends_the_other_restarts(reconstruct: Reconstruct) -> None:
    many = ("--json", "--restarts", 4)
    alone, every = reconstruct(*many, "--until", "first"), reconstruct(*many)
    ended = [s["reason"] for s in alone.json["solutions"] if not s["exact"]]
    assert alone.code == every.code == 0
    assert ended and all(
        reason == "another restart is exact" or reason.startswith("halted after")
        for reason in ended
    )
    steps = {s["steps"] for s in alone.json["solutions"]}
    assert max(steps) < max(s["steps"] for s in every.json["solutions"])
    assert "another" not in every.out


def test_an_h_lm_that_is_no_number_is_null_in_json(
    reconstruct: Reconstruct, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reconstruction, "h_lm", (float("nan"), 3))
    said = reconstruct("--json", *SHORT)
    assert json.loads(said.out, parse_constant=pytest.fail)["solutions"][0]["h_lm"] is None
