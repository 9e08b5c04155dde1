"""Whether a model knows texts by heart: it is shown how each begins, and its continuation is held against the rest.

In: `Excerpt`s and a way to continue texts. Out: `Memorisation`: the mean BLEU-4, in all and by group.

A text is cut after its first sentence, a CommonsenseQA question after choice (c). The continuation is the model's own,
greedy; the paper's are 100 tokens long, of GSM8K 256, and written with the repetition penalty 1e-4.

BLEU is sacrebleu's, of one pair at a time: `BLEU(tokenize="13a", smooth_method="none", effective_order=False)`, n-grams
up to four, case kept, divided by 100. That is what the `evaluate` library's "bleu", which the paper used, computes by
default (the same 13a tokenisation, `max_order=4, smooth=False`) as its code stands: without smoothing a continuation
that shares no four words in a row with the rest scores 0, and so does any rest of fewer than four tokens. A
continuation of nothing but white space, for which `evaluate` divides by zero, is 0 by the paper's rule.

What a number means depends on the rest: see `Memorisation.warning`.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from attnprobe.errors import TaskError
from attnprobe.statistics.estimates import Estimate, bootstrap_interval
from attnprobe.tasks.csqa import CsqaItem
from attnprobe.tasks.exemplars import choices_text
from attnprobe.tasks.gsm8k import Gsm8kItem

Continue = Callable[[Sequence[str]], Sequence[str]]

SHOWN_CHOICES = 3
_SENTENCE_END = re.compile(r"[.!?](?=\s)")
_QUERY = re.compile(r"\s*Prove:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """A text in two parts.

    Attributes:
        id: of the item that it is from.
        group: what results are grouped by.
        shown: what the model sees.
        rest: what comes after it.
    """

    id: str
    group: str
    shown: str
    rest: str

    @property
    def is_query_only(self) -> bool:
        """Whether the rest is no more than `Prove: ...`."""
        return _QUERY.match(self.rest) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Memorisation:
    """How near a model's continuations come to the texts.

    Attributes:
        bleu: mean BLEU-4 in [0, 1] with its percentile bootstrap interval over excerpts.
        by_group: the same by group.
        scores: of each excerpt, in order.
        n_uncut: texts that were left out because they are one sentence.
        query_only: share of excerpts whose rest is no more than `Prove: ...`.
        warning: why the numbers may not speak of memory; None where there is nothing to say.
        signature: sacrebleu's own account of its settings and version.
    """

    bleu: Estimate
    by_group: Mapping[str, Estimate]
    scores: tuple[float, ...]
    n_uncut: int
    query_only: float
    warning: str | None
    signature: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_group", MappingProxyType(dict(self.by_group)))


def excerpt(text: str, *, id: str, group: str) -> Excerpt | None:
    """A text cut after its first sentence: up to the first `.`, `!` or `?` that white space follows.

    Args:
        text: a question as it stands in prompts.
        id: of the item.
        group: of the item.

    Returns:
        None for a text that is one sentence.

    Source: arXiv 2502.15120, revision 1; where exactly a sentence ends is ours.
    """
    end = _SENTENCE_END.search(text.rstrip())
    if end is None:
        return None
    return Excerpt(id=id, group=group, shown=text[: end.end()], rest=text[end.end() :])


def csqa_excerpt(item: CsqaItem, *, group: str = "csqa") -> Excerpt | None:
    """A CommonsenseQA question cut after choice (c); None where there are no more choices.

    Source: arXiv 2502.15120, revision 1.
    """
    if len(item.choices) <= SHOWN_CHOICES:
        return None
    shown = f"Q: {item.question} Answer Choices: {choices_text(item.choices[:SHOWN_CHOICES])}"
    return Excerpt(id=item.id, group=group, shown=shown, rest=item.text.removeprefix(shown))


def gsm8k_excerpt(item: Gsm8kItem, *, group: str = "gsm8k") -> Excerpt | None:
    """A GSM8K question cut after its first sentence; None where it has one alone."""
    return excerpt(item.question, id=item.id, group=group)


def memorisation(excerpts: Iterable[Excerpt | None], continue_: Continue, *, seed: int = 0) -> Memorisation:
    """How near a model's continuations of texts come to what those texts go on with.

    Args:
        excerpts: the texts; None for each that could not be cut.
        continue_: gives for each beginning what the model writes after it, without the beginning.
        seed: of the bootstrap.

    Raises:
        TaskError: there is no excerpt, or not one continuation for each.

    Source: arXiv 2502.15120, revision 1 (its Table 4), with an interval.
    """
    given = tuple(excerpts)
    cut = tuple(each for each in given if each is not None)
    if not cut:
        raise TaskError(f"{len(given)} texts, none of more than one sentence: nothing to continue; give other texts.")
    continuations = continue_([each.shown for each in cut])
    if len(continuations) != len(cut):
        raise TaskError(f"{len(continuations)} continuations of {len(cut)} excerpts; expected one for each.")
    scores, signature = _scores(continuations, [each.rest for each in cut])
    of_group: dict[str, list[float]] = {}
    for each, score in zip(cut, scores, strict=True):
        of_group.setdefault(each.group, []).append(score)
    n_query_only = sum(each.is_query_only for each in cut)
    return Memorisation(
        bleu=bootstrap_interval(np.array(scores), seed),
        by_group={group: bootstrap_interval(np.array(own), seed) for group, own in of_group.items()},
        scores=scores,
        n_uncut=len(given) - len(cut),
        query_only=n_query_only / len(cut),
        warning=_warning(n_query_only, len(cut)),
        signature=signature,
    )


def _warning(n_query_only: int, n: int) -> str | None:
    if not n_query_only:
        return None
    return (
        f"The rest of {n_query_only} of {n} texts is their `Prove: ...` alone: the first sentence is the whole "
        "question, its words are nearly all of the rest, and a model that copies them scores high without having seen "
        "the text."
    )


def _scores(continuations: Sequence[str], rests: Sequence[str]) -> tuple[tuple[float, ...], str]:
    from sacrebleu.metrics.bleu import BLEU

    bleu = BLEU(tokenize="13a", smooth_method="none", effective_order=False)
    scores = tuple(
        # a corpus of one pair: what `sentence_score` gives, but without its advice to smooth
        bleu.corpus_score([continuation], [[rest]]).score / 100 if continuation.strip() else 0.0
        for continuation, rest in zip(continuations, rests, strict=True)
    )
    # sacrebleu describes its settings once it has scored something
    bleu.corpus_score(["a"], [["a"]])
    return scores, str(bleu.get_signature())
