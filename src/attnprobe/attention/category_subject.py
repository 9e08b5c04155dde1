"""One example made ready for scoring by part of speech, and what one layer gives of it.

In: a model, a task, a tagger. Out: `CategorySubject`s, and the categories that occur.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from jaxtyping import Float

from attnprobe.attention.groups import GroupMass, Groups
from attnprobe.attention.next_category import NextQueries, next_queries
from attnprobe.attention.queries import Queries, query_positions
from attnprobe.attention.settings import FirstKey, Null, ScoreSettings
from attnprobe.errors import TaskError
from attnprobe.models.alignment import align_all
from attnprobe.models.model import Model
from attnprobe.tasks import AlignedExample, Task, TextTokenizer
from attnprobe.tasks.parts_of_speech import Category, TaggedTokens, Tagger, tag_tokens

QueryScores = Float[np.ndarray, "head query"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CategorySubject:
    """One example made ready: its tokens' categories, and who looks.

    Attributes:
        aligned: the example.
        tagged: its tokens' categories.
        groups: queries and keys by category.
        next_by_window: the scored queries of the next-category score, for each width of window of the model.
    """

    aligned: AlignedExample
    tagged: TaggedTokens
    groups: Groups
    next_by_window: Mapping[int | None, NextQueries]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CategoryLayer:
    """What one layer gave of one example.

    Attributes:
        mass: between categories.
        score: of each scored query, its mass on the category that comes next.
        nulls: the same of each null; NaN where a query has no such null.
        impl: which kernels ran.
    """

    mass: GroupMass
    score: QueryScores
    nulls: Mapping[Null, QueryScores]
    impl: str


def category_subjects(
    model: Model, task: Task, settings: ScoreSettings, tagger: Tagger, queries: Queries, layers: Sequence[int]
) -> tuple[list[CategorySubject], tuple[Category, ...]]:
    """Tag every example of a task and settle what is looked at.

    Args:
        model: whose tokenizer and windows count.
        task: the examples.
        settings: first key and seed.
        tagger: who says what a word is.
        queries: which positions look.
        layers: which layers are scored.

    Returns:
        The examples, and the categories that occur in them.

    Raises:
        SpecError: an example is longer than the model's context.
        TaskError: nothing can be scored.
    """
    aligned = align_all(model, task)
    # `align_all` has made sure that there is one
    tokenizer = cast(TextTokenizer, model.tokenizer)
    tagged = [tag_tokens(one.example.text, tokenizer, tagger) for one in aligned]
    if settings.first_key is FirstKey.FIRST_TOKEN:
        tagged = [one.with_first() for one in tagged]
    present = {category for one in tagged for category in one.categories}
    categories = tuple(category for category in Category if category in present)
    windows = {model.dims.windows[layer] for layer in layers}
    subjects: list[CategorySubject] = []
    for one, tags in zip(aligned, tagged, strict=True):
        positions = query_positions(one, queries)
        keys = np.array([[category is kind for category in tags.categories] for kind in categories])
        looks = np.isin(np.arange(len(one.ids)), positions)
        by_window = {
            window: next_queries(
                tags, positions, categories, window=window, seed=settings.seed, example_id=one.example.id
            )
            for window in windows
        }
        groups = Groups(queries=keys & looks, keys=keys)
        subjects.append(CategorySubject(aligned=one, tagged=tags, groups=groups, next_by_window=by_window))
    if not any(one.positions for subject in subjects for one in subject.next_by_window.values()):
        counts = Counter(category for one in tagged for category in one.categories)
        seen = ", ".join(f"{count} {category}" for category, count in sorted(counts.items()))
        raise TaskError(
            f"task {task.name}: no token of a known part of speech comes after a {queries} query (tokens: {seen}). "
            "Choose another tagger or other queries."
        )
    return subjects, categories
