"""Verdicts: what differences by text, group or context say of a claim, tested in both directions.

Every finding is judged alike. A claim is made of parts, each with one number for every unit that is
independent of the others (a text, a group of texts, a context), positive where the unit speaks for
the claim; restarts, lengths and pairs of one unit are summed up before. Free of torch.

- Shown: in every part the mean is above 0, p at most LEVEL / 2.
- Not shown: in some part it is below 0, or below what the paper has where that is a number (F5),
  p at most LEVEL / 2, or LEVEL / parts if that is less.
- Inconclusive: between. Of noise, at most LEVEL of all verdicts are another one.

p comes from flipping the signs of the differences, all 2ⁿ ways for few units, so that fewer than
`LEAST` of them decide nothing. Findings on distances (F8, F9) permute labels and resample contexts
instead, since one solution is in many pairs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from explorer.base.formatting import counted
from explorer.base.language import tr
from explorer.experiments.paper import STATEMENTS
from explorer.experiments.rules import LEAST, LEVEL, RULES
from explorer.geometry.effects import sign_flips

POWER = 0.8
"""How often a run of the size that is said to decide does so."""
MOST = 1000
"""Units beyond which no run is suggested."""


@dataclass(frozen=True)
class Finding:
    """Whether a run shows what the paper found.

    Attributes:
        id: of a statement of the paper's (`explorer.experiments.paper`).
        shown: True, False, or None where it is inconclusive.
        figure: the numbers that say so, in a sentence.
        needed: units that would decide at the spread seen; None: nothing is known, or no number
            that could be measured.
        reason: why it differs from the paper, where an experiment has found that; else empty.
        tested: whether something was tested by enough units to decide; not where what it takes was
            not measured.
    """

    id: str
    shown: bool | None
    figure: str
    needed: int | None = None
    reason: str = ""
    tested: bool = False

    @property
    def claim(self) -> str:
        """What the paper says, in our words."""
        return tr(STATEMENTS[self.id])

    @property
    def rule(self) -> str:
        """What counts as shown, as not shown and as inconclusive; empty where nothing is tested."""
        rule = RULES.get(self.id)
        return f"{rule.question} {rule.answers}" if rule else ""


@dataclass(frozen=True)
class Part:
    """One part of a claim, tested.

    Attributes:
        favours: p of it, one-sided: how rarely chance alone speaks for it as much.
        opposes: p of its reverse.
        units: how many there were.
        mean: of the differences, from 0 or from what the paper has, whichever is farther; its sign
            says which way the part points.
        needed: units that would decide it at this mean and spread, either way; None: too many, or
            nothing is known.
        told: whether the p are numbers, not sides of a threshold.
        open_to_more: whether more units could decide it; False where its spread is not known, and
            where it points the way in which what was measured, a bound, cannot speak.
    """

    favours: float
    opposes: float
    units: int
    mean: float
    needed: int | None
    told: bool = True
    open_to_more: bool = True


def part(
    differences: ArrayLike, *, expected: float = 0, at_least: bool = False, at_most: bool = False
) -> Part:
    """Test whether a mean is above 0, or below what it has to be, by flipping signs.

    Args:
        differences: one a unit, finite, positive where the unit speaks for the claim.
        expected: what the paper measured, where it says how much: a mean that is below it by more
            than chance speaks against the claim. So no difference at all can be told from too few
            units.
        at_least: some may be larger than what was measured, so they cannot speak against it.
        at_most: some may be smaller, so they cannot speak for it.
    """
    found = np.asarray(differences, dtype=np.float64)
    if not len(found):
        return Part(1.0, 1.0, 0, 0.0, None)
    favours = 1.0 if at_most else sign_flips(found)
    opposes = 1.0 if at_least else sign_flips(expected - found)
    mean, count = float(found.mean()), len(found)
    mean = max(mean, mean - expected, key=abs)
    if (at_most and mean > 0) or (at_least and mean < 0):
        return Part(favours, opposes, count, mean, None, open_to_more=False)
    spread = float(found.std(ddof=1)) if count > 1 else math.nan
    return Part(favours, opposes, count, mean, deciding(mean, spread))


def of_interval(low: float, high: float, mean: float, units: int) -> Part:
    """Return what a two-sided interval of 1 - LEVEL says: on which side of 0 it lies, no more.

    Its half-width shrinks with the root of the units. Resamples of few units vary less than such
    units do, so its ends count as if they were farther from the mean, by as much as those of a t
    interval are (Hesterberg 2015, “expanded percentiles”): without that, 9% of all F9 on 5 to 12
    contexts of noise were decided.

    Args:
        low: lower end, from resampled units.
        high: upper end.
        mean: of the units.
        units: how many, 2 or more.
    """
    from scipy.stats import t

    edge = LEVEL / 2
    normal = NormalDist().inv_cdf(1 - edge)
    spread = (high - low) / 2 / normal * math.sqrt(units)
    wider = float(t.ppf(1 - edge, units - 1)) / normal * math.sqrt(units / (units - 1))
    beyond = mean > wider * (mean - low), -mean > wider * (high - mean)
    favours, opposes = (edge if on_one_side else 1.0 for on_one_side in beyond)
    return Part(favours, opposes, units, mean, deciding(mean, spread), told=False)


def deciding(mean: float, spread: float) -> int | None:
    """Return how many units decide in `POWER` of all runs at this mean and standard deviation.

    By the normal approximation with Guenther's correction for a spread that is itself estimated; at
    least `LEAST`, and None where it takes more than `MOST`.
    """
    if not mean or math.isnan(spread):
        return None
    edge, power = map(NormalDist().inv_cdf, (1 - LEVEL / 2, POWER))
    units = max(LEAST, math.ceil(((edge + power) * spread / mean) ** 2 + edge**2 / 2))
    return units if units <= MOST else None


def restarts(share: float) -> int | None:
    """Return of how many restarts at least one holds in 1 - LEVEL of all cases, if so many do each.

    None where none of them does, or nobody knows (NaN).
    """
    if not share > 0:
        return None
    return 1 if share >= 1 - LEVEL else math.ceil(math.log(LEVEL) / math.log(1 - share))


def judged(name: str, parts: Sequence[Part], figure: str, *, reason: str = "") -> Finding:
    """Return what the parts of a claim say together.

    Args:
        name: id of the statement; its rule names the units.
        parts: at least one.
        figure: the numbers in a sentence; how sure they are is added.
        reason: why it differs from the paper, if an experiment has found that.
    """
    favours, opposes = max(p.favours for p in parts), min(p.opposes for p in parts)
    against = opposes <= LEVEL / max(2, len(parts))
    shown = True if favours <= LEVEL / 2 else False if against else None
    rule, units = RULES[name], min(p.units for p in parts)
    unit = rule.unit
    said = [figure, f"{counted(units, unit)}."]
    if all(p.told for p in parts):
        said[-1] = tr(
            "{units}: p = {favours} for it, {opposes} against it.",
            units=counted(units, unit),
            favours=p_value(favours),
            opposes=p_value(opposes),
        )
    needed = _needed(parts) if shown is None else None
    if needed is not None:
        said.append(tr("At this spread, {units} would decide.", units=counted(needed, unit)))
    elif shown is None and units > 1 and all(p.open_to_more for p in parts):
        more = counted(MOST, unit)
        said.append(tr("At this spread, not even {units} would decide.", units=more))
    tested = shown is not None or units >= LEAST or bool(rule.few)
    return Finding(name, shown, " ".join(said), needed, "" if shown else reason, tested)


def _needed(parts: Sequence[Part]) -> int | None:
    """Return the units that decide: all parts for the claim, or the plainest one against it.

    At least half as many again as there were: these have not decided.
    """
    least = math.ceil(1.5 * min(p.units for p in parts))
    against = [p.needed for p in parts if p.mean < 0 and p.needed is not None]
    if against:
        return max(least, min(against))
    every = [p.needed for p in parts]
    return None if None in every else max(least, *(n for n in every if n is not None))


def p_value(p: float) -> str:
    """Return a p-value for a sentence."""
    return f"{p:.3f}".rstrip("0").rstrip(".") if p >= 0.001 else f"{p:.1g}"
