"""The batched optimisation: many rows (texts x restarts), one frozen model.

In: starts, targets, a recipe and a frozen model. Out: the best e and m of every row, step reports,
checkpoints. Must not know: jobs, stores, pages.
"""

from explorer.training.rows import Outcome, Row, StepReport
from explorer.training.trainer import Trainer

__all__ = ["Outcome", "Row", "StepReport", "Trainer"]
