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
    "HeadId": "plan",
    "HeadResult": "causal.rows",
    "InterventionKind": "causal.settings",
    "KeyDefinition": "tasks",
    "Metric": "causal.settings",
    "Model": "models.model",
    "PatchResult": "causal.result",
    "PatchSettings": "causal.settings",
    "Point": "plan",
    "Rule": "tasks",
    "ScoreResult": "attention.result",
    "ScoreSettings": "attention.settings",
    "Span": "tasks",
    "Task": "tasks",
    "csqa_questions": "tasks.csqa",
    "csv_task": "tasks",
    "evaluate": "evaluation.evaluate",
    "find_answer": "report.finding",
    "find_threshold": "evaluation.threshold.find",
    "gsm8k_questions": "tasks.gsm8k",
    "jsonl_questions": "tasks.question_lines",
    "jsonl_task": "tasks",
    "judge": "tasks.prontoqa.judge",
    "load_language_model": "models.language_model",
    "load_model": "models.load",
    "patch_heads": "causal.measure",
    "prontoqa_questions": "tasks.prontoqa.asked",
    "prontoqa_task": "tasks",
    "save_evaluation": "report.eval_keep",
    "save_result": "report.keep",
    "save_scores": "report.score_keep",
    "score_categories": "attention.categories",
    "score_gold_tokens": "attention.measure",
    "score_paper": "attention.paper",
    "score_spans": "attention.spans",
    "upstream_task": "tasks",
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
