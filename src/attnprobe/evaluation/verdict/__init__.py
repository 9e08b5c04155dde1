"""Does attention on the gold source keys cause right proofs? Four tests, four verdicts by rules stated beforehand.

In: a model, a task. Out: `VerdictResult`.
As data flows: settings -> halves -> selection (which heads) -> association, necessity, sufficiency, mediation (what
their attention does) -> contrasts -> rules -> result, put together by run.
"""

from attnprobe.evaluation.verdict.result import VerdictResult
from attnprobe.evaluation.verdict.rules import Headline, Question
from attnprobe.evaluation.verdict.run import verdict
from attnprobe.evaluation.verdict.settings import HeadChoice, Minimum, VerdictSettings

__all__ = ["HeadChoice", "Headline", "Minimum", "Question", "VerdictResult", "VerdictSettings", "verdict"]
