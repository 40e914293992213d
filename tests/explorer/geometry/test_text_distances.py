import numpy as np
import pytest

from explorer.geometry import text_distances


def test_tfidf_is_what_its_definition_says() -> None:
    """Smooth idf, ln((1 + n) / (1 + df)) + 1, on word counts, cosine."""
    texts = ["the heron waits", "the heron flies", "tax law"]
    words = ["the", "heron", "waits", "flies", "tax", "law"]
    counts = np.array([[t.split().count(w) for w in words] for t in texts], dtype=float)
    idf = np.log((1 + 3) / (1 + (counts > 0).sum(0))) + 1
    rows = counts * idf
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert text_distances.tfidf_distances(texts) == pytest.approx(1 - rows @ rows.T, abs=1e-9)


def test_texts_without_words_have_no_tfidf_distance() -> None:
    found = text_distances.tfidf_distances(["the heron", "!!", "the heron waits"])
    assert np.isnan(found[1]).all() and np.isnan(found[:, 1]).all()
    assert 0 < found[0, 2] < 1
    assert np.isnan(text_distances.tfidf_distances(["!", "?"])).all()


@pytest.mark.embedded
def test_sentences_that_mean_the_same_are_near() -> None:
    """The real all-MiniLM-L6-v2, from its package, with no hub."""
    found = text_distances.semantic_distances(["A heron flies.", "A bird is flying.", "Tax law."])
    assert found[0, 1] < 0.6 < found[0, 2]
