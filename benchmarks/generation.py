"""Answers to many questions: `attnprobe eval`'s generation against a loop of single-example `generate` calls.

In: a zoo model and proofs to write, under both decodings. Out: process CPU time of ours (batches of 64) and of the
loop, in turns. No number unless both write the same tokens, in this run.
"""

from dataclasses import asdict
from typing import Any

import torch

from attnprobe.evaluation.generation import Answers, write_answers
from attnprobe.evaluation.prompts import Prompt, encode_prompts
from attnprobe.evaluation.settings import Decoding, EvalSettings
from attnprobe.models.language_model import LanguageModel, load_language_model
from attnprobe.tasks.prontoqa.asked import prontoqa_questions
from benchmarks.harness import arguments, race
from benchmarks.records import store

MODEL = "zoo:pronto-144k"
# questions of each kind, and the longest answer: under paper decoding every answer is as long as allowed
SIZES = {Decoding.PLAIN: (16, 256), Decoding.PAPER: (8, 64)}


def main() -> None:
    """Run the benchmark and store its rows."""
    options = arguments("Batched answers against one example at a time.")
    torch.set_num_threads(options.threads)
    model = load_language_model(MODEL, device="cpu")
    store("generation", [measured(model, decoding, repeats=options.repeats) for decoding in Decoding])


def measured(model: LanguageModel, decoding: Decoding, *, repeats: int) -> dict[str, Any]:
    """Both ways on the same prompts: outputs compared, then timed."""
    n, longest = SIZES[decoding]
    asked = prontoqa_questions(rules=["implication_elimination"], hops=(1, 2, 3), distractors=["none"], n=n)
    texts = [(question.id, question.prompt) for question in asked.questions]
    prompts = encode_prompts(model, texts, samples=0, uses_chat_template=False)
    settings = EvalSettings(decoding=decoding)

    def ours() -> Answers:
        # without stop texts, as `generate` alone knows none
        return write_answers(model, prompts, settings, max_new_tokens=longest, stop=())

    def loop() -> list[tuple[int, ...]]:
        return [alone(model, prompt, settings, longest) for prompt in prompts]

    written = [answer.ids for answer in ours().answers]
    if written != loop():
        raise SystemExit("the two ways write different tokens: no times.")
    timings = race({"attnprobe": ours, "single-example generate": loop}, repeats=repeats)
    batched, single = (timing.median for timing in timings.values())
    return {
        "model": MODEL,
        "decoding": decoding.value,
        "questions": len(prompts),
        "new_tokens": sum(map(len, written)),
        "batch_size": settings.batch_size,
        "same_tokens": True,
        "cpu_seconds": {name: asdict(timing) for name, timing in timings.items()},
        "answers_a_cpu_second": round(len(prompts) / batched, 1),
        "speedup": round(single / batched, 2),
    }


def alone(model: LanguageModel, prompt: Prompt, settings: EvalSettings, longest: int) -> tuple[int, ...]:
    """What transformers writes after one unpadded prompt."""
    hf: Any = model.hf_model
    found = hf.generate(
        torch.tensor([prompt.ids]),
        do_sample=False,
        max_new_tokens=longest,
        repetition_penalty=settings.penalty,
    )
    return tuple(found[0, len(prompt.ids) :].tolist())


if __name__ == "__main__":
    main()
