"""The recorded runs are those of the gallery, and what is said of them is so."""

from pathlib import Path

import numpy as np
import pytest

from explorer.base import folders
from explorer.solutions import store
from explorer.solutions.recording import Recording, RecordingHeader
from explorer.texts import gallery
from explorer.texts.drawing import draw
from tools.record import MOST_FRAMES, thinned

NUMBERS = {"Nineteen": 19, "Thirty-two": 32}
RUNS = [folder for folder in store.shipped_runs() if folder.name in gallery.examples()]


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_a_recorded_run_is_of_its_text_and_shows_what_is_said(run: Path) -> None:
    example = gallery.examples()[run.name]
    recording = Recording.load(run / store.RECORDING)
    solutions = store.siblings(run / store.RECORDING)
    target = solutions[0].record.text
    assert draw(example.spec).text.startswith(target)
    assert example.length or draw(example.spec).text == target
    assert recording.header.arrangement == example.arrangement
    exact = [solution.record.exact for solution in solutions]
    if "every restart" in example.shows:
        wrong = [solution.length - solution.record.c_tokens for solution in solutions]
        assert wrong == [1] * len(solutions)
    else:
        assert any(exact)
    first = example.shows.split()[0]
    assert NUMBERS.get(first, solutions[0].length) == solutions[0].length


def test_what_is_said_of_random_words_digits_and_characters_is_so() -> None:
    def first(name: str) -> tuple[RecordingHeader, float]:
        run = next(run for run in RUNS if run.name == name)
        record = store.siblings(run / store.RECORDING)[0].record
        header = Recording.load(run / store.RECORDING).header
        return header, record.h_lm / len(header.target_ids)

    surprise = {run.name: first(run.name)[1] for run in RUNS}
    assert max(surprise, key=surprise.__getitem__) == "random-words"
    sizes = {name: [b - a for a, b, _ in first(name)[0].groups] for name in surprise}
    assert set(sizes["6-numbers"]) == {1}
    assert sum(size in (2, 3) for size in sizes["8-chinese"]) > len(sizes["8-chinese"]) / 2
    assert min(sizes["emoji"]) > 1
    letters = [text.strip() for _, _, text in first("9-arabic")[0].groups]
    assert sum(len(letter) == 1 for letter in letters) > len(letters) / 2


def test_what_ships_of_the_gallery_is_small() -> None:
    later = [run for run in RUNS if not run.name.startswith(("1-", "2-", "3-"))]
    size = sum(file.stat().st_size for run in later for file in run.iterdir())
    assert size < 2_000_000
    assert all(len(Recording.load(run / store.RECORDING)) <= MOST_FRAMES for run in later)
    whole = (f.stat().st_size for f in folders.recorded().rglob("*") if f.is_file())
    assert sum(whole) < 40_000_000


@pytest.mark.parametrize("frames", [1, 59, 60, 61, 200])
def test_thinning_keeps_the_first_and_the_last_frame(frames: int) -> None:
    header = RecordingHeader(model="m", target_ids=[1, 2], seeds=[0], d_model=3, arrangement="e+mN")
    full = np.zeros(frames, dtype=header.frame_dtype)
    full["step"] = np.arange(frames)
    kept = thinned(Recording(header, full)).frames["step"]
    assert kept[0] == 0 and kept[-1] == frames - 1
    assert len(kept) == min(frames, 60)
    gaps = np.diff(kept)
    assert len(np.unique(gaps)) <= 2 and gaps.max(initial=1) - gaps.min(initial=1) <= 3
