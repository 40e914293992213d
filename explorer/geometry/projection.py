"""From many dimensions to two or three: PCA and UMAP; and how true the picture can be."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from pydantic import Field

from explorer.base.errors import BadInputError
from explorer.base.formatting import counted
from explorer.base.language import tr
from explorer.base.value import Value


@dataclass(frozen=True)
class Principal:
    """Principal components of a set of vectors.

    Attributes:
        mean: (d,), what is subtracted first.
        components: (k, d), orthonormal; the largest number of each is positive.
        explained: (k,), share of the variance along each.
    """

    mean: Float[np.ndarray, " d"]
    components: Float[np.ndarray, "k d"]
    explained: Float[np.ndarray, " k"]

    def project(self, vectors: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n k"]:
        """Return coordinates of any vectors along the components."""
        coordinates: Float[np.ndarray, "n k"] = (vectors - self.mean) @ self.components.T
        return coordinates


def principal(vectors: Float[np.ndarray, "n d"], dimensions: int) -> Principal:
    """Return the first principal components.

    Raises:
        BadInputError: if the vectors span fewer dimensions than are asked for.
    """
    require_different(vectors, dimensions + 1)
    mean = vectors.mean(0)
    _, sizes, rows = np.linalg.svd(vectors - mean, full_matrices=False)
    components = rows[:dimensions]
    largest = components[np.arange(dimensions), np.abs(components).argmax(1)]
    components = components * np.sign(largest)[:, None]
    return Principal(mean, components, (sizes**2 / (sizes**2).sum())[:dimensions])


def umap(
    vectors: Float[np.ndarray, "n d"],
    dimensions: int,
    *,
    neighbours: int,
    min_distance: float,
    metric: str,
    seed: int,
    start: Float[np.ndarray, "n k"] | None = None,
) -> Float[np.ndarray, "n k"]:
    """Return UMAP's layout (McInnes et al. 2018); one seed, one thread, one picture.

    Args:
        vectors: what is laid out.
        dimensions: of the layout.
        neighbours: how many count as near.
        min_distance: how close points may lie.
        metric: distance in the full space.
        seed: of its random choices.
        start: a layout to begin with, so that points move from there and do not jump.

    Raises:
        BadInputError: if there are too few vectors for so many neighbours.
    """
    require_different(vectors, dimensions + 2)
    if neighbours >= len(vectors):
        raise BadInputError(
            tr(
                "UMAP with {neighbours} neighbors needs more than {neighbours} solutions and "
                "there are {count}. Lower the neighbors to {most} or less, or use PCA.",
                neighbours=neighbours,
                count=len(vectors),
                most=len(vectors) - 1,
            )
        )
    from umap import UMAP

    usual = "spectral" if neighbours > 2 else "random"
    reducer = UMAP(
        n_components=dimensions,
        n_neighbors=neighbours,
        min_dist=min_distance,
        metric=metric,
        random_state=seed,
        n_jobs=1,
        init=usual if start is None else start,
    )
    layout = np.asarray(reducer.fit_transform(vectors.astype(np.float32)), dtype=np.float64)
    if not np.isfinite(layout).all():
        raise BadInputError(
            tr("UMAP found no place for some solutions. Choose more neighbors, or use PCA.")
        )
    return layout


def following(
    at: Float[np.ndarray, "n k"], before: Float[np.ndarray, "n k"] | None
) -> Float[np.ndarray, "n k"]:
    """Return a layout centred, of root mean square 1, turned or mirrored to lie nearest to another.

    Points then move from one layout to the next and do not jump (orthogonal Procrustes).

    Args:
        at: the layout, of points that differ.
        before: the other one, or None.
    """
    from scipy.linalg import orthogonal_procrustes

    apart = at - at.mean(0)
    placed: Float[np.ndarray, "n k"] = apart / np.sqrt((apart**2).sum(1).mean())
    return placed if before is None else placed @ orthogonal_procrustes(placed, before)[0]


def warm_up() -> None:
    """Let UMAP compile its inner loops, so that nobody waits for it later."""
    noise = np.random.default_rng(0).normal(size=(24, 8))
    for metric in ("cosine", "euclidean"):
        umap(noise, 2, neighbours=5, min_distance=0.1, metric=metric, seed=0)


def require_different(vectors: Float[np.ndarray, "n d"], least: int) -> None:
    """Make sure that there are enough different vectors for a picture.

    Raises:
        BadInputError: if there are not.
    """
    count = len(np.unique(vectors, axis=0)) if len(vectors) else 0
    if count < least:
        raise BadInputError(
            tr(
                "There are {count} different vectors among {solutions} and the picture "
                "needs at least {least}. Choose more sets, e where m is shared, or fewer "
                "dimensions.",
                count=count,
                solutions=counted(len(vectors), "solution"),
                least=least,
            )
        )


class Purity(Value):
    """How often near neighbours in the full space have the same label."""

    label: str = Field(description="What is compared: context or text.")
    share: float = Field(
        description="Mean over solutions of the share of equal labels among the nearest."
    )
    chance: float = Field(description="The same for labels at random.")
    neighbours: int = Field(description="So many are looked at: no more than a label has others.")
    solutions: int = Field(description="Those whose label somebody else has too.")


def purity(
    distances: Float[np.ndarray, "n n"], label: str, labels: NDArray[Any], neighbours: int = 5
) -> Purity | None:
    """Return nearest-neighbour purity, or None where no label occurs twice.

    Args:
        distances: in the full space.
        label: what the labels are, such as context.
        labels: (n,), of each solution.
        neighbours: of each solution; fewer where its label has fewer others.
    """
    n = len(labels)
    same = labels[:, None] == labels
    others = same.sum(1) - 1
    shares = []
    for i in np.flatnonzero(others > 0):
        order = np.argsort(np.delete(distances[i], i), kind="stable")
        near = np.delete(same[i], i)[order[: min(neighbours, int(others[i]))]]
        shares.append(float(near.mean()))
    if not shares:
        return None
    chance = others[others > 0] / (n - 1)
    return Purity(
        label=label,
        share=float(np.mean(shares)),
        chance=float(chance.mean()),
        neighbours=neighbours,
        solutions=len(shares),
    )
