"""Answers in batches, token for token what the model would write alone.

In: a model, prompts, decoding. Out: an `Answer` for each prompt, in order. transformers' `generate` runs the model, so
that every decoder-only architecture it knows is served with the cache and positions that belong to it; the choice of
tokens and the ends of answers are ours (`choice`, `ends`), because its own look across rows or at padding.

Rows are sorted by length and padded on the left. Rows that would run out of positions before the longest allowed
answer are batched with rows of their own length alone: a batch goes on until its last row ends, and must not drive a
finished one beyond its model's positions.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList, StoppingCriteriaList

from attnprobe.errors import ModelError
from attnprobe.evaluation.choice import ContextPenalty, Draws
from attnprobe.evaluation.ends import End, RowEnds, cut_at
from attnprobe.evaluation.prompts import Prompt, tokenizer_of
from attnprobe.evaluation.settings import Decoding, EvalSettings
from attnprobe.models.language_model import LanguageModel
from attnprobe.models.memory import is_out_of_memory, release_memory
from attnprobe.models.passes import evaluating
from attnprobe.statistics.seeds import generator

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a model wrote after one prompt.

    Attributes:
        prompt: what it was asked.
        ids: new tokens, an end-of-text token included.
        text: of the new tokens without special ones, cut at the first stop text.
        end: why it ended.
        n_novel: new tokens that the prompt does not hold, end-of-text tokens not counted.
    """

    prompt: Prompt
    ids: tuple[int, ...]
    text: str
    end: End
    n_novel: int

    @property
    def is_finished(self) -> bool:
        """Whether the model ended it, not a limit."""
        return self.end in (End.EOS, End.STOP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """All answers, in the order of the prompts.

    Attributes:
        answers: one for each prompt.
        halvings: how often a batch did not fit in memory and was halved.
        batch_size: the largest that fitted, of those tried.
    """

    answers: tuple[Answer, ...]
    halvings: int
    batch_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Prompts that run together, and how many tokens each may write."""

    rows: tuple[int, ...]
    limit: int


def write_answers(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    settings: EvalSettings,
    *,
    max_new_tokens: int,
    stop: Sequence[str],
    progress: OnProgress | None = None,
) -> Answers:
    """Let a model answer.

    Args:
        model: with a tokenizer; neither is changed.
        prompts: each with room for an answer.
        settings: decoding, samples, seed, batch size.
        max_new_tokens: longest answer, at least 1.
        stop: texts at which answers are cut.
        progress: called with (done, in all) while answers end.

    Raises:
        ModelError: there is no tokenizer, or a single prompt does not fit in memory.
    """
    lengths, batch_size, halvings = [len(prompt.ids) for prompt in prompts], settings.batch_size, 0
    found: dict[int, Answer] = {}
    writer = _Writer(model, settings, tuple(stop))
    with writer.ready():
        while len(found) < len(prompts):
            waiting = [row for row in range(len(prompts)) if row not in found]
            batch = plan_batch(waiting, lengths, batch_size, max_new_tokens, model.context)
            done = len(found)

            def tell(ended: int, done: int = done) -> None:
                if progress is not None:
                    progress(done + ended, len(prompts))

            answers = writer.answers([prompts[row] for row in batch.rows], batch.limit, max_new_tokens, tell)
            if answers is None:
                batch_size, halvings = _halved(batch, lengths), halvings + 1
                continue
            found.update(zip(batch.rows, answers, strict=True))
            tell(len(batch.rows))
    return Answers(answers=tuple(found[row] for row in range(len(prompts))), halvings=halvings, batch_size=batch_size)


def plan_batch(
    waiting: Sequence[int], lengths: Sequence[int], batch_size: int, max_new_tokens: int, context: int | None
) -> Batch:
    """The next rows to run: the longest, as many as fit, all with the same limit.

    Args:
        waiting: rows still to run, at least one.
        lengths: tokens of every row's prompt.
        batch_size: how many at most.
        max_new_tokens: longest answer.
        context: positions of the model; None for no limit.
    """

    def limit(row: int) -> int:
        return max_new_tokens if context is None else min(max_new_tokens, context - lengths[row])

    ordered = sorted(waiting, key=lambda row: (-lengths[row], row))
    shared = limit(ordered[0])
    return Batch(rows=tuple(row for row in ordered[:batch_size] if limit(row) == shared), limit=shared)


def _halved(batch: Batch, lengths: Sequence[int]) -> int:
    if len(batch.rows) == 1:
        raise ModelError(
            f"a single prompt of {lengths[batch.rows[0]]} tokens and its answer do not fit in memory; use a smaller "
            "--dtype, a smaller model, or another --device."
        )
    return len(batch.rows) // 2


class _Writer:
    """Runs batches of one model under one decoding."""

    def __init__(self, model: LanguageModel, settings: EvalSettings, stop: tuple[str, ...]) -> None:
        self._model = model
        self._hf: Any = model.hf_model
        if not self._hf.can_generate() or not hasattr(self._hf, "generate"):
            raise ModelError(
                f"model {model.provenance.name!r} is a {type(self._hf).__name__}, which transformers cannot generate "
                "text with; expected a causal language model that has `generate`."
            )
        self._tokenizer = tokenizer_of(model)
        self._settings = settings
        self._stop = stop
        self._eos = eos_ids(model)

    @contextmanager
    def ready(self) -> Generator[None]:
        """The model without dropout, and without the habits that its checkpoint brings along.

        `generate` fills what it is not told from the model's own generation config, where checkpoints keep penalties,
        temperatures and lengths: greedy would not be greedy.
        """
        habits = self._hf.generation_config
        self._hf.generation_config = GenerationConfig()
        try:
            with evaluating(self._hf), torch.inference_mode():
                yield
        finally:
            self._hf.generation_config = habits

    def answers(
        self, prompts: Sequence[Prompt], limit: int, max_new_tokens: int, tell: Callable[[int], None]
    ) -> list[Answer] | None:
        """One batch, or None where memory ran out."""
        width = max(len(prompt.ids) for prompt in prompts)
        ends = RowEnds(
            self._tokenizer,
            eos=self._eos,
            stop=self._stop,
            prompt_width=width,
            rows=len(prompts),
            on_progress=tell,
        )
        try:
            written = self._run(prompts, width, limit, ends)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            written = None
        if written is None:
            # out here, where the error and what it holds of the batch are gone
            release_memory()
            return None
        last = End.LENGTH if limit == max_new_tokens else End.CONTEXT
        rows = zip(prompts, written, ends.found, strict=True)
        return [self._answer(prompt, new, *(end or (limit, last))) for prompt, new, end in rows]

    def _run(self, prompts: Sequence[Prompt], width: int, limit: int, ends: RowEnds) -> list[list[int]]:
        padding = [width - len(prompt.ids) for prompt in prompts]
        filler = next(iter(sorted(self._eos)), 0)
        ids = [[filler] * pad + list(prompt.ids) for pad, prompt in zip(padding, prompts, strict=True)]
        mask = [[0] * pad + [1] * (width - pad) for pad in padding]
        output = self._hf.generate(
            input_ids=torch.tensor(ids, device=self._model.device),
            attention_mask=torch.tensor(mask, device=self._model.device),
            generation_config=GenerationConfig(
                do_sample=False, num_beams=1, max_new_tokens=limit, pad_token_id=filler, use_cache=True
            ),
            logits_processor=LogitsProcessorList(self._choice(prompts, padding, width, limit)),
            stopping_criteria=StoppingCriteriaList([ends]),
        )
        return output[:, width:].tolist()

    def _choice(
        self, prompts: Sequence[Prompt], padding: Sequence[int], width: int, limit: int
    ) -> Sequence[LogitsProcessor]:
        if self._settings.decoding is Decoding.PAPER:
            return [ContextPenalty(self._settings.penalty, padding)]
        if not self._settings.samples:
            return []
        streams = [generator(self._settings.seed, prompt.id, "", f"answer/{prompt.sample}") for prompt in prompts]
        uniforms = torch.stack([torch.from_numpy(stream.random(limit)) for stream in streams])
        return [Draws(uniforms, temperature=self._settings.temperature, prompt_width=width)]

    def _answer(self, prompt: Prompt, written: Sequence[int], n_new: int, end: End) -> Answer:
        ids = tuple(written[:n_new])
        novel = set(ids) - set(prompt.ids) - self._eos
        return Answer(
            prompt=prompt,
            ids=ids,
            text=cut_at(self._text(prompt.ids, ids), self._stop),
            end=end,
            n_novel=sum(token in novel for token in ids),
        )

    def _text(self, prompt: tuple[int, ...], new: tuple[int, ...]) -> str:
        # some tokenizers drop the space that a first token begins with: what follows a prompt is read behind it
        before, whole = self._decoded(prompt), self._decoded(prompt + new)
        return whole[len(before) :] if whole.startswith(before) else self._decoded(new)

    def _decoded(self, ids: tuple[int, ...]) -> str:
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))


def eos_ids(model: LanguageModel) -> frozenset[int]:
    """The tokens that end a text: those of the model's generation config, or its tokenizer's; none if neither says."""
    config: Any = model.hf_model.generation_config
    told = None if config is None else config.eos_token_id
    if told is None and model.tokenizer is not None:
        told = model.tokenizer.eos_token_id
    if told is None:
        return frozenset()
    return frozenset([int(told)] if isinstance(told, int) else map(int, told))
