"""Answers in batches are the answers of a model that is asked one question at a time."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from transformers import GenerationConfig

from attnprobe.errors import ModelError
from attnprobe.evaluation.ends import End
from attnprobe.evaluation.generation import Answer, Batch, eos_ids, plan_batch, write_answers
from attnprobe.evaluation.prompts import Prompt, encode_prompts
from attnprobe.evaluation.settings import PAPER_PENALTY, Decoding, EvalSettings
from attnprobe.models.language_model import LanguageModel, load_language_model
from attnprobe.models.memory import is_out_of_memory
from attnprobe.tasks.prontoqa.asked import prontoqa_questions
from tests.circuits import WORDS
from tests.evaluation.asked import induction_model, wrapped
from tests.models.architectures import Architecture, build_model, build_tokenizer, draw_sequences

LONGEST = 16


def prompts_of(sequences: Sequence[Sequence[int]], *, sample: int = 0) -> list[Prompt]:
    return [Prompt(id=str(row), sample=sample, ids=tuple(ids)) for row, ids in enumerate(sequences)]


def words(text: str) -> list[int]:
    return [WORDS.index(word) for word in text.split()]


def written(
    model: LanguageModel,
    sequences: Sequence[Sequence[int]],
    *,
    longest: int = LONGEST,
    stop: tuple[str, ...] = (),
    **settings: Any,
) -> tuple[Answer, ...]:
    chosen = EvalSettings(**settings)
    return write_answers(model, prompts_of(sequences), chosen, max_new_tokens=longest, stop=stop).answers


def alone(model: LanguageModel, ids: Sequence[int], decoding: Decoding, *, longest: int = LONGEST) -> tuple[int, ...]:
    """What transformers itself writes after one unpadded prompt, its own penalty and end included."""
    penalty = {"repetition_penalty": PAPER_PENALTY} if decoding is Decoding.PAPER else {}
    found: Any = model.hf_model.generate(  # type: ignore[operator]
        torch.tensor([list(ids)]), do_sample=False, max_new_tokens=longest, **penalty
    )
    return tuple(found[0, len(ids) :].tolist())


def test_the_induction_model_goes_on_with_what_followed_before() -> None:
    """Worked by hand: each word is followed by the one that followed it in the text, round and round."""
    model = induction_model()
    long, short = written(
        model, [words("start ant bee cat dog ant"), words("start elk fox elk")], longest=6, batch_size=2
    )

    assert long.text.split() == ["bee", "cat", "dog", "ant", "bee", "cat"]
    assert short.text.split() == ["fox", "elk"] * 3
    assert (long.end, short.end) == (End.LENGTH, End.LENGTH)
    assert not long.is_finished


def test_an_answer_ends_at_a_stop_text_which_is_cut_off() -> None:
    (answer,) = written(induction_model(), [words("start ant bee cat dog ant")], stop=("cat dog", "ant"))

    assert answer.text.split() == ["bee"]
    # the tokens that wrote the stop text were written all the same
    assert [WORDS[token] for token in answer.ids] == ["bee", "cat", "dog"]
    assert (answer.end, answer.is_finished) == (End.STOP, True)


def test_an_answer_ends_where_the_model_has_no_more_positions() -> None:
    """16 positions: 10 words after 6, 12 after 4; batched together, neither loses one to the other."""
    model = induction_model()
    sequences = [words("start ant bee cat dog ant"), words("start elk fox elk"), words("start hen jay hen")]

    answers = written(model, sequences, longest=64, batch_size=3)

    assert [len(answer.ids) for answer in answers] == [10, 12, 12]
    assert {answer.end for answer in answers} == {End.CONTEXT}
    assert [WORDS[token] for token in answers[1].ids] == ["fox", "elk"] * 6


def test_new_words_are_counted_and_ends_are_not() -> None:
    model = induction_model()
    model.hf_model.generation_config = GenerationConfig(eos_token_id=WORDS.index("dog"))  # type: ignore[assignment]
    (copied,) = written(model, [words("start ant bee cat dog ant")])

    assert (copied.n_novel, copied.end) == (0, End.EOS)
    assert [WORDS[token] for token in copied.ids] == ["bee", "cat", "dog"]
    # plain random weights say what their prompt lacks
    (free,) = written(wrapped(build_model(Architecture.LLAMA), build_tokenizer()), [[1, 2, 3]])
    assert free.n_novel == sum(token not in (1, 2, 3) for token in free.ids) > 0


@pytest.mark.parametrize("decoding", Decoding)
@pytest.mark.parametrize("architecture", Architecture)
def test_a_batch_writes_token_for_token_what_transformers_writes_alone(
    architecture: Architecture, decoding: Decoding
) -> None:
    model = wrapped(build_model(architecture), build_tokenizer())
    sequences = draw_sequences((11, 3, 9, 6, 11))
    # an end that some rows reach and others do not, in both decodings; GPT-2's padding is its end
    reached = alone(model, sequences[1], decoding)[5]
    model.hf_model.generation_config.eos_token_id = reached  # type: ignore[union-attr]
    expected = [alone(model, ids, decoding) for ids in sequences]
    assert len({len(ids) for ids in expected}) > 1
    assert len(set(expected)) > 1

    for batch_size in (5, 2):
        answers = written(model, sequences, decoding=decoding, batch_size=batch_size)
        assert [answer.ids for answer in answers] == expected
    assert {answer.end for answer in answers} >= {End.EOS}


@pytest.mark.parametrize("decoding", Decoding)
def test_a_trained_model_writes_its_proofs_alike_in_a_batch_and_alone(decoding: Decoding) -> None:
    model = load_language_model("zoo:pronto-35k", device="cpu")
    asked = prontoqa_questions(rules=["implication_elimination"], hops=(1, 3), n=4)
    prompts = encode_prompts(
        model, [(each.id, each.prompt) for each in asked.questions], samples=0, uses_chat_template=False
    )
    assert len({len(prompt.ids) for prompt in prompts}) > 1

    settings = EvalSettings(decoding=decoding)
    answers = write_answers(model, prompts, settings, max_new_tokens=60, stop=asked.stop).answers

    assert [answer.ids for answer in answers] == [alone(model, each.ids, decoding, longest=60) for each in prompts]
    assert all(answer.text.startswith(" ") for answer in answers)


def test_habits_of_a_checkpoint_do_not_reach_greedy_answers_and_stay_with_the_model() -> None:
    model = wrapped(build_model(Architecture.LLAMA), build_tokenizer())
    sequences = draw_sequences((7, 9))
    before = [answer.ids for answer in written(model, sequences)]
    habits = GenerationConfig(repetition_penalty=9.0, do_sample=True, temperature=5.0, no_repeat_ngram_size=1)
    model.hf_model.generation_config = habits  # type: ignore[assignment]
    model.hf_model.train()

    assert [answer.ids for answer in written(model, sequences)] == before
    assert model.hf_model.generation_config is habits
    assert model.hf_model.training


def test_a_sample_depends_on_seed_question_and_number_alone() -> None:
    model = wrapped(build_model(Architecture.LLAMA), build_tokenizer())
    prompts = [
        Prompt(id=name, sample=sample, ids=tuple(ids))
        for name, ids in zip("abc", draw_sequences((9, 5, 7)), strict=True)
        for sample in (1, 2)
    ]

    def drawn(chosen: Sequence[Prompt], batch_size: int, seed: int = 0) -> dict[tuple[str, int], tuple[int, ...]]:
        settings = EvalSettings(samples=2, seed=seed, batch_size=batch_size)
        answers = write_answers(model, chosen, settings, max_new_tokens=LONGEST, stop=()).answers
        return {(answer.prompt.id, answer.prompt.sample): answer.ids for answer in answers}

    together = drawn(prompts, 6)
    assert len(set(together.values())) == 6
    assert drawn(prompts[::-1], 4) == together
    assert drawn(prompts[2:3], 1) == {("b", 1): together["b", 1]}
    assert drawn(prompts, 6, seed=1) != together


def test_samples_follow_the_models_probabilities() -> None:
    """400 first tokens of one question; each token's count within 4.5 standard deviations of what is expected."""
    model = wrapped(build_model(Architecture.LLAMA), build_tokenizer())
    (ids,) = draw_sequences((6,))
    with torch.no_grad():
        expected = model.hf_model(torch.tensor([ids])).logits[0, -1].softmax(-1)
    prompts = [Prompt(id="a", sample=sample, ids=tuple(ids)) for sample in range(400)]
    answers = write_answers(model, prompts, EvalSettings(samples=400), max_new_tokens=1, stop=()).answers
    counts = torch.bincount(torch.tensor([answer.ids[0] for answer in answers]), minlength=len(expected))

    deviations = (counts - 400 * expected) / (400 * expected * (1 - expected)).sqrt()
    assert deviations.abs().max() < 4.5
    assert (counts > 0).sum() > 20


def limited_memory(model: LanguageModel, rows: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let batches of more than so many rows run out of memory; returns the sizes that were tried."""
    tried: list[int] = []
    real = model.hf_model.generate  # type: ignore[operator]

    def generate(*, input_ids: torch.Tensor, **options: Any) -> object:
        tried.append(len(input_ids))
        if len(input_ids) > rows:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(input_ids=input_ids, **options)

    monkeypatch.setattr(model.hf_model, "generate", generate)
    return tried


def test_a_batch_that_does_not_fit_is_halved_and_nothing_else_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    model = wrapped(build_model(Architecture.LLAMA), build_tokenizer())
    prompts = prompts_of(draw_sequences((9, 5, 7, 4, 8, 6, 3)))
    expected = write_answers(model, prompts, EvalSettings(), max_new_tokens=4, stop=())
    assert (expected.halvings, expected.batch_size) == (0, 64)
    tried = limited_memory(model, 2, monkeypatch)

    found = write_answers(model, prompts, EvalSettings(), max_new_tokens=4, stop=())

    # 7 do not fit, 3 do not fit, 1 at a time does
    assert tried == [7, 3, 1, 1, 1, 1, 1, 1, 1]
    assert found.answers == expected.answers
    assert (found.halvings, found.batch_size) == (2, 1)


def test_a_single_prompt_that_does_not_fit_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    model = wrapped(build_model(Architecture.LLAMA), build_tokenizer())
    limited_memory(model, 0, monkeypatch)
    with pytest.raises(ModelError, match="a single prompt of 5 tokens and its answer do not fit in memory"):
        written(model, draw_sequences((5,)))


def test_other_errors_are_not_taken_for_a_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."))
    model = wrapped(build_model(Architecture.LLAMA), build_tokenizer())

    def fails(**_: object) -> None:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(model.hf_model, "generate", fails)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        written(model, draw_sequences((5,)))


def test_the_longest_run_first_and_rows_of_different_room_not_together() -> None:
    lengths = [4, 9, 6, 9]
    assert plan_batch([0, 1, 2, 3], lengths, 3, 5, None) == Batch(rows=(1, 3, 2), limit=5)
    # 12 positions leave 3 to the long ones, and the whole 5 to the others
    assert plan_batch([0, 1, 2, 3], lengths, 3, 5, 12) == Batch(rows=(1, 3), limit=3)
    assert plan_batch([0, 2], lengths, 3, 5, 12) == Batch(rows=(2, 0), limit=5)


def test_progress_counts_answers_to_the_end() -> None:
    told: list[tuple[int, int]] = []
    prompts = prompts_of(draw_sequences((9, 5, 7)))
    model = wrapped(build_model(Architecture.LLAMA), build_tokenizer())
    settings = EvalSettings(batch_size=2)
    write_answers(
        model, prompts, settings, max_new_tokens=2, stop=(), progress=lambda done, total: told.append((done, total))
    )
    assert told[-1] == (3, 3)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_ends_are_the_generation_configs_else_the_tokenizers_else_none() -> None:
    model = wrapped(build_model(Architecture.LLAMA), build_tokenizer())
    assert eos_ids(model) == {60}
    model.hf_model.generation_config = GenerationConfig(eos_token_id=[3, 4])  # type: ignore[assignment]
    assert eos_ids(model) == {3, 4}
    model.hf_model.generation_config = GenerationConfig()  # type: ignore[assignment]
    assert eos_ids(model) == {60}
    assert eos_ids(induction_model()) == frozenset()


def test_a_model_that_cannot_generate_is_refused() -> None:
    body: Any = build_model(Architecture.LLAMA)
    model = LanguageModel(
        hf_model=body.model, tokenizer=build_tokenizer(), provenance=induction_model().provenance, is_ours=True
    )
    with pytest.raises(ModelError, match="is a LlamaModel, which transformers cannot generate text with"):
        written(model, [[1, 2]])
