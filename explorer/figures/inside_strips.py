"""What the token strip shows of a look inside: layer by layer, and with something changed."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from explorer.base.language import tr
from explorer.figures.inside_names import CUTS, MOVED, layer_names
from explorer.figures.strip import COLUMNS, strip
from explorer.inside import reading
from explorer.inside.header import Part, What
from explorer.inside.result import Inside

LABELS: dict[Part, Mapping[What, str]] = {
    "cut": CUTS,
    "scale": {"e": "e", "m": "m"},
    "noise": MOVED,
}


def through_layers(found: Inside) -> dict[str, Any]:
    """Return plain values for a strip that plays what each layer would say."""
    text, share = found.header.text, found.right.mean(1)
    columns = [getattr(found, name)[:, None] for name in COLUMNS]
    captions = [
        tr("the input: {share} correct", share=f"{right:.0%}")
        if k == 0
        else tr("after layer {layer}: {share} correct", layer=name, share=f"{right:.0%}")
        for k, (name, right) in enumerate(zip(layer_names(found), share, strict=True))
    ]
    return strip(text, found.header.pieces, ["lens"], columns) | {
        "captions": captions,
        "start": len(captions) - 1,
        "slider": tr("Layer"),
        "play": tr("Play through the layers"),
    }


def trials(found: Inside, part: Part) -> dict[str, Any]:
    """Return plain values for a strip with a line for each kind, a frame for each size."""
    tried = {what: label for what, label in LABELS[part].items() if found.trials(part, what)}
    curves = {what: reading.curve(found, part, what) for what in tried}
    first, *rest = (set(curve.at.tolist()) for curve in curves.values())
    at = np.array(sorted(first.intersection(*rest)))  # where every kind was tried
    rows, shares = (np.empty((len(at), len(curves)), dtype) for dtype in (int, float))
    for k, curve in enumerate(curves.values()):
        places = np.searchsorted(curve.at, at)
        rows[:, k] = np.array(curve.rows)[places]
        shares[:, k] = curve.accuracy[places, 0]  # of the direction that is shown
    names = [tr(label) for label in tried.values()]
    captions = [
        f"{_place(part, place)}: "
        + ", ".join(f"{n} {v:.0%}" for n, v in zip(names, values, strict=True))
        for place, values in zip(at, shares, strict=True)
    ]
    columns = [getattr(found, f"trial_{name}")[rows] for name in COLUMNS]
    return strip(found.header.text, found.header.pieces, names, columns) | {
        "captions": captions,
        "start": 0,
        "slider": tr("Size of the change, or layer"),
        "play": tr("Play from the smallest to the largest"),
    }


def swap(found: Inside, row: int, *, other: bool) -> dict[str, Any]:
    """Return plain values for a strip of one swap, against this text or against the other one.

    Of the other one only what is right is known: p and rank were measured against this text, and
    are None there.
    """
    header = found.header
    text = header.others[int(header.trials[row].at)].text if other else header.text
    columns = [getattr(found, f"trial_{name}")[row][None, None] for name in COLUMNS]
    unknown = {"p": None, "rank": None} if other else {}
    return strip(text, header.pieces, [""], columns) | unknown


def _place(part: Part, at: float) -> str:
    if part == "cut":
        return tr("layer {layer}", layer=f"{at:.0f}")
    return f"× {at:g}" if part == "scale" else tr("noise of {share}", share=f"{at:.1%}")
