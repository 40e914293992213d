import numpy as np
import pytest

from explorer.training import StepReport


def _report(loss: list[float], accuracy: list[float]) -> StepReport:
    return StepReport(
        steps=np.zeros(len(loss), np.int64),
        loss=np.array(loss, np.float32),
        accuracy=np.array(accuracy, np.float32),
        phase=("search",) * len(loss),
        reason=(None,) * len(loss),
        detailed=False,
        predicted=[],
        p=[],
        rank=[],
    )


@pytest.mark.parametrize(
    ("loss", "accuracy", "best"),
    [
        ([3.0], [0.0], 0),
        ([1.0, 2.0, 3.0], [0.2, 0.9, 0.5], 1),
        ([2.0, 1.0, 3.0], [0.5, 0.5, 0.5], 1),
        ([2.0, 2.0], [0.5, 0.5], 0),
        ([float("nan"), 9.0], [0.5, 0.5], 1),
        ([float("nan"), 9.0], [0.6, 0.5], 0),
        ([float("nan"), float("nan")], [0.0, 0.0], 0),
    ],
)
def test_the_best_row_has_the_highest_accuracy_then_the_lowest_loss(
    loss: list[float], accuracy: list[float], best: int
) -> None:
    assert _report(loss, accuracy).best == best
