"""What a look inside adds up to: where tokens appear, shares of attention, curves, the radius."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from explorer.base.formatting import counted
from explorer.base.language import tr
from explorer.inside.header import Part, What
from explorer.inside.result import Inside
from explorer.specs.jobs import InsideSpec
from explorer.specs.recipes import THRESHOLD

SOURCES = ("before e", "e", "earlier m", "itself")
"""Where attention goes; a position never counts twice: what it holds itself is `itself`."""


def appears(found: Inside) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for every position the state that says its target first, and from which on it stays.

    Returns:
        Two of shape (N,), states counted from 0, the input; S where it never does.
    """
    right, S = found.right, len(found.right)
    first = np.where(right.any(0), right.argmax(0), S)
    wrong_last = np.where(~right.any(0) | ~right[-1], S, S - (~right[::-1]).argmax(0))
    stays = np.where(right.all(0), 0, wrong_last)
    return first.astype(np.int64), stays.astype(np.int64)


def shares(found: Inside, head: int | None = None) -> NDArray[np.float64]:
    """Return where attention goes, by layer: the positions whose outputs are read, over all heads.

    Args:
        found: a look inside with attention weights.
        head: only this one.

    Returns:
        float64 (layers, positions, 4), in the order of `SOURCES`; each row adds up to 1. Of
        positions that hold e, attention to an earlier e counts as to e.
    """
    header = found.header
    reading = slice(header.first, header.first + len(header.text.target_ids))
    weights = found.attention if head is None else found.attention[:, head : head + 1]
    mean = weights.astype(np.float64).mean(1)[:, reading]
    roles = np.array(header.roles)
    itself = np.eye(len(roles), dtype=bool)[reading]
    held = [(roles == role) & ~itself for role in ("token", "e", "m")]
    columns = [np.where(where, mean, 0).sum(-1) for where in (*held, itself)]
    by_source = np.stack(columns, -1)
    total = by_source.sum(-1, keepdims=True)
    made: NDArray[np.float64] = by_source / np.where(total > 0, total, 1)
    return made


@dataclass(frozen=True)
class Curve:
    """Accuracy over what was changed.

    Attributes:
        at: float64 (P,), as in `Trial.at`.
        accuracy: float64 (P, draws).
        rows: trial of each point's first draw, P of them.
    """

    at: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    rows: list[int]


def curve(found: Inside, part: Part, what: What) -> Curve:
    """Return one curve; of noise only at lengths that every direction was tried at."""
    rows, trials, accuracy = found.trials(part, what), found.header.trials, found.trial_accuracy
    draws = len({trials[k].draw for k in rows})
    by_place: dict[float, list[int]] = {}
    for k in rows:
        by_place.setdefault(trials[k].at, []).append(k)
    whole = {at: ks for at, ks in sorted(by_place.items()) if len(ks) == draws}
    values = [accuracy[ks] for ks in whole.values()]
    return Curve(
        np.array(list(whole)),
        np.array(values).reshape(len(whole), draws),
        [ks[0] for ks in whole.values()],
    )


def radius(found: Inside, what: What) -> NDArray[np.float64]:
    """Return, for each random direction, between which lengths accuracy first falls below 0.99.

    Returns:
        float64 (draws, 2): the greatest length up to which every one that was tried holds (0: none)
        and the next one (infinity: it never fell), as shares of the norm. (0, 2) where accuracy is
        below 0.99 to begin with.
    """
    if found.right[-1].mean() < THRESHOLD:
        return np.empty((0, 2))
    trials, accuracy = found.header.trials, found.trial_accuracy
    by_draw: dict[int, list[tuple[float, bool]]] = {}
    for k in found.trials("noise", what):
        by_draw.setdefault(trials[k].draw, []).append((trials[k].at, accuracy[k] >= THRESHOLD))
    made = []
    for tried in by_draw.values():
        low, high = 0.0, float("inf")
        for at, holds in sorted(tried):
            if not holds:
                high = at
                break
            low = at
        made.append((low, high))
    return np.array(made).reshape(len(made), 2)


def radius_in_words(found: Inside, what: What) -> str:
    """Say the radius of all directions together, as a share of the norm."""
    bounds = radius(found, what)
    if not len(bounds):
        return "–"
    low, high = float(np.median(bounds[:, 0])), float(np.median(bounds[:, 1]))
    if not np.isfinite(high):
        return tr("more than {low}", low=f"{low:.0%}")
    if low > 0:
        return tr("{first} to {last}", first=f"{low:.1%}", last=f"{high:.1%}")
    return tr("less than {high}", high=f"{high:.1%}")


def sentence(found: Inside) -> str:
    """Say at which layer the text appears."""
    header, right = found.header, found.right.sum(1)
    N, last = found.right.shape[1], header.layers
    half = np.flatnonzero(right >= N / 2)
    ends = {"right": right[-1], "layer": last, "before": right[-2]}
    said = [
        tr(
            "{right} of {tokens} are correct after the last layer ({layer}), {before} after the "
            "one before.",
            tokens=counted(N, "token"),
            **ends,
        )
        if N > 1
        else tr(
            "{right} of 1 token is correct after the last layer ({layer}), {before} after the one "
            "before.",
            **ends,
        )
    ]
    if not len(half):
        said.append(tr("At no layer is half of the text readable."))
    elif half[0] == 0:
        said.append(tr("Half of the text is readable in the input already."))
    else:
        said.append(tr("Half of the text is first readable after layer {layer}.", layer=half[0]))
    if header.heads and "m" in header.roles:
        to_e = shares(found)[:, :, SOURCES.index("e")].mean(1)
        said.append(
            tr(
                "On average, a position gives {mean} of its attention to e, most in layer {layer} "
                "({most}).",
                mean=f"{to_e.mean():.0%}",
                layer=int(to_e.argmax()) + 1,
                most=f"{to_e.max():.0%}",
            )
        )
    return " ".join(said)


def asked_again(found: Inside) -> InsideSpec:
    """Return what was asked for a look, as far as its trials tell, without any writing.

    One solution swapped with is named again; of two or none, the usual ones are looked for.
    """
    header = found.header
    told = {
        "depths": len({trial.at for trial in header.trials if trial.part == "cut"}),
        "draws": len({trial.draw for trial in header.trials if trial.part == "noise"}),
        "other": header.others[0].id if len(header.others) == 1 else None,
    }
    return InsideSpec.model_validate(
        {"solution": header.solution, "seed": header.directions}
        | {name: value for name, value in told.items() if value}
    )
