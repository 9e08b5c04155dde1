"""A tiny model of each family, made-up examples, and their scores, each run once."""

from functools import cache

from attnprobe.attention.measure import score_gold_tokens
from attnprobe.attention.result import ScoreResult
from attnprobe.attention.settings import ScoreSettings
from attnprobe.models.model import Backend
from tests.causal.conftest import ListTask, made_up_task
from tests.models.architectures import Architecture
from tests.models.loaders import Case, open_case

LLAMA = Case(Backend.NATIVE, Architecture.LLAMA.value)
TASK = made_up_task(5)


@cache
def scored(case: Case, settings: ScoreSettings, task: ListTask = TASK) -> ScoreResult:
    return score_gold_tokens(open_case(case)[0], task, settings)
