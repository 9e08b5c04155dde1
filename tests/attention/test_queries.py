"""Which positions look."""

from attnprobe.attention.queries import Queries, query_positions
from attnprobe.tasks.alignment import align
from tests.attention.tagged_texts import task
from tests.models.architectures import build_tokenizer


def test_predicting_queries_stand_right_before_the_gold_tokens() -> None:
    """The first made-up text has 18 words, the last six of them gold."""
    aligned = align(task().examples[0], build_tokenizer())
    assert query_positions(aligned, Queries.ALL) == tuple(range(18))
    assert query_positions(aligned, Queries.GOLD) == tuple(range(12, 18))
    assert query_positions(aligned, Queries.PREDICTING) == tuple(range(11, 17))
