"""How many texts become exact, and in how many steps: `python -m benchmarks.texts [--json]`.

Texts of every offline source, N = 24 tokens, four restarts, recipe `fast`, stopped at the first
exact restart. Every exact pair is saved and scored again by plain transformers in float32, outside
of this package's code.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM

from explorer import catalog, texts
from explorer.jobs.specs import ReconstructSpec
from explorer.models import best_device
from explorer.pool import ModelPool
from explorer.recipes import preset
from explorer.reconstruct import Reconstruction

OWN = (
    "The ferry leaves at dawn, and nobody on the pier has ever seen who is steering it, not even "
    "the gulls.",
    "def area(radius):\n    return 3.14159 * radius ** 2  # in square metres, for a circle of any "
    "size at all",
    "Wer den Hafen kennt, weiß, dass der Nebel im Oktober früher kommt als die Fähre.",
)


def passages() -> list[texts.Passage]:
    """Return the texts: own, unseen, seen, random."""
    own = [texts.draw(texts.OwnSpec(text=text)) for text in OWN]
    unseen = [texts.draw(texts.UnseenSpec(seed=None, index=i)) for i in (0, 4, 10, 13)]
    seen = [texts.draw(texts.SeenSpec(seed=1, index=i)) for i in range(3)]
    words = [texts.draw(texts.RandomSpec(seed=1, index=i)) for i in range(2)]
    return own + unseen + seen + words


def measure(passage: texts.Passage, pool: ModelPool, length: int, out: Path) -> dict[str, Any]:
    """Train one text until a restart is exact; return what a table needs."""
    card = catalog.known_models()[0]
    spec = ReconstructSpec(
        model=card.name,
        text=passage.text,
        length=length,
        arrangement=card.default_arrangement,
        recipe=preset("fast"),
        restarts=4,
        title=passage.title,
        source=passage.source,
    )
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        task = Reconstruction(spec, pool, Path(scratch), None, out)
        for report in task.steps():
            if any(
                p == "done" and r is None for p, r in zip(report.phase, report.reason, strict=True)
            ):
                break
    seconds = time.perf_counter() - start
    exact = [o for o in task.outcomes() if o.score.exact and o.reason is None]
    files = [task.solutions[i] for i in task.solutions]
    return {
        "source": passage.source,
        "text": task.tokenizer.decode(task.target_ids.tolist()),
        "exact": bool(exact),
        "steps": min((o.steps for o in exact), default=None),
        "best_accuracy": max(o.score.accuracy for o in task.outcomes()),
        "seconds": seconds,
        "files": [str(file) for file in files],
    }


def confirmed(files: list[str]) -> bool:
    """Score saved pairs with plain transformers, float32, one at a time."""
    model = AutoModelForCausalLM.from_pretrained(
        catalog.known_models()[0].folder, dtype=torch.float32
    ).eval()
    agree = True
    for name in files:
        with safe_open(name, framework="numpy") as file:
            e, m, ids = (file.get_tensor(key) for key in ("e", "m", "target_ids"))
            told = json.loads(file.metadata()["solution"])["accuracy"]
        inputs = torch.from_numpy(np.stack([e] + [m] * len(ids)))[None]
        with torch.no_grad():
            said = model(inputs_embeds=inputs).logits[0, 1:].argmax(-1).numpy()
        agree = agree and float((said == ids).mean()) == told
    return agree


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--length", type=int, default=24)
    parser.add_argument("--most", type=int, default=100, help="use only the first texts")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    pool = ModelPool(best_device())
    rows = []
    with tempfile.TemporaryDirectory() as out:
        for passage in passages()[: arguments.most]:
            rows.append(measure(passage, pool, arguments.length, Path(out)))
            if not arguments.json:
                row = rows[-1]
                print(f"{row['source']:8} exact={row['exact']} steps={row['steps']} "
                      f"{row['seconds']:.0f} s  {row['text'][:60]!r}", flush=True)  # fmt: skip
        agree = confirmed([file for row in rows for file in row["files"]])
    steps = sorted(row["steps"] for row in rows if row["exact"])
    summary = {
        "texts": len(rows),
        "exact": len(steps),
        "median_steps": steps[len(steps) // 2] if steps else None,
        "steps": steps,
        "plain_transformers_agrees": agree,
    }
    print(json.dumps({"summary": summary, "rows": rows} if arguments.json else summary))


if __name__ == "__main__":
    main()
