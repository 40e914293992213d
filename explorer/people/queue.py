"""Before Start: how many are ahead, and when one's own will be done at this load.

Texts of one model take their steps together: a pass costs its share whoever is in it, and each
text adds what its own tokens cost. Other models' texts, and what is no text, take turns with them.
"""

from dataclasses import dataclass
from functools import lru_cache

from explorer.base.formatting import counted
from explorer.base.language import tr
from explorer.estimates import outlook
from explorer.jobs import client
from explorer.runtime import step_times
from explorer.runtime.step_times import StepTime
from explorer.specs.jobs import ExperimentSpec, PathsSpec, ReconstructSpec, SolveSetSpec

BEHIND = 0.2
"""Part of the time that what nobody waits for keeps (`explorer.worker.loop`)."""
LEAST = 0.25
"""Part of its usual steps that a text has left at the least, for all that is known."""


@dataclass(frozen=True)
class Load:
    """What else is under way, and what that means for one more text.

    Attributes:
        ahead: texts of other jobs that train or wait.
        behind: sets, experiments and paths, which get a part of the time.
        seconds: until one's own is done, usually; None where that is not known.
    """

    ahead: int
    behind: int
    seconds: float | None

    @property
    def sentence(self) -> str:
        """The same for a person; empty where nobody else is at work."""
        busy = [counted(self.ahead, "other text")] if self.ahead else []
        busy += [counted(self.behind, "longer job")] if self.behind else []
        if not busy:
            return ""
        others = busy[0]
        if len(busy) == 2:
            others = tr("{texts} and {jobs}", texts=busy[0], jobs=busy[1])
        if self.seconds is None or self.seconds < 1:  # nobody waits for it
            return tr("Also under way: {others}.", others=others)
        return tr(
            "Also under way: {others}, so yours takes about {time}.",
            others=others,
            time=outlook.about(self.seconds),
        )


@dataclass(frozen=True)
class _Text:
    """What one text usually takes alone.

    Attributes:
        steps: until it is exact.
        tokens: seconds that its tokens cost in each of them.
        a_pass: seconds that the pass costs besides.
    """

    steps: float
    tokens: float
    a_pass: float

    @property
    def alone(self) -> float:
        """Seconds with nobody beside it."""
        return self.steps * (self.tokens + self.a_pass)

    def takes(self, steps: float, done: float, *, shares: bool) -> float:
        """Return the seconds by which it delays another text.

        Args:
            steps: of the other one.
            done: steps that this one has taken.
            shares: whether both take their steps in one pass.
        """
        left = max(LEAST * self.steps, self.steps - done)
        return min(left, steps) * (self.tokens + (0 if shares else self.a_pass))


def load(spec: ReconstructSpec, step_time: StepTime) -> Load:
    """Return what is ahead of a text that is about to start.

    Args:
        spec: what is asked.
        step_time: of this machine, or what is assumed of it.

    Raises:
        StorageError: if the queue cannot be read.
    """
    jobs = [job for job in client.jobs(open_only=True) if job.requested == "run"]
    texts = [(job.spec, job.fraction) for job in jobs if isinstance(job.spec, ReconstructSpec)]
    longer = sum(isinstance(j.spec, SolveSetSpec | ExperimentSpec | PathsSpec) for j in jobs)
    if not texts and not longer:
        return Load(0, 0, None)
    look = lru_cache(maxsize=None)(_text)  # a class trains texts that are much alike
    own = look(_outline(spec), step_time)
    seconds = own.alone
    for other, fraction in texts:
        shares = other.model == spec.model
        timed = step_time if shares else step_times.find(other.model, other.recipe.precision)
        text = look(_outline(other), timed or step_times.assumed(None))
        seconds += text.takes(own.steps, fraction * other.recipe.max_steps, shares=shares)
    return Load(len(texts), longer, seconds / (1 - BEHIND if longer else 1))


def _outline(spec: ReconstructSpec) -> ReconstructSpec:
    """Return a spec without what does not matter to how long it takes."""
    return spec.model_copy(update={"text": "", "title": "", "source": "own", "seed": 0})


def _text(spec: ReconstructSpec, step_time: StepTime) -> _Text:
    found = outlook.of_text(spec, step_time)
    assert found.seconds is not None
    steps = ((found.few or found.many) + found.many) / 2
    a_pass = min(step_time.a_pass, found.seconds.usual / steps)
    return _Text(steps, found.seconds.usual / steps - a_pass, a_pass)
