import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from explorer.base.errors import BadInputError
from explorer.geometry import projection
from explorer.geometry.distances import cosine_distances

pytestmark = pytest.mark.xdist_group("umap")  # compiled once by the process that has them
DRAW = np.random.default_rng(0)
VECTORS = DRAW.normal(size=(30, 12)) * np.arange(1, 13)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_pca_is_pca(dimensions: int) -> None:
    found = projection.principal(VECTORS, dimensions)
    other = PCA(dimensions).fit(VECTORS)
    assert found.explained == pytest.approx(other.explained_variance_ratio_)
    assert np.abs(found.project(VECTORS)) == pytest.approx(np.abs(other.transform(VECTORS)))
    assert found.components @ found.components.T == pytest.approx(np.eye(dimensions), abs=1e-9)
    assert (found.components.max(1) == np.abs(found.components).max(1)).all()


def test_a_point_of_the_set_and_the_same_vector_later_fall_together() -> None:
    found = projection.principal(VECTORS, 2)
    assert found.project(VECTORS[3:4])[0] == pytest.approx(found.project(VECTORS)[3])


@pytest.mark.parametrize("vectors", [np.ones((9, 4)), VECTORS[:2], np.zeros((0, 4))])
def test_too_few_different_vectors_are_a_sentence(vectors: np.ndarray) -> None:
    with pytest.raises(BadInputError, match="different vectors"):
        projection.principal(vectors, 2)


def test_umap_needs_more_solutions_than_neighbours() -> None:
    with pytest.raises(BadInputError, match="Lower the neighbors to 29"):
        projection.umap(VECTORS, 2, neighbours=30, min_distance=0.1, metric="cosine", seed=0)


def test_umap_gives_the_same_picture_twice_and_keeps_neighbours() -> None:
    centres = 20 * DRAW.normal(size=(3, 12))
    names = np.repeat(np.arange(3), 12)
    vectors = centres[names] + DRAW.normal(size=(36, 12))
    one, two = (
        projection.umap(vectors, 2, neighbours=5, min_distance=0.1, metric="euclidean", seed=1)
        for _ in range(2)
    )
    assert (one == two).all()
    near = NearestNeighbors(n_neighbors=4).fit(one).kneighbors(return_distance=False)
    assert (names[near] == names[:, None]).mean() > 0.9


def test_purity_against_scikit_learn() -> None:
    labels = np.array(list("aaaaaabbbbbbcccccc") + [f"alone{i}" for i in range(12)])
    found = projection.purity(cosine_distances(VECTORS), "text", labels, neighbours=5)
    assert found is not None
    near = NearestNeighbors(n_neighbors=5, metric="cosine").fit(VECTORS)
    index = near.kneighbors(return_distance=False)[:18]
    assert found.share == pytest.approx((labels[index] == labels[:18, None]).mean())
    assert found.chance == pytest.approx(5 / 29)
    assert found.solutions == 18


def test_purity_looks_at_no_more_neighbours_than_a_label_has() -> None:
    d = np.abs(np.subtract.outer(np.arange(4.0), np.arange(4.0)))
    found = projection.purity(d, "text", np.array(["a", "a", "b", "b"]), neighbours=3)
    assert found is not None
    assert found.share == 0.75  # 1 takes 0 (first of two equally near), 2 takes 1
    assert projection.purity(d, "text", np.arange(4)) is None
