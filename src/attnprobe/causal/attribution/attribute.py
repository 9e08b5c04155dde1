"""The one composition: a model, a task and settings in, an `AttributionResult` out.

In: a `Model`, a `Task`, `AttributionSettings`. Out: `AttributionResult`. What is scored, confirmed and averaged stands
in one module a target.
"""

from collections.abc import Callable
from itertools import count

from attnprobe.causal.attribution.edge_target import attribute_edges
from attnprobe.causal.attribution.examples import Prepared
from attnprobe.causal.attribution.head_target import attribute_heads
from attnprobe.causal.attribution.path_target import attribute_paths
from attnprobe.causal.attribution.paths import paths_of
from attnprobe.causal.attribution.result import AttributionResult
from attnprobe.causal.attribution.settings import AttributionSettings, Target
from attnprobe.causal.units import units_of
from attnprobe.models.model import Model
from attnprobe.tasks import Task

Progress = Callable[[int, int], None]
_TARGETS = {Target.HEADS: attribute_heads, Target.EDGES: attribute_edges, Target.PATHS: attribute_paths}


def attribute(
    model: Model, task: Task, settings: AttributionSettings | None = None, *, progress: Progress | None = None
) -> AttributionResult:
    """Score heads or attention edges by their first order and confirm some exactly, or patch paths between heads.

    Args:
        model: native or nnsight for scores; any backend for paths.
        task: any; its examples are the unit of every interval.
        settings: what to score; by default heads, for masking the gold source words.
        progress: called with (halves of examples done, halves in all): scores are one half, exact effects the other.

    Returns:
        Scores beside exact effects, and how far they agree; or effects of paths.

    Raises:
        SpecError: a head or span does not exist, or an example is longer than the model's context.
        TaskError: the task does not know the keys asked for, or no example can be measured.
        PlanError: the backend gives no gradients, or an edit cannot be honoured or does not fire.

    Source: DESIGN.md section 5.4; docs/decisions/0020-attribution-and-paths.md.
    """
    settings = settings or AttributionSettings()
    # heads that do not exist are told before anything runs
    if settings.target is Target.PATHS:
        paths_of(settings, model.dims)
    else:
        units_of(settings.patch, model.dims)
    prepared = Prepared.of(model, task, settings)
    is_scored_only = settings.target is Target.HEADS and not settings.resolved_confirm
    total, done = len(prepared.subjects) * (1 if is_scored_only else 2), count(1)

    def step() -> None:
        if progress is not None:
            progress(next(done), total)

    return _TARGETS[settings.target](prepared, step)
