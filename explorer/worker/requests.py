"""Small questions the worker answers between two training steps."""

from pathlib import Path
from typing import Any

from explorer.assets import catalog
from explorer.base.errors import BadInputError
from explorer.model.metrics import score
from explorer.model.pool import ModelPool
from explorer.runtime.step_times import StepTime
from explorer.solutions.solution import load_solution
from explorer.specs.recipes import Recipe
from explorer.tasks.step_time import timed


def answer(kind: str, payload: dict[str, Any], pool: ModelPool) -> dict[str, Any]:
    """Answer one question.

    Kinds: `decode` takes `solution` (a file) and optionally `precision`; it returns what the model
    says there in one forward pass, and in which number format: `text`, `accuracy`, `predicted`,
    `p`, `rank`, `number_format`. `pace` takes `model`, `length`, `arrangement` and `recipe`; it
    returns the pieces of a step's time, and keeps them.

    Raises:
        ExplorerError: with a sentence for the person who asked.
    """
    if kind == "pace":
        return _step_time(payload, pool).model_dump()
    if kind != "decode":
        raise BadInputError(f"There is no question of the kind “{kind}”.")
    solution = load_solution(Path(payload["solution"]))
    model = pool.of_solution(solution, payload.get("precision", "float32"))
    record = solution.record
    found = score(
        model, solution.e, solution.m, solution.target_ids.tolist(), record.arrangement, record.sink
    )
    return {
        "text": model.tokenizer.decode(found.predicted.tolist()),
        "accuracy": found.accuracy,
        "predicted": found.predicted.tolist(),
        "p": found.p.tolist(),
        "rank": found.rank.tolist(),
        "number_format": model.number_format,
    }


def _step_time(payload: dict[str, Any], pool: ModelPool) -> StepTime:
    folder, name = catalog.require(payload["model"])
    recipe = Recipe.model_validate(payload["recipe"])
    model = pool.searching(folder, name, recipe.precision)
    return timed(model, payload["length"], payload["arrangement"], recipe)
