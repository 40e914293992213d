"""The batched optimisation: many rows (texts x restarts), one frozen model."""

from explorer.training.rows import Outcome, Row, StepReport
from explorer.training.trainer import Trainer

__all__ = ["Outcome", "Row", "StepReport", "Trainer"]
