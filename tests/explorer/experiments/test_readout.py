"""Read-out: generation from embeddings, what each start is, and what the numbers add up to."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from explorer.base.errors import BadInputError, MissingAssetError
from explorer.experiments import readout, runs
from explorer.experiments.runs import Done, Run
from explorer.figures.experiments import charts
from explorer.solutions.solution import load_solution
from tests.steps import exhaust

if TYPE_CHECKING:
    from explorer.model.pool import ModelPool
    from tests.explorer.experiments.conftest import MakeRun, MakeSettings, MakeTask


def letters_of(text: str) -> np.ndarray:
    return np.array([text.count(chr(i)) for i in range(32, 127)] + [1.0])


pytestmark = pytest.mark.usefixtures("letters")


@pytest.mark.parametrize("kind", ["tiny_llama_folder", "tiny_neox_folder"])
def test_writing_from_embeddings_is_a_loop_over_whole_sequences(
    kind: str, request: pytest.FixtureRequest, pool: "ModelPool"
) -> None:
    import torch

    from explorer.model.metrics import generate
    from explorer.tasks.experiments.readout import write

    folder: Path = request.getfixturevalue(kind)
    model = pool.get(folder, str(folder), torch.float32)
    seen: set[int] = set()
    for seed in range(5):
        fed = torch.randn(2, model.d_model, generator=torch.Generator().manual_seed(seed))
        sequence, expected = fed[None], []
        with torch.no_grad():
            for _ in range(8):
                logits = model.network(inputs_embeds=sequence, use_cache=False).logits
                expected.append(int(logits[0, -1].argmax()))
                sequence = torch.cat([sequence, model.embed(torch.tensor([expected[-1:]]))], 1)
        assert write(model, fed, 8) == expected
        seen |= set(expected)
    assert len(seen) > 3
    ids = [40, 7, 99]
    assert write(model, model.embed(torch.tensor([ids]))[0], 12) == list(generate(model, ids, 12))


def test_every_row_follows_from_its_solution(measured: "MakeRun", pool: "ModelPool") -> None:
    import torch

    from explorer.model.metrics import generate
    from explorer.tasks.experiments.readout import write

    run = measured("readout")
    assert run.keys == {"context-0", "context-1"}
    for cell in run.done:
        fed = [(r["start"], r["bos"]) for r in cell.rows]
        proto = [(s, b) for s in ("e", "m", "e, m") for b in (False, True)]
        assert fed == [*proto, ("context", False)]
        solution = load_solution(run.folder / runs.SOLUTIONS / cell.rows[0]["solution"])
        record = solution.record
        model = pool.of_weights(record.model, record.fingerprint)
        tokenizer = model.tokenizer
        e, m = torch.tensor(solution.e), torch.tensor(solution.m)
        bos = model.embed(torch.tensor([[tokenizer.bos_id]]))[0, 0]
        vectors = {"e": [e], "m": [m], "e, m": [e, m]}
        assert record.text == cell.rows[0]["first_half"] and record.accuracy >= 2 / 3
        for row in cell.rows:
            if row["start"] == "context":
                ids = tokenizer.encode(row["context_text"])
                said = list(generate(model, ids, 3))
            else:
                before = [bos] if row["bos"] else []
                said = write(model, torch.stack(before + vectors[row["start"]]), 3)
            assert tokenizer.decode(said) == row["text"]
            for column, known in (
                ("similarity_to_context", "context_text"),
                ("similarity_to_first_half", "first_half"),
                ("similarity_to_continuation", "second_half"),
            ):
                a, b = letters_of(row["text"]), letters_of(row[known])
                cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
                assert row[column] == pytest.approx(cosine, abs=1e-6)


def test_tables_and_chart_hold_every_start(measured: "MakeRun") -> None:
    run = measured("readout")
    found = readout.summary(run)
    assert len(found) == 7 * 3 and set(found["contexts"]) == {2}
    for line in found.to_dict("records"):
        column = {words: key for key, words in readout.LIKE.items()}[line["compared_with"]]
        table = run.table
        values = table[(table["start"] == line["start"]) & (table["bos"] == line["bos"])][column]
        assert line["mean"] == pytest.approx(values.mean())
        assert line["sd"] == pytest.approx(np.std(values))
    texts = readout.side_by_side(run)
    assert texts["context"].tolist() == [1, 2] and "from [BOS, e, m]" in texts
    (chart,) = charts(run)
    assert "[e, m]" in chart.alt and "nan" not in chart.alt
    assert len({trace.marker.symbol for trace in chart.figure.data}) == 3


def test_without_a_bos_token_or_an_m_there_are_fewer_starts(
    tiny_llama_folder: Path, pool: "ModelPool"
) -> None:
    import torch

    from explorer.tasks.experiments.readout import starts

    model = pool.get(tiny_llama_folder, str(tiny_llama_folder), torch.float32)
    vector = np.ones(model.d_model, dtype=np.float32)
    found: Any = SimpleNamespace(e=vector, m=2 * vector, row=SimpleNamespace(target_ids=(1, 2)))
    assert [(s, b) for s, b, _ in starts(model, found, "e")] == [("e", False), ("e", True)]
    bare: Any = SimpleNamespace(
        tokenizer=SimpleNamespace(bos_id=None), device=model.device, embed=model.embed
    )
    fed = {s: v for s, b, v in starts(bare, found, "e+mN")}
    assert list(fed) == ["e", "m", "e, m"]
    assert torch.equal(fed["e, m"], torch.tensor(np.stack([vector, 2 * vector])))


def made(
    measured: Run, near: dict[tuple[str, bool], float], *, exact: bool = True, contexts: int = 6
) -> Run:
    """Return the run with cells of made-up similarities, alike but for a little in each context."""
    first = measured.done[0].rows[0]
    cells = [
        Done(
            key=f"context-{k}",
            rows=[
                first
                | {"context": k, "start": start, "bos": bos, "exact": exact}
                | dict.fromkeys(readout.LIKE, value + k / 100)
                for (start, bos), value in near.items()
            ],
            seconds=1,
            finished="now",
        )
        for k in range(contexts)
    ]
    return Run(measured.header, measured.folder, tuple(cells))


def test_the_finding_needs_every_start_to_be_less_near_beyond_chance(measured: "MakeRun") -> None:
    run = measured("readout", contexts=1)
    near: dict[tuple[str, bool], float] = {("e", False): 0.1, ("e, m", True): 0.2}
    context: dict[tuple[str, bool], float] = {("context", False): 0.6}

    def shown(run: Run) -> bool | None:
        (finding,) = readout.findings(run)
        assert finding.id == "E12" and "nan" not in finding.figure
        return finding.shown

    assert shown(made(run, near | context)) is True
    assert shown(made(run, near | context, contexts=5)) is None  # p cannot be below 1 / 32
    (one,) = readout.findings(made(run, near | context, contexts=1))
    assert "1 context with" in one.figure and one.shown is None
    assert shown(made(run, near | context | {("m", False): 0.65})) is False
    assert shown(made(run, near | context | {("m", False): 0.65}, contexts=5)) is None
    assert shown(made(run, near)) is None
    assert shown(made(run, near | context, exact=False)) is None
    (said,) = readout.findings(made(run, {("e", False): 0.1} | context))
    assert "no BOS token" in said.figure and "[e] 0.13 (p = 0.016)" in said.figure
    (chart,) = charts(made(run, near))  # as a partial result: no text from the context yet
    assert "How similar" in chart.figure.layout.title.text


def test_contexts_that_are_not_exact_are_drawn_too(measured: "MakeRun") -> None:
    """A larger run is asked for as many contexts as give enough exact ones."""
    near: dict[tuple[str, bool], float] = {("e", False): 0.1, ("context", False): 0.6}
    five = made(measured("readout", contexts=1), near, contexts=5)
    (all_exact,) = readout.findings(five)
    assert all_exact.shown is None and all_exact.needed is not None
    rows = [row | {"context": row["context"] + 5} for cell in five.done for row in cell.rows]
    lost = [
        Done(key="lost", rows=[row | {"exact": False} for row in rows], seconds=1, finished="now")
    ]
    (half,) = readout.findings(replace(five, done=(*five.done, *lost)))
    assert half.needed == 2 * all_exact.needed and half.figure == all_exact.figure


def test_bad_input_is_a_sentence_before_training(
    small: "MakeSettings", task: "MakeTask", monkeypatch: pytest.MonkeyPatch
) -> None:
    long = task(small("readout", context_length=40, length=60))
    with pytest.raises(BadInputError, match="128 positions"):
        exhaust(long.steps())

    def missing() -> None:
        raise MissingAssetError("The sentence model is not here.")

    monkeypatch.setattr("explorer.geometry.text_distances.sentence_model", missing)
    with pytest.raises(MissingAssetError, match="sentence model"):
        exhaust(task(small("readout")).steps())
