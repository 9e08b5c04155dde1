"""attnprobe: does a model's attention cause its chain of thought to be right?

In: a model and a task. Out: effects of edits and scores of attention, head by head, with matched controls, nulls and
intervals.

    model = attnprobe.load_model("zoo:elimination-144k")
    task = attnprobe.prontoqa_task(hops=2, distractors="relevant", n=48)
    result = attnprobe.patch_heads(model, task)

Names are loaded when they are first used, so that importing attnprobe costs nothing; `__init__.pyi` tells type checkers
what they are.
"""

from importlib import import_module

_HOMES = {
    "Ablation": "causal.settings",
    "AttnprobeError": "errors",
    "AttributionSettings": "causal.attribution.settings",
    "Backend": "models.model",
    "ControlKind": "causal.controls",
    "Direction": "causal.settings",
    "Distractors": "tasks",
    "EmptyRow": "plan",
    "Estimate": "statistics.estimates",
    "EvalResult": "evaluation.evaluate",
    "EvalSettings": "evaluation.settings",
    "Example": "tasks",
    "Finding": "report.finding",
    "GoldWord": "tasks",
    "GreedyHeads": "causal.set_settings",
    "HeadId": "plan",
    "HeadResult": "causal.rows",
    "HeadSet": "causal.head_sets",
    "InterventionKind": "causal.settings",
    "KeyDefinition": "tasks",
    "Metric": "causal.settings",
    "Model": "models.model",
    "PatchResult": "causal.result",
    "PatchSettings": "causal.settings",
    "Point": "plan",
    "Question": "evaluation.verdict",
    "Rule": "tasks",
    "ScoreResult": "attention.result",
    "ScoreSettings": "attention.settings",
    "SetSettings": "causal.set_settings",
    "Span": "tasks",
    "SteerSettings": "causal.steering_settings",
    "Task": "tasks",
    "TopHeads": "causal.set_settings",
    "VerdictResult": "evaluation.verdict",
    "VerdictSettings": "evaluation.verdict",
    "attribute": "causal.attribution.attribute",
    "csqa_questions": "tasks.csqa",
    "csv_task": "tasks",
    "evaluate": "evaluation.evaluate",
    "find_answer": "report.finding",
    "find_threshold": "evaluation.threshold.find",
    "force_curve": "causal.force_curve",
    "generate_under_plan": "evaluation.under_plan",
    "gsm8k_questions": "tasks.gsm8k",
    "jsonl_questions": "tasks.question_lines",
    "jsonl_task": "tasks",
    "judge": "tasks.prontoqa.judge",
    "load_language_model": "models.language_model",
    "load_model": "models.load",
    "patch_heads": "causal.measure",
    "patch_sets": "causal.patch_sets",
    "prontoqa_questions": "tasks.prontoqa.asked",
    "prontoqa_task": "tasks",
    "save_attribution": "report.attribution_files",
    "save_evaluation": "report.eval_keep",
    "save_result": "report.keep",
    "save_scores": "report.score_keep",
    "save_sets": "report.sets_files",
    "save_steering": "report.steer_files",
    "save_verdict": "report.verdict_files",
    "score_categories": "attention.categories",
    "score_gold_tokens": "attention.measure",
    "score_paper": "attention.paper",
    "score_spans": "attention.spans",
    "upstream_task": "tasks",
    "verdict": "evaluation.verdict",
}

__all__ = [*_HOMES, "__version__"]  # pyright: ignore[reportUnsupportedDunderAll]  # the stub lists them


def __getattr__(name: str) -> object:
    """Load a public name when it is first asked for."""
    if name == "__version__":
        from attnprobe.version import VERSION

        return VERSION
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    # the next time it is there, and this function is not asked
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
