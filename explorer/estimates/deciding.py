"""What would decide a finding that is inconclusive: a command, and how long it takes.

The size `evening` of every experiment is made to decide at the spread that was seen when it was
chosen; where a later run says that it takes more texts, the command asks for more. Free of torch.
"""

import json
import shlex
from contextlib import suppress
from typing import Any

from explorer.assets import catalog
from explorer.base.errors import BadInputError, ExplorerError
from explorer.base.formatting import counted
from explorer.base.language import tr
from explorer.estimates import run_time, set_time
from explorer.estimates.outlook import about, of_paths
from explorer.experiments import paper
from explorer.experiments.catalogue import EXPERIMENTS
from explorer.experiments.definition import EVENING
from explorer.experiments.definition import PAPER as PAPER_SIZE
from explorer.experiments.rules import LEAST, RULES
from explorer.experiments.verdicts import Finding
from explorer.geometry.distances import MOST_SOLUTIONS
from explorer.runtime import step_times
from explorer.specs.curves import PathRecipe
from explorer.specs.experiments import LADDER, Name, SharingSettings
from explorer.specs.jobs import SolveSetSpec
from explorer.specs.recipes import INDEPENDENT
from explorer.texts import unseen

EACH, N = 6, 16
"""Texts of each context, and restarts of a text, of a set; and its N, as in the sets that ship."""
LONGER: dict[Name, dict[str, Any]] = {
    "capacity": {
        "schemes": ("m free", "two mem"),
        "ladder": LADDER[2:12],
        "texts": 8,
    }
}
"""Changes to the size `evening` where that is too small to decide: capacity takes a day."""
SOLUTIONS = 4
"""Solutions of each text of which all pairs are connected."""


def deciding(finding: Finding, model: str) -> tuple[str, str]:
    """Return a command that decides a finding, and how long it takes.

    Both are empty where it is known, and where it takes more than one run or set can have.

    Args:
        finding: what is inconclusive, with the units that would decide it.
        model: name, hub id or folder of the model that it was found with.
    """
    if finding.shown is not None or finding.id not in RULES:
        return "", ""
    if finding.id == "F4":
        return _other_models()
    if finding.id in ("F8", "F9"):
        return _more_contexts(finding, model)
    if finding.id == "F10":
        return _more_pairs(finding, model)
    return _larger_run(finding, model)


def _named(model: str) -> tuple[str, int | None]:
    """Return the option that names a model, empty for the one taken without it; its parameters."""
    usual = catalog.known_models()[0]
    with suppress(ExplorerError):  # what is gone is not found: nobody knows how large it is
        card = catalog.find(model)
        return "" if card == usual else f" --model {shlex.quote(model)}", card.parameters
    return f" --model {shlex.quote(model)}", None


def _larger_run(finding: Finding, model: str) -> tuple[str, str]:
    rule = RULES[finding.id]
    assert rule.experiment is not None
    experiment = EXPERIMENTS[rule.experiment]
    option, parameters = _named(model)
    changed = dict(LONGER.get(experiment.name, {}))
    usual = experiment.preset(EVENING, catalog.known_models()[0]).model_dump()
    settings = experiment.make(usual | changed | {"model": model})
    field = "contexts" if rule.unit == "context" else "texts"
    wanted = finding.needed or 0
    if isinstance(settings, SharingSettings):  # groups of the smallest size, and whole ones of all
        groups = max(size for size in settings.group_sizes if settings.texts // size >= LEAST)
        largest = max(settings.group_sizes)
        wanted = -(-wanted * groups // largest) * largest
    if wanted > getattr(settings, field):
        changed[field] = wanted
        sources: tuple[str, ...] = getattr(settings, "sources", ())
        if "unseen" in sources and wanted > unseen.count():
            changed["sources"] = tuple(source for source in sources if source != "unseen")
        try:
            settings = experiment.make(settings.model_dump() | changed)
        except BadInputError:
            return "", ""
    command = f"python -m explorer run {experiment.name}{option} --preset {EVENING}" + "".join(
        f" --set {shlex.quote(f'{name}={json.dumps(value)}')}" for name, value in changed.items()
    )
    return command, run_time.before(experiment, settings, parameters)


def _other_models() -> tuple[str, str]:
    """Return the run of capacity on all of the paper's models."""
    names = " ".join(f"--model {model.hub}" for model in paper.PAPER_MODELS)
    largest = catalog.paper_models()[-1]
    settings = EXPERIMENTS["capacity"].preset(PAPER_SIZE, largest)
    took = run_time.before(EXPERIMENTS["capacity"], settings, largest.parameters)
    command = f"python -m explorer run capacity {names} --preset {PAPER_SIZE}"
    return command, tr("The largest model: {time}", time=took)


def _more_contexts(finding: Finding, model: str) -> tuple[str, str]:
    option, parameters = _named(model)
    contexts = max(20, finding.needed or 0)
    if contexts * (2 * EACH - 1) > MOST_SOLUTIONS:
        return "", ""
    spec = SolveSetSpec(
        model=model, source="seen", contexts=contexts, continuations=EACH, restarts=EACH,
        length=N, regime="free", recipe=INDEPENDENT,
    )  # fmt: skip
    command = (
        f"python -m explorer solve-set{option} --contexts {contexts} --continuations {EACH} "
        f"--restarts {EACH} --length {N} --regime free"
    )
    return command, set_time.estimate(spec, parameters).sentence


def _more_pairs(finding: Finding, model: str) -> tuple[str, str]:
    """Return the paths between the exact solutions of a set whose last texts have restarts."""
    texts = max(LEAST, finding.needed or 0)
    pairs = texts * SOLUTIONS * (SOLUTIONS - 1) // 2
    seconds = of_paths(PathRecipe(), pairs, N // 2, step_times.assumed(_named(model)[1]))
    return (
        "python -m explorer paths solutions --out paths",
        tr(
            "With {each} solutions of each of {texts}, N = {n}, in the folder solutions: usually "
            "about {time} on two CPU cores; a GPU is far quicker.",
            each=SOLUTIONS,
            texts=counted(texts, "text"),
            n=N // 2,
            time=about(seconds.usual),
        ),
    )
