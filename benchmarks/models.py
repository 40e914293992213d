"""Every causal language model of transformers, tried: `python -m benchmarks.models [TYPE …]`.

For each type in the causal mapping the smallest random model is built from its configuration
class, saved, and put through five checks: it loads, or is refused with a reason; it is causal; the
gradient by its inputs is autograd's; four tokens become exact; and the saved vectors make plain
transformers say the same. Each family runs in a process of its own, with limits of time and
memory. Results are kept a line each in a file, so that a run that was ended goes on; `--table`
writes what is there into docs/models.md.
"""

import argparse
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

from benchmarks import tiny
from benchmarks.small_configs import small_config
from explorer.assets.model_files import read_facts
from explorer.base import folders
from explorer.base.errors import ModelError

TABLE = folders.PROJECT / "docs" / "models.md"
LENGTH = 4
ATTEMPTS = (("The heron waits by the reservoir", 0.3), ("Two vectors say a whole text", 0.05))
"""Text and rate; the second is tried where the first does not become exact."""
SECONDS, BYTES = 150, 8 * 2**30
PRELOADED = ["explorer.tasks.reconstruct", "transformers.models.llama.modeling_llama"]
RECIPE = tiny.QUICK.model_copy(update={"name": "tried", "max_steps": 800})

COMPOSED = {"musicgen", "musicgen_melody"}
"""Types whose checkpoints hold more than the class of the causal mapping."""

Outcome = Literal["works", "refused", "fails", "not built"]


@dataclass(frozen=True)
class Tried:
    """What became of one family.

    Attributes:
        kind: transformers' model type.
        outcome: how it ended.
        why: the sentence of a refusal, or what failed.
        path: how logits and gradient are computed: "body" (written out), "head" (transformers'
            body and our head) or "plain".
        gradient: largest difference from autograd's, as a share of the largest.
        leak: largest change of an earlier logit by a later input, as a share of the largest logit.
        steps: optimiser steps until four tokens were exact.
        cache: whether generation goes on from a cache.
    """

    kind: str
    outcome: Outcome
    why: str = ""
    path: str = ""
    gradient: float = 0.0
    leak: float = 0.0
    steps: int = 0
    cache: bool = True


def try_family(kind: str, scratch: Path) -> Tried:
    """Build the smallest random model of a type and put it through the five checks."""
    import torch

    folder = scratch / "model"
    try:
        build(kind, folder)
    except Exception as error:  # whatever the code of some two hundred families raises
        return Tried(kind, "not built", f"{type(error).__name__}: {_one_line(error)}")
    from explorer.model.loading import load

    try:
        model = load(folder, device=torch.device("cpu"))
    except ModelError as error:
        return Tried(kind, "refused", str(error).replace(str(folder), "this folder"))
    path = "body" if model.body else "head" if model.head else "plain"
    found: dict[str, Any] = {"path": path, "cache": model.remembers}
    facts = read_facts(folder)
    if facts.d_model != model.d_model or facts.vocab_size > model.vocabulary:
        return Tried(kind, "fails", f"the files say {facts}, not {model.d_model}", **found)
    leak, gradient = _leak(model), _gradient_difference(model)
    found |= {"leak": leak, "gradient": gradient}
    if leak > 1e-4:
        return Tried(kind, "fails", "not causal, and not refused", **found)
    if not gradient < 1e-3:
        return Tried(kind, "fails", "the gradient differs from autograd's", **found)
    from explorer.model.metrics import generate

    said = list(generate(model, [5, 6], 3))
    if said != _said_by_transformers(model.network, [5, 6], 3):
        return Tried(kind, "fails", "generates other tokens than transformers", **found)
    return _solve(kind, folder, scratch, found)


def build(kind: str, folder: Path, network_class: Any = None, **changes: Any) -> Path:
    """Save a random model and the tokenizer of `benchmarks.tiny`, and return the folder.

    Args:
        kind: transformers' model type.
        folder: made if needed.
        network_class: of transformers; what its causal mapping says, if omitted.
        changes: settings of the configuration.
    """
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    config = small_config(kind, **changes)
    try:
        network: Any = (network_class or AutoModelForCausalLM.from_config)(config)
    except Exception:  # not by transformers as it is here
        return _save_shell(kind, config, folder)
    with torch.no_grad():
        for parameter in network.parameters():
            if not parameter.any():  # biases, and gates that would leave parts without effect
                parameter.normal_(std=0.1)
    network.save_pretrained(folder)
    tiny.save_tokenizer(folder, bos="<|begin_of_text|>")
    return folder


def _save_shell(kind: str, config: Any, folder: Path) -> Path:
    """Save what is read of a folder before its network is built: it cannot be, at random.

    One needs a package that is not here, say.
    """
    import torch
    from safetensors.torch import save_file
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    name = str(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[kind])
    config.architectures = [
        name.replace("ForCausalLM", "ForConditionalGeneration") if kind in COMPOSED else name
    ]
    config.save_pretrained(folder)
    table = {"model.embed_tokens.weight": torch.zeros(tiny.VOCABULARY, 32)}
    save_file(table, folder / "model.safetensors", {"format": "pt"})
    tiny.save_tokenizer(folder, bos="<|begin_of_text|>")
    return folder


def _some_inputs(model: Any, length: int) -> Any:
    import torch

    draw = torch.Generator().manual_seed(1)
    noise = torch.randn(1, length, model.d_model, generator=draw)
    return model.embedding_mean + 2 * model.embedding_std * noise


def _leak(model: Any) -> float:
    """Return how much a later input changes earlier logits."""
    import torch

    with torch.no_grad():
        inputs = _some_inputs(model, 8)
        changed = inputs.clone()
        changed[:, 5:] = inputs[:, :3] * 2
        before, after = model.logits(inputs)[:, :5], model.logits(changed)[:, :5]
    return float((before - after).abs().max() / before.abs().max())


def _gradient_difference(model: Any) -> float:
    """Return how far the gradient by the inputs is from autograd's through the whole network."""
    import torch

    from explorer.model.passes import Batch, loss_and_gradient

    targets = torch.tensor([[7, 8, 9, 10]])
    inputs = _some_inputs(model, 5)
    ((_, ours),) = loss_and_gradient(model, [Batch(inputs, targets, 1)])
    given = inputs.clone().requires_grad_()
    with torch.enable_grad():
        logits = model.network(inputs_embeds=given * 1, use_cache=False).logits[0, 1:].float()
        loss = torch.nn.functional.cross_entropy(logits, targets[0])
        (plain,) = torch.autograd.grad(loss, given)
    return float((ours - plain).abs().max() / plain.abs().max())


def _said_by_transformers(network: Any, ids: list[int], count: int) -> list[int]:
    """Return the likeliest continuation, read from the beginning for every token."""
    import torch

    for _ in range(count):
        with torch.no_grad():
            logits = network(input_ids=torch.tensor([ids]), use_cache=False).logits
        ids = [*ids, int(logits[0, -1].argmax())]
    return ids[-count:]


def _solve(kind: str, folder: Path, scratch: Path, found: dict[str, Any]) -> Tried:
    """Train two vectors on four tokens, and score the saved file in plain transformers."""
    import torch

    from explorer.model.pool import ModelPool
    from explorer.solutions.solution import load_solution
    from explorer.specs.jobs import ReconstructSpec
    from explorer.tasks.reconstruct import Reconstruction

    pool, steps, best = ModelPool(torch.device("cpu")), 0, 0.0
    for text, rate in ATTEMPTS:
        spec = ReconstructSpec(
            model=str(folder), text=text, length=LENGTH, restarts=3, arrangement="e+mN",
            recipe=RECIPE.model_copy(update={"lr": rate}), until="first",
        )  # fmt: skip
        run = scratch / str(steps)
        task = Reconstruction(spec, pool, run, None, run)
        steps += sum(1 for _ in task.steps()) - 1
        outcomes = dict(enumerate(task.outcomes()))
        exact = [row for row, found_of in outcomes.items() if found_of.score.exact]
        if exact:
            break
        best = max(best, *(o.score.accuracy for o in outcomes.values()))
    else:
        why = f"{best:.0%} of {LENGTH} tokens right after {steps} steps"
        return Tried(kind, "fails", why, steps=steps, **found)
    solution = load_solution(task.solutions[exact[0]])
    if _scored_by_transformers(folder, solution) != 1.0:
        why = "plain transformers says something else from the saved vectors"
        return Tried(kind, "fails", why, steps=steps, **found)
    return Tried(kind, "works", steps=steps, **found)


def _scored_by_transformers(folder: Path, solution: Any) -> float:
    """Return the share of a solution's tokens that a network loaded afresh says."""
    import torch
    from transformers import AutoModelForCausalLM

    network: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    e, m = torch.from_numpy(solution.e), torch.from_numpy(solution.m)
    inputs = torch.stack([e, *[m] * len(solution.target_ids)])[None]  # e+mN, read from the first m
    with torch.no_grad():
        logits = network(inputs_embeds=inputs, use_cache=False).logits[0, 1:]
    return float((logits.argmax(-1) == torch.from_numpy(solution.target_ids)).float().mean())


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]


def _in_child(kind: str, answer: Connection) -> None:
    """Try one family here, within limits, and send what became of it."""
    import torch
    import transformers

    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["EXPLORER_CACHE"] = scratch
        try:
            tried = try_family(kind, Path(scratch))
        except Exception as error:
            tried = Tried(kind, "fails", f"{type(error).__name__}: {_one_line(error)}")
    answer.send(asdict(tried))


def try_apart(kind: str) -> Tried:
    """Try one family in a process of its own."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_in_child, args=(kind, there))
    process.start()
    there.close()
    try:
        if not here.poll(SECONDS):
            return Tried(kind, "fails", f"not done after {SECONDS} s")
        return Tried(**here.recv())
    except EOFError:
        return Tried(kind, "fails", "its process ended without an answer")
    finally:
        process.kill()
        process.join()


def table(results: Iterable[Tried]) -> str:
    """Return docs/models.md."""
    import transformers

    found = sorted(results, key=lambda t: t.kind)
    counts = Counter(t.outcome for t in found)
    paths = Counter(t.path for t in found if t.outcome == "works")
    lines = [
        "# Models that can be used",
        "",
        f"Every model type that transformers {transformers.__version__} loads as a causal language "
        "model, tried with the smallest random model of its kind by `python -m benchmarks.models`. "
        "A type works if later inputs change no earlier output, the gradient by the inputs is "
        "autograd's (float32), generated tokens are those of transformers, two vectors become "
        f"exact on {LENGTH} tokens, and the saved file makes a freshly loaded transformers say the "
        "same.",
        "",
        f"Of {len(found)} types **{counts['works']} work**: {paths['body']} on the fast path "
        f"(body and head written out), {paths['head']} with the fast head, {paths['plain']} on "
        f"transformers alone. {counts['refused']} are refused in a sentence before anything is "
        "trained." + "".join(f" {counts[o]}: {o}." for o in ("not built", "fails") if counts[o]),
        "",
        "| type | result | path | steps | cache | reason |",
        "|---|---|---|---:|---|---|",
    ]
    for t in found:
        cache = "" if t.outcome != "works" else "yes" if t.cache else "reads again"
        steps = str(t.steps) if t.steps else ""
        why = t.why.replace("|", "\\|")
        lines.append(f"| {t.kind} | {t.outcome} | {t.path} | {steps} | {cache} | {why} |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> None:
    """Try the types that are named, or all that have no result yet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("types", nargs="*", help="model types; all without a result, if omitted")
    parser.add_argument("--results", type=Path, default=folders.local() / "models.jsonl")
    parser.add_argument("--table", action="store_true", help="write docs/models.md")
    asked = parser.parse_args(arguments)
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    known: dict[str, Tried] = {}
    if asked.results.is_file():
        lines = asked.results.read_text(encoding="utf-8").splitlines()
        known = {t.kind: t for t in (Tried(**json.loads(line)) for line in lines)}
    wanted = asked.types or [k for k in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES if k not in known]
    for kind in wanted:
        start = time.perf_counter()
        tried = known[kind] = try_apart(kind)
        with asked.results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(tried)) + "\n")
        took = time.perf_counter() - start
        print(f"{kind}: {tried.outcome} {tried.path} {tried.why} ({took:.0f} s)")
        sys.stdout.flush()
    if asked.table:
        TABLE.write_text(table(known.values()), encoding="utf-8")


if __name__ == "__main__":
    main()
