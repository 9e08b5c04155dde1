"""The content of a verdict's `summary.json`, and its settings as the manifest stores them.

In: a `VerdictResult`, settings. Out: plain records, null wherever a number does not apply.
"""

from collections.abc import Mapping

from attnprobe.evaluation.verdict.contrasts import Contrast
from attnprobe.evaluation.verdict.result import VerdictResult
from attnprobe.evaluation.verdict.settings import VerdictSettings
from attnprobe.report.association_part import association_record
from attnprobe.report.summary import estimate_record
from attnprobe.report.verdict_words import QUESTION, headline, sentence
from attnprobe.runs import JsonValue

FORMAT = 1


def verdict_settings_record(settings: VerdictSettings) -> Mapping[str, JsonValue]:
    """Every setting, defaults filled in."""
    minimum = settings.minimum
    return {
        "heads": settings.choice.value if settings.heads is None else [str(head) for head in settings.heads],
        "keys": settings.keys,
        "margin": settings.margin,
        "doses": list(settings.doses),
        "dose": settings.dose,
        "answers": settings.answers,
        "measure": settings.measure.value,
        "max_new_tokens": settings.max_new_tokens,
        "minimum_nats": minimum.nats,
        "minimum_accuracy": minimum.accuracy,
        "minimum_auroc": minimum.auroc,
        "minimum_recovery": minimum.recovery,
        "empty_row": settings.empty_row.value,
        "placebo": settings.placebo,
        "seed": settings.seed,
        "sweep": settings.sweep.value,
        "batch_size": settings.batch_size,
    }


def verdict_summary(result: VerdictResult, *, model: str, task: str) -> Mapping[str, JsonValue]:
    """Put a result into the words of `summary.json`."""
    heads = result.heads
    return {
        "format": FORMAT,
        "command": "verdict",
        "model": model,
        "task": task,
        "question": QUESTION,
        "headline": result.headline.value,
        "answer": headline(result),
        "tests": {
            test.question.value: {
                "verdict": test.verdict.value,
                "answer": sentence(test),
                "contrasts": [_contrast(contrast) for contrast in test.contrasts],
                "untested": list(test.untested),
            }
            for test in result.tests
        },
        "heads": {
            "choice": heads.choice.value,
            "chosen": [str(head) for head in heads.chosen],
            "strongest": [str(head) for head in heads.strongest],
            "none_aligned": heads.none_aligned,
            "n_selecting": heads.n_selecting,
            "selecting": [
                {
                    "head": str(row.head),
                    "margin": estimate_record(row.margin),
                    "q": row.q,
                    "effect": estimate_record(row.effect),
                    "is_aligned": row.is_aligned,
                }
                for row in heads.rows
            ],
        },
        "halves": {"selecting": list(result.halves.selecting), "testing": list(result.halves.testing)},
        "association": None if result.association is None else association_record(result.association),
        "counts": dict(result.counts),
        "settings": verdict_settings_record(result.settings),
    }


def _contrast(contrast: Contrast) -> Mapping[str, JsonValue]:
    asked = contrast.asked
    return {
        "name": asked.name,
        "decides": asked.decides,
        "edit": asked.edit,
        "control": asked.control,
        "unit": asked.unit,
        "minimum": asked.minimum,
        "direction": asked.direction,
        "effect": estimate_record(contrast.effect),
        "control_effect": contrast.control,
        "difference": estimate_record(contrast.difference),
        "p": contrast.p,
        "verdict": contrast.verdict.value,
        "n_unmatched": contrast.n_unmatched,
        "reason": contrast.reason,
    }
