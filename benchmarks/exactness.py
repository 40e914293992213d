"""How many texts become exact, and how fast: `python -m benchmarks.exactness [--json]`.

Texts of every offline source that no setting was chosen on, the arrangement that is quickest
or `--arrangement`, recipe `fast`, four restarts, stopped at the first exact one. Every saved pair
is scored again by plain transformers in float32, outside of this package's code.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM

from benchmarks.benchmark_texts import embedded, reported_on
from explorer.assets import packaged
from explorer.model.frozen import fast_dtype
from explorer.model.pool import ModelPool
from explorer.specs.arrangements import KEYS, ArrangementKey
from explorer.specs.jobs import ReconstructSpec
from explorer.specs.recipes import preset
from explorer.tasks.reconstruct import Reconstruction
from explorer.texts.passages import Passage


def measure(
    name: str,
    passage: Passage,
    pool: ModelPool,
    out: Path,
    *,
    length: int,
    restarts: int,
    cap: int | None,
    arrangement: ArrangementKey | None = None,
) -> dict[str, Any]:
    """Train one text until a restart is exact in float32; return what a table needs.

    A text that is not exact counts with the steps and the time it had.
    """
    card, _ = embedded()
    recipe = preset("fast")
    if cap is not None:
        recipe = recipe.model_copy(update={"max_steps": cap})
    spec = ReconstructSpec(
        model=card.name,
        text=passage.text,
        length=length,
        arrangement=arrangement or card.live_arrangement(recipe),
        recipe=recipe,
        restarts=restarts,
        until="first",
        title=passage.title,
        source=passage.source,
    )
    start, steps = time.perf_counter(), 0
    with tempfile.TemporaryDirectory() as scratch:
        task = Reconstruction(spec, pool, Path(scratch), None, out)
        for _ in task.steps():
            steps += 1
    seconds = time.perf_counter() - start
    outcomes = task.outcomes()
    exact = [o for o in outcomes if o.score.exact and o.reason is None]
    return {
        "name": name,
        "N": length,
        "text": task.tokenizer.decode(task.target_ids.tolist()),
        "exact": bool(exact),
        "steps": steps - 1,
        "best_accuracy": max(o.score.accuracy for o in outcomes),
        "seconds": seconds,
        "files": [str(file) for file in task.solutions.values()],
    }


def fast_arm(
    *,
    length: int = 24,
    restarts: int = 4,
    cap: int | None = None,
    texts: int | None = None,
    arrangement: ArrangementKey | None = None,
    out: Path | None = None,
    generated: bool = True,
    between: Callable[[], object] | None = None,
    device: torch.device | None = None,
) -> list[dict[str, Any]]:
    """Train the reported texts with recipe `fast`, one after another.

    Args:
        length: N; texts that are shorter are left out.
        restarts: rows for each text.
        cap: most steps; the recipe's own when None.
        texts: how many, taken evenly over the sources; all when None.
        arrangement: of e and m; the model's own when None.
        out: where solution files go; nowhere when None.
        generated: whether texts by the model itself are among them; writing them takes a while.
        between: called after each text, outside of its time.
        device: where to train; the best one here when omitted.
    """
    pool = ModelPool(device)
    card, folder = embedded()
    model = pool.get(folder, card.name, fast_dtype(pool.device))
    pool.get(folder, card.name, torch.float32)
    found = reported_on(model if generated else None)
    passages = [n for n, p in found.items() if len(model.tokenizer.encode(p.text)) >= length]
    order = sorted(range(len(passages)), key=lambda i: (i % 4, i))
    chosen = sorted(order[:texts])
    lines = []
    with tempfile.TemporaryDirectory() as nowhere:
        for i in chosen:
            name, where = passages[i], out or Path(nowhere)
            line = measure(
                name,
                found[name],
                pool,
                where,
                length=length,
                restarts=restarts,
                cap=cap,
                arrangement=arrangement,
            )
            lines.append(line)
            print(
                f"{line['name']:12} exact={line['exact']} steps={line['steps']} "
                f"{line['seconds']:.0f} s  best {line['best_accuracy']:.2f}  "
                f"{line['text'][:50]!r}",
                file=sys.stderr,
                flush=True,
            )
            if between is not None:
                between()
    return lines


def confirmed(files: list[str]) -> bool:
    """Score saved pairs (A4, behind a sink, or mixed) with plain transformers, one at a time."""
    model = AutoModelForCausalLM.from_pretrained(
        packaged.path(packaged.EMBEDDED_MODEL), dtype=torch.float32
    ).eval()
    embeddings = model.get_input_embeddings().weight.detach().numpy()
    agree = True
    for name in files:
        with safe_open(name, framework="numpy") as file:
            e, m, ids = (file.get_tensor(key) for key in ("e", "m", "target_ids"))
            record = json.loads(file.metadata()["solution"])
        N = len(ids)
        fed = [embeddings[record["sink"]]] if "sink" in record else []
        if record["arrangement"] == "sink+mixed":
            fed += [m if (i & i >> 1).bit_count() % 2 else e for i in range(2, N + 2)]
        else:
            fed += [e] + [m] * N
        inputs = torch.from_numpy(np.stack(fed))[None]
        with torch.no_grad():
            said = model(inputs_embeds=inputs).logits[0, -N:].argmax(-1).numpy()
        agree = agree and float((said == ids).mean()) == record["accuracy"]
    return agree


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--length", type=int, default=24)
    parser.add_argument("--restarts", type=int, default=4)
    parser.add_argument("--cap", type=int, help="most steps; the recipe's own when left out")
    parser.add_argument("--arrangement", choices=KEYS, help="instead of the model's")
    parser.add_argument("--texts", type=int, help="use only so many, evenly over the sources")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as out:
        lines = fast_arm(
            length=arguments.length,
            restarts=arguments.restarts,
            cap=arguments.cap,
            texts=arguments.texts,
            arrangement=arguments.arrangement,
            out=Path(out),
        )
        agree = confirmed([file for line in lines for file in line["files"]])
    steps = sorted(line["steps"] for line in lines if line["exact"])
    summary = {
        "texts": len(lines),
        "exact": len(steps),
        "median_steps": steps[len(steps) // 2] if steps else None,
        "steps": steps,
        "plain_transformers_agrees": agree,
    }
    print(json.dumps({"summary": summary, "texts": lines} if arguments.json else summary))


if __name__ == "__main__":
    main()
