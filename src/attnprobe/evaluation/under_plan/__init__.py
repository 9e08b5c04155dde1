"""Answers that a model writes while its heads are edited, graded beside those it writes plainly.

In: a model, a task, what is edited. Out: `generate_under_plan`, which gives a `SteerResult`.
"""

from attnprobe.evaluation.under_plan.generate import generate_under_plan
from attnprobe.evaluation.under_plan.result import Comparison, Share, SteerResult

__all__ = ["Comparison", "Share", "SteerResult", "generate_under_plan"]
