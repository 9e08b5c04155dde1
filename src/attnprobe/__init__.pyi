"""What attnprobe offers, for type checkers; at run time `__init__.py` loads each name when it is first used."""

from attnprobe.causal.controls import ControlKind as ControlKind
from attnprobe.causal.measure import patch_heads as patch_heads
from attnprobe.causal.result import PatchResult as PatchResult
from attnprobe.causal.rows import HeadResult as HeadResult
from attnprobe.causal.settings import Ablation as Ablation
from attnprobe.causal.settings import Direction as Direction
from attnprobe.causal.settings import InterventionKind as InterventionKind
from attnprobe.causal.settings import Metric as Metric
from attnprobe.causal.settings import PatchSettings as PatchSettings
from attnprobe.causal.statistics import Estimate as Estimate
from attnprobe.errors import AttnprobeError as AttnprobeError
from attnprobe.models.load import load_model as load_model
from attnprobe.models.model import Backend as Backend
from attnprobe.models.model import Model as Model
from attnprobe.plan import EmptyRow as EmptyRow
from attnprobe.plan import HeadId as HeadId
from attnprobe.plan import Point as Point
from attnprobe.report.finding import Finding as Finding
from attnprobe.report.finding import find_answer as find_answer
from attnprobe.report.keep import save_result as save_result
from attnprobe.tasks import Distractors as Distractors
from attnprobe.tasks import Example as Example
from attnprobe.tasks import GoldWord as GoldWord
from attnprobe.tasks import KeyDefinition as KeyDefinition
from attnprobe.tasks import Rule as Rule
from attnprobe.tasks import Span as Span
from attnprobe.tasks import Task as Task
from attnprobe.tasks import csv_task as csv_task
from attnprobe.tasks import jsonl_task as jsonl_task
from attnprobe.tasks import prontoqa_task as prontoqa_task
from attnprobe.tasks import upstream_task as upstream_task

__version__: str

__all__ = [
    "Ablation",
    "AttnprobeError",
    "Backend",
    "ControlKind",
    "Direction",
    "Distractors",
    "EmptyRow",
    "Estimate",
    "Example",
    "Finding",
    "GoldWord",
    "HeadId",
    "HeadResult",
    "InterventionKind",
    "KeyDefinition",
    "Metric",
    "Model",
    "PatchResult",
    "PatchSettings",
    "Point",
    "Rule",
    "Span",
    "Task",
    "__version__",
    "csv_task",
    "find_answer",
    "jsonl_task",
    "load_model",
    "patch_heads",
    "prontoqa_task",
    "save_result",
    "upstream_task",
]
