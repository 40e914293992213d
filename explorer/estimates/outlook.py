"""How long a text or a path will take: usual steps times the pieces of a step. Free of torch."""

from dataclasses import dataclass

import numpy as np

from explorer.base.formatting import human_seconds
from explorer.base.language import tr
from explorer.estimates import usual_steps
from explorer.estimates.usual_steps import Usual
from explorer.runtime.step_times import StepTime
from explorer.specs.arrangements import AUTO
from explorer.specs.curves import PathRecipe
from explorer.specs.jobs import ReconstructSpec
from explorer.specs.recipes import Recipe
from explorer.specs.schedules import WAKE_STEPS

FINISH_STEPS = 4
"""Steps in float32 after the search found its text, about."""
FORWARD = 1 / 3
"""A forward pass, in training steps of its size."""
CONNECTED_AT = 0.6
"""Part of its steps after which a curve ends, at its first measurement without a wrong token: the
mean of 60 recorded, of which 44 are connected (benchmarks/README.md)."""
BEGUN_ANEW = (8, 16), (5 / 31, 12 / 16)
"""Target tokens, and the share of curves that were not connected after `TRIED` steps and a finish
(benchmarks/README.md)."""
TRIED = 500
"""Steps of those; after fewer, the more curves are not connected the fewer they are."""
FINISHED = 8 / 31, 4
"""Share of curves that the finish connects, and its steps."""
CURVE_ROWS = 64
"""As `explorer.tasks.paths.bends`: points of curves that are trained in one step."""
FINISH_ROWS, FINISH_TRIES = 160, 4
"""As `explorer.tasks.paths.finishing`: tokens that a step asks for, each a row of a pass, and how
often its result is measured at most."""
QUICK_SECONDS = 180.0
"""What usually takes longer is asked about first; on the command line it is said."""


@dataclass(frozen=True)
class Expected:
    """Seconds, as they usually are, and if everything takes as long as it may."""

    usual: float
    most: float

    def __add__(self, other: "Expected") -> "Expected":
        return Expected(self.usual + other.usual, self.most + other.most)

    def __mul__(self, by: float) -> "Expected":
        return Expected(self.usual * by, self.most * by)


NOTHING = Expected(0.0, 0.0)


def training(
    step_time: StepTime,
    usual: Usual,
    recipe: Recipe,
    *,
    length: int,
    texts: float,
    restarts: int = 1,
    rest: bool = True,
    together: float = 1,
) -> Expected:
    """Return how long some texts take that are trained side by side.

    Each is over with its first exact restart; rows that are all to be exact are texts of one
    restart. A row that is over costs nothing more, so a step costs its passes, as long as the
    slowest trains, and the tokens of the rows that are left. Last steps, in float32, have passes
    of their own, which rows share that come to their end at the same time.

    Args:
        step_time: what a step costs.
        usual: of a single restart.
        recipe: how they are trained.
        length: N.
        texts: how many; a part of one is a text that may not be reached.
        restarts: of each.
        rest: whether worse restarts of a text rest, as the recipe has it.
        together: texts that share a vector, and so end together.
    """
    if texts <= 0:
        return NOTHING
    most = recipe.max_steps
    wins = usual.any_of(restarts)
    won = min(float(most), usual.mean(most, restarts))
    rested = recipe.rests_from if rest else None
    row_steps = wins * _rows(won, restarts, rested) + (1 - wins) * _rows(most, restarts, rested)
    ends_alone = texts / together  # what shares a vector comes to its end together
    soonest, latest = (usual.at(k / (ends_alone + 1), restarts) for k in (1, ends_alone))
    slowest = float(most) if ends_alone * (1 - wins) >= 0.5 else min(most, latest)
    passes = step_time.step_seconds(max(1.0, texts * restarts), length)
    passes -= max(1.0, texts * restarts) * length * step_time.token_seconds
    tokens = texts * row_steps * length * step_time.token_seconds
    longest = most * (passes + texts * restarts * length * step_time.token_seconds)
    ends = texts * wins * FINISH_STEPS
    passes_of_ends = min(ends / together, FINISH_STEPS + max(0.0, latest - soonest))
    finishing = passes_of_ends * step_time.a_pass + ends * length * step_time.token_seconds
    scores = texts * scores_of(wins, restarts) * step_time.exact_step(length)
    exactly = step_time.exact_factor * finishing + scores
    usually = slowest * passes * min(1.0, texts) + tokens
    return Expected(usually + exactly, longest + exactly)


def scores_of(wins: float, restarts: int) -> float:
    """Return the steps that a text's scores take, each alone in a pass in float32.

    That which ends it, if a restart wins; the final one of every restart, and H_LM of the text.
    """
    return FORWARD * (wins + restarts + 1)


def _rows(steps: float, restarts: int, rested: int | None) -> float:
    """Return the steps that all restarts of a text take together until one has taken so many.

    From `rested` on half of them train, or one while it leads: the mean of both, which races come
    to as well; and one more after every `WAKE_STEPS`.
    """
    if rested is None or restarts == 1 or steps <= rested:
        return restarts * steps
    after = steps - rested
    ahead = (1 + (restarts + 1) // 2) / 2
    return restarts * rested + after * min(restarts, ahead + after / WAKE_STEPS / 2)


@dataclass(frozen=True)
class TextOutlook:
    """What is to be expected of one text.

    Attributes:
        few: steps within which a fifth of such texts are exact; None where none was seen to be.
        many: steps within which four fifths are.
        seconds: until it is exact, and until it is given up; None before a step was timed.
    """

    few: int | None
    many: int
    seconds: Expected | None

    @property
    def sentence(self) -> str:
        """The same for a person, before it starts."""
        if self.few is None or self.seconds is None:
            return self.after(0, None)
        return tr(
            "A text like this one usually takes {steps} steps, about {time} here.",
            steps=_between(self.few, self.many),
            time=about(self.seconds.usual),
        )

    def after(self, step: int, step_seconds: float | None) -> str:
        """Return the same at a step of it, with the time left by the mean time of its steps."""
        if self.few is None:
            return tr("So far, no text like this one became exact within its steps.")
        steps = _between(self.few, self.many)
        if step > self.many:
            return tr(
                "A text like this one usually takes {steps} steps; this one takes more.",
                steps=steps,
            )
        if not step_seconds:
            return tr("A text like this one usually takes {steps} steps.", steps=steps)
        middle = max((self.few + self.many) / 2, step + (self.many - step) / 2)
        return tr(
            "A text like this one usually takes {steps} steps, about {time} more.",
            steps=steps,
            time=about((middle - step) * step_seconds),
        )


def of_text(spec: ReconstructSpec, step_time: StepTime | None = None) -> TextOutlook:
    """Return what is to be expected of a text that is to be reconstructed.

    Args:
        spec: what is asked.
        step_time: of this machine, if a step was timed.
    """
    nearest, _, quickest = usual_steps.suiting(spec.model)
    suits = quickest if spec.recipe.informed else nearest
    meant = suits if spec.arrangement == AUTO else spec.arrangement
    found = usual_steps.usual(spec.model, meant, spec.recipe, spec.length)
    first = spec.until == "first"
    side_by_side = spec.restarts if first else 1
    seconds = None
    if step_time is not None:
        seconds = training(
            step_time,
            found,
            spec.recipe,
            length=spec.length,
            restarts=side_by_side,
            texts=1 if first else spec.restarts,
        )
    if not found.share:
        return TextOutlook(None, spec.recipe.max_steps, seconds)
    few, many = (
        min(spec.recipe.max_steps, _round(found.at(part, side_by_side))) for part in (0.2, 0.8)
    )
    return TextOutlook(few, many, seconds)


def of_paths(recipe: PathRecipe, pairs: int, length: int, step_time: StepTime) -> Expected:
    """Return how long some curves take.

    Most end once they are connected; where all points count alike, few are before their last step.

    Args:
        recipe: how each is trained and measured.
        pairs: how many.
        length: target tokens.
        step_time: what a step costs.
    """
    early = CONNECTED_AT if recipe.stop_early and recipe.worst else 1
    look = FORWARD * step_time.step_seconds(recipe.points, length)
    gradients = step_time.exact_factor * step_time.step_seconds(FINISH_ROWS, length)
    a_try = 2 * step_time.exact_factor * look
    at_once = max(1, CURVE_ROWS // recipe.samples)

    def trained(curves: float, steps: int) -> float:
        """Return the seconds of so many steps of all these curves."""
        full, rest = divmod(curves, at_once)
        a_step = full * step_time.step_seconds(at_once * recipe.samples, length)
        if rest:
            a_step += step_time.step_seconds(rest * recipe.samples, length)
        return steps * a_step + curves * (1 + steps / recipe.look_every) * look

    found, begun, share = NOTHING, float(pairs), float(np.interp(length, *BEGUN_ANEW))
    connected, within = FINISHED
    for attempt in range(recipe.attempts):
        steps = recipe.adam_steps(attempt)
        left = 1 - (1 - share) * min(1.0, steps / TRIED)
        in_steps = left * recipe.to_finish + connected * min(within, recipe.to_finish)
        usual = trained(max(1.0, begun), steps) * early * min(1.0, begun)
        most = pairs * recipe.to_finish * (gradients + FINISH_TRIES * a_try)
        found += Expected(
            usual + early * begun * in_steps * (gradients + a_try), trained(pairs, steps) + most
        )
        begun *= left
    return found


def long_wait(expected: Expected) -> str:
    """Say that something takes long, before it starts; empty if it is quick."""
    if expected.usual <= QUICK_SECONDS:
        return ""
    usual, most = about(expected.usual), about(expected.most)
    if most == usual:
        return tr("This takes long: usually about {usual}.", usual=usual)
    return tr("This takes long: usually about {usual}, at most {most}.", usual=usual, most=most)


def about(seconds: float) -> str:
    """Return an estimated duration, without the tenths that nobody knows: "11 s"."""
    return f"{seconds:.0f} s" if 9.5 <= seconds < 59.5 else human_seconds(seconds)


def _between(few: int, many: int) -> str:
    if few < many:
        return tr("{few} to {many}", few=few, many=many)
    return tr("about {few}", few=few)


def _round(count: float) -> int:
    """Return a number of steps in two digits."""
    return max(1, int(float(f"{count:.2g}")))
