"""Where texts come from, and how a text becomes a target (D1-D4 of the checklist).

A spec names one draw completely; `draw` gives the same passage for the same spec, today, in
another process and on another machine, as long as the files it names hold the same texts.
Nothing here imports torch.
"""

from explorer.specs.cleaning import clean
from explorer.specs.texts import (
    SOURCES,
    CorpusSpec,
    GeneratedSpec,
    OwnSpec,
    PG19Spec,
    RandomSpec,
    SeenSpec,
    Source,
    TextSpec,
    UnseenSpec,
    make_spec,
)
from explorer.texts.alterations import Alteration, find_alteration, find_alterations
from explorer.texts.corpus import read_corpus
from explorer.texts.drawing import continuation, draw, draw_many, unseen_passages
from explorer.texts.own import from_upload
from explorer.texts.passages import Passage
from explorer.texts.targets import MAX_TARGET_TOKENS, target_ids

__all__ = [
    "MAX_TARGET_TOKENS",
    "SOURCES",
    "Alteration",
    "CorpusSpec",
    "GeneratedSpec",
    "OwnSpec",
    "PG19Spec",
    "Passage",
    "RandomSpec",
    "SeenSpec",
    "Source",
    "TextSpec",
    "UnseenSpec",
    "clean",
    "continuation",
    "draw",
    "draw_many",
    "find_alteration",
    "find_alterations",
    "from_upload",
    "make_spec",
    "read_corpus",
    "target_ids",
    "unseen_passages",
]
