"""The scores of arXiv 2502.15120, to the digit, from one forward pass where its authors take one for each gold token.

In: a model with a tokenizer, a task, settings. Out: `PaperResult`.

Attention is causal, so that the pattern of a prefix is the corner of the pattern of anything that begins with it: one
pass over the longest of a chain of prefixes serves the whole chain. Quirks are kept: a first token that is zeroed
whatever it is, matches by equality over exemplars and answer so far, the best match, 0 without one, the last layer
alone, means over heads, then tokens, then rows. There is no null, and correct and wrong proofs are not told apart:
`protocol="aligned"` and `evaluation.association` are for that.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from attnprobe.attention.prefixes import Chain, chains_of, gold_prefixes
from attnprobe.attention.result import PaperResult
from attnprobe.attention.settings import Protocol, ScoreSettings
from attnprobe.errors import ModelError, SpecError
from attnprobe.kernels import Attention, Impl, StoredPattern, key_scores, resolve
from attnprobe.models.model import Model
from attnprobe.plan import Plan, Tokens
from attnprobe.plan.streams import LayerAttention, Stream
from attnprobe.tasks.example import Example, Task

OnProgress = Callable[[int, int], None]

ROWS_IN_A_GROUP = 100
"""The authors' file holds one rule after the other, a hundred rows each, and so do their means."""

STORED = "stored"
"""What `impl` says where the library computed whole patterns, and no kernel ran."""

_CSV = "csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class _TokenScore:
    """Of one gold token: the mean over heads, matches in front of it, heads whose map holds no difference."""

    piece: str
    score: float
    n_matches: int
    n_degenerate: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scored:
    """An example, its gold tokens in order, and how many passes and further chains it took."""

    tokens: tuple[_TokenScore, ...]
    n_passes: int
    n_apart: int
    impl: str

    @property
    def score(self) -> float:
        return float(np.mean([token.score for token in self.tokens]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _ChainScores:
    score: Float[Tensor, "head prefix"]
    is_flat: Bool[Tensor, "head prefix"]
    impl: str


def score_paper(
    model: Model, task: Task, settings: ScoreSettings, *, progress: OnProgress | None = None
) -> PaperResult:
    """Score a task's gold tokens as arXiv 2502.15120 does.

    Args:
        model: with its tokenizer; its dtype is the precision, as it is theirs.
        task: `Example.prompt` is their `input`, `Example.gold` their `label`, the space before it included.
        settings: of `protocol="paper"`; of the rest only `impl` plays a part.
        progress: called with (examples done, examples in all) after each example.

    Returns:
        Their numbers. A map without any difference (a prompt of one token, or a head that looks at nothing but the
        first token) divides 0 by 0; as in theirs, a match in it is not a number, and neither are the means it enters.
        `counts` says how many: `degenerate_maps` of all heads and tokens, `nan_examples` that they reached.

    Raises:
        SpecError: settings of another protocol, or a prompt beyond the model's context.
        ModelError: there is no tokenizer.
        TaskError: a gold without tokens.

    Source: arXiv 2502.15120, revision 1; SAMRank by Kang and Shin, EMNLP 2023. In exact arithmetic the same; theirs
        loses keys whose mass is below the root of the least float (1e-23 in float32), ours does not.
    """
    if settings.protocol is not Protocol.PAPER:
        raise SpecError(
            f"protocol {settings.protocol}: expected `paper` here; `score_gold_tokens` does the aligned one."
        )
    tokenizer = _tokenizer_of(model)
    scored: list[_Scored] = []
    for done, example in enumerate(task.examples, start=1):
        scored.append(_score(model, tokenizer, example, settings.impl))
        if progress is not None:
            progress(done, len(task.examples))
    return _result(task, settings, scored)


def _tokenizer_of(model: Model) -> PreTrainedTokenizerBase:
    if model.tokenizer is None:
        raise ModelError(
            f"model {model.provenance.name!r} has no tokenizer, and the paper's protocol tokenises every prefix anew; "
            "give one with `tokenizer`."
        )
    return model.tokenizer


def _score(model: Model, tokenizer: PreTrainedTokenizerBase, example: Example, impl: Impl) -> _Scored:
    chains = chains_of(gold_prefixes(example, tokenizer), turns_at=model.dims.turns_at)
    found: dict[int, _TokenScore] = {}
    impls: set[str] = set()
    for chain in chains:
        pieces: Sequence[str] = tokenizer.convert_ids_to_tokens(list(chain.ids))
        matching = _matches(chain, pieces)
        scores = _run(model, chain, matching, impl)
        impls.add(scores.impl)
        # in float64, as the mean of Python numbers is
        means = scores.score.double().mean(dim=0).tolist()
        flat, n_matches = scores.is_flat.sum(dim=0).tolist(), matching.sum(dim=0).tolist()
        for column, prefix in enumerate(chain.prefixes):
            found[prefix.index] = _TokenScore(
                piece=prefix.piece, score=means[column], n_matches=n_matches[column], n_degenerate=flat[column]
            )
    return _Scored(
        tokens=tuple(found[index] for index in sorted(found)),
        n_passes=len(chains),
        n_apart=sum(len(chain.prefixes) for chain in chains[1:]),
        impl="+".join(sorted(impls)),
    )


def _matches(chain: Chain, pieces: Sequence[str]) -> Bool[Tensor, "k_pos prefix"]:
    """Which tokens before it equal each gold token, as text."""
    rows = [
        [place < len(prefix.ids) and piece == prefix.piece for prefix in chain.prefixes]
        for place, piece in enumerate(pieces)
    ]
    return torch.tensor(rows)


def _run(model: Model, chain: Chain, matching: Bool[Tensor, "k_pos prefix"], impl: Impl) -> _ChainScores:
    """One pass over a chain, looking at the last layer."""
    ends = torch.tensor([[len(prefix.ids) for prefix in chain.prefixes]])
    first = torch.zeros(1, 1, len(chain.ids), dtype=torch.bool)
    first[..., 0] = True

    def statistic(view: LayerAttention) -> _ChainScores:
        worth = key_scores(view.source, ends, excluded=first, impl=impl)
        total = rearrange(worth.received + worth.given, "1 head k_pos prefix -> head k_pos prefix")
        return _scaled(total, matching.to(total.device), _impl_of(view.source, impl))

    stream = Stream(layer=model.dims.n_layers - 1, statistic=statistic)
    run = model.forward(Tokens.of([chain.ids]), Plan(streams=(stream,), last_logits=0))
    return run.streamed[0]


def _impl_of(source: Attention | StoredPattern, impl: Impl) -> str:
    """Which kernels a source is summed by."""
    if isinstance(source, StoredPattern):
        return STORED
    return resolve(impl, source.query.device, source.query.dtype, source.query.shape[3]).value


def _scaled(
    total: Float[Tensor, "head k_pos prefix"], matching: Bool[Tensor, "k_pos prefix"], impl: str
) -> _ChainScores:
    """The best match on the scale from a prefix's least to its largest.

    The least is always 0: the first token receives nothing, being excluded, and gives nothing, seeing itself alone.
    """
    largest = total.amax(dim=1)
    best = total.masked_fill(~matching, 0.0).amax(dim=1)
    score = torch.where(matching.any(dim=0), best / largest, 0.0)
    return _ChainScores(score=score, is_flat=largest == 0, impl=impl)


def _result(task: Task, settings: ScoreSettings, scored: Sequence[_Scored]) -> PaperResult:
    ids = [example.id for example in task.examples]
    rows = pd.DataFrame(
        {
            "example": ids,
            "group": _groups(task),
            "score": [each.score for each in scored],
            "n_tokens": [len(each.tokens) for each in scored],
            "n_passes": [each.n_passes for each in scored],
        }
    )
    tokens = pd.DataFrame(
        [
            (example_id, index, token.piece, token.n_matches, token.score)
            for example_id, each in zip(ids, scored, strict=True)
            for index, token in enumerate(each.tokens)
        ],
        columns=["example", "token", "text", "n_matches", "score"],
    )
    mean, std, n = _summary(rows)
    return PaperResult(
        settings=settings,
        n=n,
        impl="+".join(sorted({each.impl for each in scored})),
        mean=mean,
        std=std,
        by_group={str(group): _summary(part) for group, part in rows.groupby("group", sort=False)},
        counts=_counts(scored),
        rows=rows,
        tokens=tokens,
    )


def _counts(scored: Sequence[_Scored]) -> dict[str, int]:
    tokens = [token for each in scored for token in each.tokens]
    counts = Counter(
        examples=len(scored),
        gold_tokens=len(tokens),
        passes=sum(each.n_passes for each in scored),
        not_nested=sum(each.n_apart for each in scored),
        unmatched_tokens=sum(token.n_matches == 0 for token in tokens),
        degenerate_maps=sum(token.n_degenerate for token in tokens),
        nan_examples=sum(bool(np.isnan(each.score)) for each in scored),
    )
    return dict(counts)


def _groups(task: Task) -> list[str | None]:
    """The rule of each example where it is known, blocks of a hundred rows for the authors' CSV, None elsewhere."""
    if task.settings.get("task") == _CSV:
        n = len(task.examples)
        starts = [index - index % ROWS_IN_A_GROUP for index in range(n)]
        return [f"rows {start + 1}-{min(start + ROWS_IN_A_GROUP, n)}" for start in starts]
    return [str(example.facts["rule"]) if "rule" in example.facts else None for example in task.examples]


def _summary(rows: pd.DataFrame) -> tuple[float, float, int]:
    """Mean, standard deviation with ddof 0, and how many; not a number where one of them is not."""
    values = rows["score"].to_numpy(dtype=np.float64)
    return float(np.mean(values)), float(np.std(values)), len(values)
