"""Versions of a problem in which a foil is right.

In: a `Writing`. Out: `Corruption`s, best first.

A word of the problem is replaced by one that occurs nowhere in the prompt, wherever it stands: in question,
query and proof, with number, capitals and articles mended. So the corrupted problem is the clean one in other
words, and its proof is as good. Clean and corrupted proof agree before the word's first occurrence in the
proof; that is the target.

Targets that the query does not name come first, the deepest in the proof foremost: there the sentence that
licenses the word is the only place to take it from.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from attnprobe.tasks.example import Corruption, WordKind
from attnprobe.tasks.prontoqa.foils import Candidates
from attnprobe.tasks.prontoqa.layout import Item, lay_out
from attnprobe.tasks.prontoqa.logic import leaves
from attnprobe.tasks.prontoqa.vocabulary import plural
from attnprobe.tasks.prontoqa.writing import Writing, item_of

MOST_TARGETS = 3
MOST_FOILS_PER_TARGET = 6


def corruptions_of(writing: Writing, exemplars: Sequence[Item], candidates: Candidates) -> tuple[Corruption, ...]:
    """The corrupted versions of a problem on the page, best first.

    Args:
        writing: the problem on the page.
        exemplars: the solved items before it; they stay as they are.
        candidates: the words to put in.

    Returns:
        At most six foils for each of at most three targets; `word` counts the words and marks of the proof.
    """
    placed = [word for passage in writing.steps for word in passage.words]
    first_at: dict[str, int] = {}
    for index, word in enumerate(placed):
        if word.kind is not WordKind.UNLICENSED:
            first_at.setdefault(word.lemma, index)
    asked = frozenset(leaves(writing.problem.goal))
    targets = sorted(first_at, key=lambda lemma: (lemma in asked, -first_at[lemma]))
    found = (
        tuple(islice(_swaps(writing, exemplars, candidates, first_at[lemma]), MOST_FOILS_PER_TARGET))
        for lemma in targets
    )
    return tuple(corruption for each in islice(filter(None, found), MOST_TARGETS) for corruption in each)


def _swaps(writing: Writing, exemplars: Sequence[Item], candidates: Candidates, target: int) -> Iterator[Corruption]:
    word, span = [placed for passage in writing.steps for placed in zip(passage.words, passage.spans, strict=True)][
        target
    ]
    page = writing.page
    before = page.gold[: span.start - len(page.prompt)]
    present = frozenset(re.findall(r"\w+", page.prompt.lower()))
    for lemma in candidates.instead_of(word.kind, word.lemma):
        if lemma.lower() in present or plural(lemma) in present:
            continue
        corrupted = lay_out(item_of(writing.problem.renamed({word.lemma: lemma})), exemplars)
        # they part earlier where the target follows an article that the foil does not fit
        if corrupted.gold.startswith(before + word.spelled(lemma)):
            yield Corruption(word=target, foil=word.spelled(lemma), prompt=corrupted.prompt, gold=corrupted.gold)
