"""A problem as an `Example`: text, named spans, each gold word with sources and foils, and corruptions.

In: a `Problem` and the exemplars before it. Out: an `Example`.
"""

from collections.abc import Mapping, Sequence
from random import Random

from attnprobe.tasks.example import Example, GoldWord, Span, WordKind
from attnprobe.tasks.prontoqa.corruption import corruptions_of
from attnprobe.tasks.prontoqa.foils import Candidates, draw_candidates, foils_of
from attnprobe.tasks.prontoqa.layout import Item
from attnprobe.tasks.prontoqa.logic import Universal
from attnprobe.tasks.prontoqa.problem import Problem
from attnprobe.tasks.prontoqa.sources import sources_of
from attnprobe.tasks.prontoqa.writing import Writing, write


def example_of(
    problem: Problem,
    *,
    example_id: str,
    exemplars: Sequence[Item] = (),
    facts: Mapping[str, str | int] | None = None,
) -> Example:
    """Everything that is known about a problem, as text.

    Args:
        problem: question and gold proof.
        example_id: its id; also seeds the order of equally good foils.
        exemplars: solved items before it.
        facts: what else is known, for grouping.
    """
    writing = write(problem, exemplars)
    candidates = draw_candidates(problem, Random(f"foils of {example_id}"))
    return Example(
        id=example_id,
        prompt=writing.page.prompt,
        gold=writing.page.gold,
        words=tuple(_gold_words(writing, candidates)),
        spans=_named_spans(writing),
        corruptions=corruptions_of(writing, exemplars, candidates),
        facts=facts or {},
    )


def _gold_words(writing: Writing, candidates: Candidates) -> list[GoldWord]:
    gold_words: list[GoldWord] = []
    shift = len(writing.page.prompt)
    for step, passage in enumerate(writing.steps):
        sources = sources_of(writing, step)
        for index, (word, placed) in enumerate(zip(passage.words, passage.spans, strict=True)):
            is_licensed = word.kind is not WordKind.UNLICENSED
            gold_words.append(
                GoldWord(
                    span=Span(placed.start - shift, placed.end - shift),
                    kind=word.kind,
                    premise=sources.premise if is_licensed else (),
                    source_word=sources.of(word.lemma) if is_licensed else (),
                    foils=foils_of(candidates, step, passage.words, index) if is_licensed else (),
                )
            )
    return gold_words


def _named_spans(writing: Writing) -> dict[str, tuple[Span, ...]]:
    page, distractors = writing.page, writing.problem.distractors
    needed = [passage for passage in writing.given if passage.formula not in distractors]
    return {
        "question": (page.question,),
        "facts": tuple(each.span for each in needed if not isinstance(each.formula, Universal)),
        "rules": tuple(each.span for each in needed if isinstance(each.formula, Universal)),
        "distractors": tuple(each.span for each in writing.given if each.formula in distractors),
        "query": (page.query,),
        "exemplars": (page.exemplars,) if page.exemplars else (),
    }
