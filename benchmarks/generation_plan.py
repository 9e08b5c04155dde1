"""Answers under a plan against plain batches: what an edit at every decoded step costs.

In: zoo models with proofs to write, and the shape of GPT-2 small with random weights; edits of some heads. Out: process
CPU time of `decode_under_plan` and of transformers' `generate` on the same rows, in turns. The edits are so weak that
they change no token: no number unless both write the same tokens in this run, and unless a strong edit of the same
heads is written alike with keys and values kept and by whole passes (how many of its answers differ from the plain ones
stands beside it; that edits change tokens is for the tests).
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from transformers import GenerationConfig, GPT2Config, GPT2LMHeadModel

from attnprobe.evaluation.generation import eos_ids
from attnprobe.models.decoding import (
    Decoding,
    DecodingLimits,
    DecodingMode,
    EdgeEdit,
    EdgeSteering,
    HeadEdit,
    HeadSteering,
    Steered,
    Steering,
    decode_under_plan,
)
from attnprobe.models.language_model import LanguageModel, load_language_model
from attnprobe.models.load import open_model
from attnprobe.models.model import Model
from attnprobe.plan import Force, Mask, Scale
from attnprobe.tasks.prontoqa.asked import prontoqa_questions
from benchmarks.harness import UnequalError, arguments, race
from benchmarks.records import store

WEAK = 1e-9
KEYS = tuple(range(3, 13))
HEADS = ((1, (0,)),)
GPT2 = "GPT-2 small, random weights"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One row of the results: which model writes how many answers under which edit."""

    model: str
    prompts: int
    variants: int
    edit: str
    max_new_tokens: int


SETTINGS = (
    *(
        Setting(model=f"zoo:{name}", prompts=prompts, variants=variants, edit=edit, max_new_tokens=64)
        for name in ("pronto-144k", "pronto-1374k")
        for prompts, variants, edit in (
            (4, 8, "none"),
            (4, 8, "mask"),
            (4, 16, "mask"),
            (4, 16, "scale"),
            (64, 1, "mask"),
        )
    ),
    *(Setting(model=GPT2, prompts=2, variants=4, edit=edit, max_new_tokens=12) for edit in ("none", "mask", "scale")),
)


def main() -> None:
    """Run the benchmark and store its rows."""
    options = arguments("Answers under a plan against plain batched generate.")
    torch.set_num_threads(options.threads)
    rows: list[dict[str, Any]] = []
    for name in dict.fromkeys(setting.model for setting in SETTINGS):
        loaded = _loaded(name)
        model = open_model(loaded)
        rows += [
            measured(loaded, model, setting, repeats=options.repeats) for setting in SETTINGS if setting.model == name
        ]
    store("generation_plan", rows)


def measured(loaded: LanguageModel, model: Model, setting: Setting, *, repeats: int) -> dict[str, Any]:
    """Both ways on the same rows: outputs compared, then timed."""
    rows = [prompt for prompt in _prompts(loaded, setting.prompts) for _ in range(setting.variants)]
    eos = eos_ids(loaded)
    limits = DecodingLimits(max_new_tokens=setting.max_new_tokens, eos=eos, batch_size=len(rows))

    def ours() -> Decoding:
        # a steering remembers nothing, but rows of equal edits share one
        steering = _steering(setting.edit, weak=True)
        return decode_under_plan(model, [Steered(prompt=prompt, steering=steering) for prompt in rows], limits)

    plain = _plain(loaded, rows, setting.max_new_tokens, eos)
    written = [row.ids for row in ours().rows]
    if written != plain():
        raise UnequalError(f"{setting}: the two ways write different tokens: no times.")
    changed = _check_strong_edit(model, rows[:: setting.variants][:2], setting, written[:: setting.variants][:2])
    timings = race({"attnprobe": ours, "generate": plain}, repeats=repeats)
    seconds = {name: asdict(timing) for name, timing in timings.items()}
    return {
        **asdict(setting),
        "rows": len(rows),
        "longest_prompt": max(map(len, rows)),
        "new_tokens": sum(map(len, written)),
        "same_tokens": True,
        "strong_edit_changes": changed,
        "cpu_seconds": seconds,
        "times_generate": round(timings["attnprobe"].median / timings["generate"].median, 3),
    }


def _check_strong_edit(
    model: Model, prompts: Sequence[tuple[int, ...]], setting: Setting, plain: Sequence[tuple[int, ...]]
) -> int:
    """How many answers a strong edit changes, written alike in both ways."""
    if setting.edit == "none":
        return 0
    rows = [Steered(prompt=prompt, steering=_steering(setting.edit, weak=False)) for prompt in prompts]
    n_new = min(setting.max_new_tokens, 12)
    kept, whole = (
        decode_under_plan(model, rows, DecodingLimits(max_new_tokens=n_new, mode=mode)).rows
        for mode in (DecodingMode.CACHED, DecodingMode.UNCACHED)
    )
    if kept != whole:
        raise UnequalError(f"{setting}: kept keys and whole passes write different tokens: no times.")
    return sum(row.ids[: len(ids)] != ids[:n_new] for row, ids in zip(kept, plain, strict=True))


def _steering(edit: str, *, weak: bool) -> Steering | None:
    match edit:
        case "mask":
            what = Mask(strength=WEAK if weak else 1.0)
            return EdgeSteering(edit=EdgeEdit(heads=HEADS, intervention=what), keys=lambda _: KEYS)
        case "force":
            # a force is never weak; where it changes tokens there is no number
            what = Force(mass=0.5)
            return EdgeSteering(edit=EdgeEdit(heads=HEADS, intervention=what), keys=lambda _: KEYS)
        case "scale":
            factor = Scale(factor=1.0 if weak else -4.0)
            return HeadSteering(edit=HeadEdit(heads=HEADS, interventions={1: factor}))
        case _:
            return None


def _plain(
    loaded: LanguageModel, rows: Sequence[tuple[int, ...]], longest: int, eos: frozenset[int]
) -> Callable[[], list[tuple[int, ...]]]:
    """transformers' own batched greedy answers, cut at their ends."""
    hf: Any = loaded.hf_model
    hf.generation_config = GenerationConfig()
    width, filler = max(map(len, rows)), next(iter(sorted(eos)), 0)
    ids = torch.tensor([[filler] * (width - len(row)) + list(row) for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    config = GenerationConfig(
        do_sample=False, max_new_tokens=longest, pad_token_id=filler, eos_token_id=sorted(eos) or None, use_cache=True
    )

    def run() -> list[tuple[int, ...]]:
        with torch.inference_mode():
            found = hf.generate(input_ids=ids, attention_mask=mask, generation_config=config)
        return [_cut(row, eos) for row in found[:, width:].tolist()]

    return run


def _cut(ids: Sequence[int], eos: frozenset[int]) -> tuple[int, ...]:
    end = next((place + 1 for place, token in enumerate(ids) if token in eos), len(ids))
    return tuple(ids[:end])


def _loaded(name: str) -> LanguageModel:
    if name != GPT2:
        return load_language_model(name, device="cpu")
    torch.manual_seed(0)
    return load_language_model(GPT2LMHeadModel(GPT2Config(bos_token_id=None, eos_token_id=None)).eval())


def _prompts(loaded: LanguageModel, n: int) -> list[tuple[int, ...]]:
    if loaded.tokenizer is None:
        generator = torch.Generator().manual_seed(1)
        return [tuple(torch.randint(50_000, (64 - 4 * row,), generator=generator).tolist()) for row in range(n)]
    asked = prontoqa_questions(rules=["implication_elimination"], hops=(2, 3), distractors=["none"], n=max(1, n // 2))
    return [tuple(loaded.tokenizer(question.prompt)["input_ids"]) for question in asked.questions][:n]


if __name__ == "__main__":
    main()
