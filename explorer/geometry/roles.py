"""What e and what m carry, over a set: linear probes, swaps, noise, and whether they are shared.

A later paper (arXiv 2602.18301) says that m holds more of a text's meaning than e. Here that is a
comparison of two vectors over contexts, which can come out either way.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Self, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from pydantic import Field

from explorer.base.language import amount, later, tr
from explorer.base.provenance import Recorded
from explorer.base.value import Value
from explorer.geometry.distance_report import CHANCE
from explorer.geometry.distances import Kind
from explorer.geometry.effects import RESAMPLES, draws, interval, sign_flips
from explorer.geometry.set_reports import SetReports

Role = Literal["e", "m"]
ROLES: tuple[Role, ...] = get_args(Role)
Target = Literal["meaning", "context", "source", "length", "first token", "last token"]
TARGETS: dict[Target, str] = {
    "meaning": later("sentence embedding of the text"),
    "context": later("which context the text continues"),
    "source": later("kind of source of the context"),
    "length": later("number of characters"),
    "first token": later("embedding of the first token"),
    "last token": later("embedding of the last token"),
}
CLAIM = later("m holds more of a text's meaning than e (arXiv 2602.18301).")


class OverContexts(Value):
    """A mean over contexts."""

    value: float
    low: float | None = Field(description="2.5% over resampled contexts; null with few contexts.")
    high: float | None = Field(description="97.5%.")
    by_context: list[float | None] = Field(description="In the order of the report's contexts.")

    @classmethod
    def of(cls, by_context: ArrayLike, **more: object) -> Self:
        """Return the mean of what each context has, NaN for none, and its interval.

        Args:
            by_context: a number for each context.
            **more: further fields.
        """
        values = np.asarray(by_context, dtype=np.float64)
        there = np.flatnonzero(np.isfinite(values))
        times = draws(len(there), RESAMPLES, 0)
        means = times @ values[there] / max(len(there), 1)
        low, high = interval(means, there)
        return cls.model_validate(
            {
                "value": float(values[there].mean()),
                "low": low,
                "high": high,
                "by_context": [float(v) if np.isfinite(v) else None for v in values],
            }
            | more
        )

    def minus(self, other: "OverContexts") -> "Difference":
        """Compare with another, context by context."""
        ours, theirs = (np.array(o.by_context, dtype=np.float64) for o in (self, other))
        apart = ours - theirs
        both = apart[np.isfinite(apart)]
        return Difference.of(apart, more=sign_flips(both), less=sign_flips(-both))


class Difference(OverContexts):
    """How much more one has than another, context by context."""

    more: float = Field(description="p-value of more: signs flipped by context, one-sided.")
    less: float = Field(description="p-value of less.")

    @property
    def shown(self) -> bool | None:
        """True: more; False: less; None: it may be chance. One-sided, each at half of `CHANCE`."""
        if self.more <= CHANCE / 2:
            return True
        return False if self.less <= CHANCE / 2 else None

    @property
    def sentence(self) -> str:
        """The difference with its interval and p-values."""
        said = {name: f"{getattr(self, name):.3f}" for name in ("more", "less")}
        said["value"] = f"{self.value:+.2f}"
        if self.low is None:
            return tr("{value}; p = {more} for more, {less} for less", **said)
        return tr(
            "{value} (95% interval {low} to {high}); p = {more} for more, {less} for less",
            low=f"{self.low:+.2f}",
            high=f"{self.high:+.2f}",
            **said,
        )


class Probe(OverContexts):
    """How often what a linear map reads from a vector, of a text that it has not seen, is right.

    That is, nearer to the text's own target than to another unseen text's: 0.5 by chance.
    """

    vector: Role
    layer: int = Field(
        ge=0, description="0: the vector; else states after a layer, where it stands."
    )
    target: Target
    p: float = Field(description="Permutation test, one-sided.")


class Swap(Value):
    """What the model outputs with e of one solution and m of another."""

    kind: Kind = Field(description="Of the two solutions.")
    pairs: int
    of_e: OverContexts = Field(description="Share of tokens right of the text that e is from.")
    of_m: OverContexts = Field(description="The same of the text that m is from.")


class Noise(OverContexts):
    """Accuracy with noise in a random direction: one for each text."""

    vector: Role
    length: float = Field(
        description="Of the noise, as a share of the norm of what it is added to."
    )


class Radius(OverContexts):
    """How much noise a vector stands: log2 of the share of its norm (`doublings`)."""

    vector: Role

    @property
    def share(self) -> float:
        """The geometric mean, as a share of the norm."""
        return float(2**self.value)


class RolesReport(Recorded):
    """What e and m of a set carry."""

    version: Literal[1] = 1
    set: str
    model: str
    length: int
    arrangement: str
    regime: str
    layers: int
    contexts: list[str]
    solutions: int
    texts: int
    probes: list[Probe]
    swaps: list[Swap] = Field(description="Empty where all solutions have one m.")
    noise: list[Noise]
    radii: list[Radius]
    notes: list[str]
    device: str = "cpu"
    seconds: float = 0.0

    def probe(self, vector: Role, target: Target, layer: int = 0) -> Probe | None:
        """Return one probe, None if it was not possible."""
        which = (vector, target, layer)
        return next((p for p in self.probes if (p.vector, p.target, p.layer) == which), None)

    def radius(self, vector: Role) -> Radius:
        """Return how much noise a vector stands."""
        return next(r for r in self.radii if r.vector == vector)

    def m_less_e(self) -> Difference | None:
        """Return how much better meaning is read from m than from e; None if it cannot be read."""
        e, m = (self.probe(vector, "meaning") for vector in ROLES)
        return m.minus(e) if e and m else None

    @property
    def shown(self) -> bool | None:
        """Whether m holds more of the meaning than e."""
        found = self.m_less_e()
        return found.shown if found else None

    @property
    def sentence(self) -> str:
        """What decides it, in figures."""
        said = [
            f"{vector} {amount(f'{p.value:.2f}')}{_ends(p)}, p = {amount(f'{p.p:.3f}')}"
            for vector in ROLES
            if (p := self.probe(vector, "meaning"))
        ]
        read = "; ".join(said) or tr("not at all")
        found = self.m_less_e()
        if found is None:
            return tr(
                "Meaning read right in held-out texts: {read}. There is no m of each text's own to "
                "compare e with.",
                read=read,
            )
        return tr(
            "Meaning read right in held-out texts: {read}. m minus e: {difference}.",
            read=read,
            difference=found.sentence,
        )

    @property
    def stands(self) -> str:
        """How much noise each stands, and which stands less."""
        e, m = self.radius("e"), self.radius("m")
        return tr(
            "A text bears noise on e of {e} of its norm, and on m of {m}: a geometric mean, in "
            "which one that breaks at the least noise tried, {least}, counts as {below}. Doublings "
            "of noise, m minus e: {difference}.",
            e=f"{e.share:.1%}",
            m=f"{m.share:.1%}",
            least=f"{(least := min(n.length for n in self.noise)):.1%}",
            below=f"{least / 2**0.5:.1%}",
            difference=m.minus(e).sentence,
        )

    @property
    def table(self) -> pd.DataFrame:
        """The probes, a line each."""
        rows = [p.model_dump(exclude={"by_context"}) for p in self.probes]
        return pd.DataFrame(rows)


REPORTS = SetReports("roles", RolesReport)


def sharing(shared: RolesReport, free: RolesReport) -> Mapping[str, Difference]:
    """Compare e where m is shared with e where it is free, context by context.

    Returns:
        By target, how much better it is read where m is shared; and by "noise", how many more
        doublings of noise e stands. Empty if the two are not of the same contexts.
    """
    if _kind(shared) != _kind(free):
        return {}
    pairs: dict[str, tuple[OverContexts | None, OverContexts | None]] = {
        target: (shared.probe("e", target), free.probe("e", target)) for target in TARGETS
    }
    pairs["noise"] = shared.radius("e"), free.radius("e")
    return {name: a.minus(b) for name, (a, b) in pairs.items() if a and b}


def partner(made: RolesReport, others: Sequence[RolesReport]) -> RolesReport | None:
    """Return a report on a set that differs in how m is made, and in nothing else."""
    return next((o for o in others if _kind(o) == _kind(made) and o.regime != made.regime), None)


def _kind(made: RolesReport) -> tuple[object, ...]:
    return made.model, made.length, made.arrangement, made.contexts


def _ends(of: OverContexts) -> str:
    if of.low is None:
        return ""
    return " " + tr("({low} to {high})", low=f"{of.low:.2f}", high=f"{of.high:.2f}")
