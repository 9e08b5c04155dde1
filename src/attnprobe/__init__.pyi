"""What attnprobe offers, for type checkers; at run time `__init__.py` loads each name when it is first used."""

from attnprobe.attention.categories import score_categories as score_categories
from attnprobe.attention.measure import score_gold_tokens as score_gold_tokens
from attnprobe.attention.paper import score_paper as score_paper
from attnprobe.attention.result import ScoreResult as ScoreResult
from attnprobe.attention.settings import ScoreSettings as ScoreSettings
from attnprobe.attention.spans import score_spans as score_spans
from attnprobe.causal.attribution.attribute import attribute as attribute
from attnprobe.causal.attribution.settings import AttributionSettings as AttributionSettings
from attnprobe.causal.controls import ControlKind as ControlKind
from attnprobe.causal.force_curve import force_curve as force_curve
from attnprobe.causal.head_sets import HeadSet as HeadSet
from attnprobe.causal.measure import patch_heads as patch_heads
from attnprobe.causal.patch_sets import patch_sets as patch_sets
from attnprobe.causal.result import PatchResult as PatchResult
from attnprobe.causal.rows import HeadResult as HeadResult
from attnprobe.causal.set_settings import GreedyHeads as GreedyHeads
from attnprobe.causal.set_settings import SetSettings as SetSettings
from attnprobe.causal.set_settings import TopHeads as TopHeads
from attnprobe.causal.settings import Ablation as Ablation
from attnprobe.causal.settings import Direction as Direction
from attnprobe.causal.settings import InterventionKind as InterventionKind
from attnprobe.causal.settings import Metric as Metric
from attnprobe.causal.settings import PatchSettings as PatchSettings
from attnprobe.causal.steering_settings import SteerSettings as SteerSettings
from attnprobe.errors import AttnprobeError as AttnprobeError
from attnprobe.evaluation.evaluate import EvalResult as EvalResult
from attnprobe.evaluation.evaluate import evaluate as evaluate
from attnprobe.evaluation.settings import EvalSettings as EvalSettings
from attnprobe.evaluation.threshold.find import find_threshold as find_threshold
from attnprobe.evaluation.under_plan import generate_under_plan as generate_under_plan
from attnprobe.evaluation.verdict import Question as Question
from attnprobe.evaluation.verdict import VerdictResult as VerdictResult
from attnprobe.evaluation.verdict import VerdictSettings as VerdictSettings
from attnprobe.evaluation.verdict import verdict as verdict
from attnprobe.models.language_model import load_language_model as load_language_model
from attnprobe.models.load import load_model as load_model
from attnprobe.models.model import Backend as Backend
from attnprobe.models.model import Model as Model
from attnprobe.plan import EmptyRow as EmptyRow
from attnprobe.plan import HeadId as HeadId
from attnprobe.plan import Point as Point
from attnprobe.report.attribution_files import save_attribution as save_attribution
from attnprobe.report.eval_keep import save_evaluation as save_evaluation
from attnprobe.report.finding import Finding as Finding
from attnprobe.report.finding import find_answer as find_answer
from attnprobe.report.keep import save_result as save_result
from attnprobe.report.score_keep import save_scores as save_scores
from attnprobe.report.sets_files import save_sets as save_sets
from attnprobe.report.steer_files import save_steering as save_steering
from attnprobe.report.verdict_files import save_verdict as save_verdict
from attnprobe.statistics.estimates import Estimate as Estimate
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
from attnprobe.tasks.csqa import csqa_questions as csqa_questions
from attnprobe.tasks.gsm8k import gsm8k_questions as gsm8k_questions
from attnprobe.tasks.prontoqa.asked import prontoqa_questions as prontoqa_questions
from attnprobe.tasks.prontoqa.judge import judge as judge
from attnprobe.tasks.question_lines import jsonl_questions as jsonl_questions

__version__: str

__all__ = [
    "Ablation",
    "AttnprobeError",
    "AttributionSettings",
    "Backend",
    "ControlKind",
    "Direction",
    "Distractors",
    "EmptyRow",
    "Estimate",
    "EvalResult",
    "EvalSettings",
    "Example",
    "Finding",
    "GoldWord",
    "GreedyHeads",
    "HeadId",
    "HeadResult",
    "HeadSet",
    "InterventionKind",
    "KeyDefinition",
    "Metric",
    "Model",
    "PatchResult",
    "PatchSettings",
    "Point",
    "Question",
    "Rule",
    "ScoreResult",
    "ScoreSettings",
    "SetSettings",
    "Span",
    "SteerSettings",
    "Task",
    "TopHeads",
    "VerdictResult",
    "VerdictSettings",
    "__version__",
    "attribute",
    "csqa_questions",
    "csv_task",
    "evaluate",
    "find_answer",
    "find_threshold",
    "force_curve",
    "generate_under_plan",
    "gsm8k_questions",
    "jsonl_questions",
    "jsonl_task",
    "judge",
    "load_language_model",
    "load_model",
    "patch_heads",
    "patch_sets",
    "prontoqa_questions",
    "prontoqa_task",
    "save_attribution",
    "save_evaluation",
    "save_result",
    "save_scores",
    "save_sets",
    "save_steering",
    "save_verdict",
    "score_categories",
    "score_gold_tokens",
    "score_paper",
    "score_spans",
    "upstream_task",
    "verdict",
]
