"""One example under one head, kept so that it can be looked at.

In: a model, a task, a `ScoreResult`. Out: `Showcase`: tokens as text, the last rows of the pattern, each token's score.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from attnprobe.attention.normalise import key_values
from attnprobe.attention.result import ScoreResult
from attnprobe.attention.settings import FirstKey, Normalisation, ScoreSettings
from attnprobe.attention.strongest import by_margin
from attnprobe.kernels import Attention, StoredPattern, key_scores
from attnprobe.kernels.reference import pattern_of
from attnprobe.models.model import Model
from attnprobe.plan import HeadId, Plan, Tokens
from attnprobe.plan.streams import LayerAttention, Stream
from attnprobe.tasks import Example, Task, TextTokenizer
from attnprobe.tasks.tokens import TokenizedText, tokenize

MOST_ROWS = 60
"""How many queries are kept: as many as a page's width can label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldLink:
    """A scored gold token and where its keys are.

    Attributes:
        position: of the token; the position before it predicts it.
        keys: positions, all before it.
    """

    position: int
    keys: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Showcase:
    """One example under one head.

    Attributes:
        example: its id.
        head: which.
        tokens: the text of each token of prompt and gold; special tokens by their name.
        links: every scored gold token up to the focus.
        focus: the gold token whose keys are scored in `scores`.
        pattern: attention of the last queries before the focus to every token before it.
        first_query: the position of the first of these queries.
        scores: of each token before the focus as its key.
        quantity: what these scores are: a normalisation that gives a value to each key, else `direct`.
    """

    example: str
    head: HeadId
    tokens: tuple[str, ...]
    links: tuple[GoldLink, ...]
    focus: GoldLink
    pattern: Float[np.ndarray, "q_pos k_pos"]
    first_query: int
    scores: Float[np.ndarray, " k_pos"]
    quantity: Normalisation

    @property
    def window(self) -> range:
        """The positions of the queries."""
        return range(self.first_query, self.focus.position)


def showcase(model: Model, task: Task, result: ScoreResult, *, rows: int = MOST_ROWS) -> Showcase | None:
    """Look once more at the first example that was scored, under the head that exceeds its closest null by most.

    Args:
        model: that was scored.
        task: on which.
        result: what was found.
        rows: how many queries to keep.

    Returns:
        The pattern before a late gold token whose keys are within these rows, if there is one; nothing of size
        T x T is made for longer texts. None where layers were scored, not heads.
    """
    best = by_margin(result)[0]
    if best.layer is None or best.index is None:
        return None
    first = str(result.keys["example"].iloc[0])
    example = next(one for one in task.examples if one.id == first)
    cut = tokenize(cast(TextTokenizer, model.tokenizer), example.text)
    first_gold = cut.first_from(len(example.prompt))
    links = _links(result.keys, first, first_gold)
    focus = _focus(links, first_gold, rows)
    looked = _Look(head=best.index, settings=result.settings, n_special=cut.n_special, rows=rows)
    tokens = Tokens.of([cut.ids[: focus.position]])
    run = model.forward(tokens, Plan(streams=(Stream(layer=best.layer, statistic=looked),), last_logits=0))
    pattern, scores = run.streamed[0]
    return Showcase(
        example=first,
        head=HeadId(layer=best.layer, head=best.index),
        tokens=_texts(example, cut, model),
        links=tuple(link for link in links if link.position <= focus.position),
        focus=focus,
        pattern=pattern,
        first_query=focus.position - len(pattern),
        scores=scores,
        quantity=Normalisation.DIRECT if result.settings.normalise.is_mass else result.settings.normalise,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """The statistic of a stream over one sequence: a head's last rows, and each key's score."""

    head: int
    settings: ScoreSettings
    n_special: int
    rows: int

    def __call__(self, seen: LayerAttention) -> tuple[Float[np.ndarray, "q_pos k_pos"], Float[np.ndarray, " k_pos"]]:
        source = _one_head(seen.source, self.head)
        pattern = pattern_of(_last_rows(source, self.rows))[0, 0].double().cpu().numpy()
        if self.settings.normalise.is_mass:
            return pattern, pattern[-1].copy()
        return pattern, self._values(source).double().cpu().numpy()

    def _values(self, source: Attention | StoredPattern) -> Float[Tensor, " k_pos"]:
        device = source.pattern.device if isinstance(source, StoredPattern) else source.key.device
        width = source.pattern.shape[3] if isinstance(source, StoredPattern) else source.key.shape[2]
        excluded = torch.zeros(1, 1, width, dtype=torch.bool, device=device)
        excluded[..., : {FirstKey.FIRST_TOKEN: 1, FirstKey.BOS: self.n_special}.get(self.settings.first_key, 0)] = True
        is_sinkless = self.settings.normalise is Normalisation.SINK_REMOVED
        found = key_scores(
            source,
            torch.tensor([[width]], device=device),
            excluded=excluded,
            sink_share=self.settings.sink_share if is_sinkless else None,
            impl=self.settings.impl,
        )
        inside = torch.ones(1, width, 1, dtype=torch.bool, device=device)
        return key_values(found, inside, self.settings.normalise)[0, 0, :, 0]


def _one_head(source: Attention | StoredPattern, head: int) -> Attention | StoredPattern:
    if isinstance(source, StoredPattern):
        return replace(source, pattern=source.pattern[:, head : head + 1])
    shared = head // (source.query.shape[1] // source.key.shape[1])
    return replace(
        source,
        query=source.query[:, head : head + 1],
        key=source.key[:, shared : shared + 1],
        sinks=None if source.sinks is None else source.sinks[head : head + 1],
        removed=_of_head(source, head),
    )


def _of_head(source: Attention, head: int) -> Tensor | None:
    if source.removed is None or source.removed.shape[1] == 1:
        return source.removed
    return source.removed[:, head : head + 1]


def _last_rows(source: Attention | StoredPattern, rows: int) -> Attention | StoredPattern:
    if isinstance(source, StoredPattern):
        return replace(source, pattern=source.pattern[:, :, -rows:])
    return replace(source, query=source.query[:, :, -rows:])


def _links(keys: pd.DataFrame, example: str, first_gold: int) -> tuple[GoldLink, ...]:
    rows = zip(*(keys[name].tolist() for name in ("example", "token", "keys")), strict=True)
    return tuple(
        GoldLink(position=first_gold + int(token), keys=tuple(json.loads(str(text))))
        for name, token, text in rows
        if name == example
    )


def _focus(links: Sequence[GoldLink], first_gold: int, rows: int) -> GoldLink:
    """The last gold word that has a key in the prompt and all of its keys within the rows, at its first piece.

    Where there is none, the last scored token of all.
    """
    near = [
        link
        for before, link in zip((None, *links), links, strict=False)
        if not (before and before.keys == link.keys and before.position == link.position - 1)
        and any(key < first_gold for key in link.keys)
        and min(link.keys) >= link.position - rows
    ]
    return (near or list(links))[-1]


def _texts(example: Example, cut: TokenizedText, model: Model) -> tuple[str, ...]:
    """The text of each token with what before it is in none; of several tokens for one character the first has it."""
    assert model.tokenizer is not None
    names = model.tokenizer.convert_ids_to_tokens(list(cut.ids[: cut.n_special]))
    texts, done = [str(name) for name in names], 0
    for _, end in cut.ranges[cut.n_special :]:
        texts.append(example.text[done:end])
        done = max(done, end)
    return tuple(texts)
