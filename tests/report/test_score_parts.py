"""What is asked beside scores, in words: association with right answers, parts of speech, spans."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from attnprobe.attention.category_result import CategoryResult
from attnprobe.attention.queries import Queries
from attnprobe.attention.settings import ScoreSettings
from attnprobe.attention.span_result import SpanResult
from attnprobe.evaluation.association.associate import associate
from attnprobe.evaluation.association.result import AssociationResult
from attnprobe.report.association_part import association_part
from attnprobe.report.association_plot import association_plot
from attnprobe.report.canvas import png_bytes
from attnprobe.report.categories_part import categories_part, mass_map, spans_part
from attnprobe.report.palette import LIGHT
from attnprobe.report.score_part import Part
from attnprobe.tasks.parts_of_speech import Category
from tests.evaluation.association.made_up import answers_of, result_of, task_of
from tests.report.score_results import HEADS, OVERALL, N


def associated(n_right: int, *, n: int = 24) -> AssociationResult:
    """Scores that are higher where answers are right, in two strata."""
    task = task_of([1 + index % 2 for index in range(n)])
    correct = np.arange(n) < n_right
    score = np.linspace(1.0, 0.0, n)[:, None] * np.ones((1, 3))
    return associate(result_of(task, score, score / 2), answers_of(task, correct), task)


def masses(what: str) -> pd.DataFrame:
    pairs = (("NOUN", "DET", 0.3), ("NOUN", "NOUN", 0.1), ("DET", "DET", 0.05))
    rows = [
        {f"query_{what}": query, f"key_{what}": key, "mass": mass + shift, "base_rate": 0.1}
        for query, key, mass in pairs
        for shift in ((0.0, 0.2) if mass == 0.3 else (0.0, 0.0))
    ]
    return pd.DataFrame(rows).assign(difference=lambda table: table["mass"] - table["base_rate"])


CATEGORIES = CategoryResult(
    settings=ScoreSettings(),
    queries=Queries.PREDICTING,
    tagger="grammar <b>",
    n=N,
    impl="torch",
    categories=(Category.DET, Category.NOUN),
    next_heads=HEADS,
    next_overall=OVERALL,
    next_by_category={"NOUN": OVERALL},
    counts={"examples": N},
    table=masses("category"),
    rows=pd.DataFrame({"mass": [0.1]}),
    next_rows=pd.DataFrame({"score": [0.1]}),
)
SPANS = SpanResult(
    settings=ScoreSettings(),
    n=N,
    impl="torch",
    spans=("DET", "NOUN"),
    licensing_heads=HEADS,
    licensing_overall=OVERALL,
    counts={"examples": N},
    table=masses("span"),
    rows=pd.DataFrame({"mass": [0.1]}),
    sentences=pd.DataFrame({"text": ["x"]}),
    sentence_rows=pd.DataFrame({"mass": [0.1]}),
    licensing_rows=pd.DataFrame({"score": [0.1]}),
)


def drawn(part: Part) -> None:
    files = part.files("title")

    assert set(files) == {figure.file for figure in part.figures} | set(part.frames)
    assert all(data.startswith(b"\x89PNG") for name, data in files.items() if name.endswith(".png"))
    assert files == part.files("title")
    json.dumps(part.record, allow_nan=False)


def test_association_says_its_verdict_with_the_numbers_it_rests_on() -> None:
    part = association_part(associated(12))

    assert part.paragraphs[0].startswith(
        "Is the score higher where the model's own answer is right? Yes. Of 24 answers 12 are right (exact) and 12 "
        "wrong. AUROC within strata: 1.000 ["
    )
    assert "by score − wrong token" in part.paragraphs[0]
    assert part.record["verdict"] == "supported"
    assert part.record["n_correct"] == 12
    drawn(part)


@pytest.mark.parametrize(("n_right", "word"), [(24, "right"), (0, "wrong")])
def test_with_one_class_there_is_nothing_to_compare_and_that_is_said(n_right: int, word: str) -> None:
    part = association_part(associated(n_right))

    assert part.paragraphs == (
        f"Is the score higher where the model's own answer is right? All 24 answers are {word} (exact), so that there "
        "is nothing to compare: give a task that the model solves sometimes.",
    )
    drawn(part)


def test_heads_are_not_ranked_without_intervals() -> None:
    titles = [table.title for table in association_part(associated(2)).tables]

    assert not any(title.startswith("Heads") for title in titles)
    assert any(table.title.startswith("Heads") for table in association_part(associated(12)).tables)


def test_every_example_is_a_mark_on_its_side() -> None:
    figure = association_plot(associated(8))
    counts = sorted(len(item.get_offsets()) for item in figure.axes[0].collections)

    # score and three nulls
    assert counts == [8] * 4 + [16] * 4
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()][-1] == "score"
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["right (n = 8)", "wrong (n = 16)"]


def test_unreadable_answers_are_told() -> None:
    part = association_part(replace(associated(12), n_unparseable=1))

    assert part.paragraphs[1] == "1 answer could not be read and count as wrong."


def test_parts_of_speech_say_whether_the_next_one_is_found() -> None:
    part = categories_part(CATEGORIES)

    assert part.paragraphs[0] == (
        "Does attention find the part of speech that comes next, more than other parts of speech? Yes: it gets 0.190 "
        "[0.170, 0.210] of the attention, mean over heads; less its closest null, permuted, that is "
        "0.110 [0.090, 0.130]. "
        "2 of 4 heads exceed every null (q < 0.05): L2H0, L0H1."
    )
    assert part.tables[0].rows[0][0] == "L2H0"
    assert part.record["mass"] == [
        {"query": "NOUN", "key": "DET", "mass": 0.4, "base_rate": 0.1, "difference": pytest.approx(0.3)},
        {"query": "NOUN", "key": "NOUN", "mass": 0.1, "base_rate": 0.1, "difference": 0.0},
        {"query": "DET", "key": "DET", "mass": 0.05, "base_rate": 0.1, "difference": -0.05},
    ]
    drawn(part)


def test_parts_of_speech_of_a_few_examples_say_neither_yes_nor_no() -> None:
    nulls = {null: replace(found, difference=replace(found.difference, n=7)) for null, found in OVERALL.nulls.items()}
    part = categories_part(replace(CATEGORIES, next_overall=replace(OVERALL, nulls=nulls)))

    assert (
        "other parts of speech? Undetermined, with fewer than 8 examples for some null: it gets" in part.paragraphs[0]
    )


def test_the_map_of_masses_has_the_first_group_on_top_and_leaves_what_is_not_there_empty() -> None:
    figure = mass_map(masses("category"), "category", ["DET", "NOUN", "VERB"], title="", theme=LIGHT)
    mesh = figure.axes[0].collections[0]
    values = np.ma.filled(mesh.get_array(), np.nan).reshape(2, 2)

    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["NOUN", "DET"]
    assert values == pytest.approx(np.array([[0.3, 0.0], [-0.05, np.nan]]), nan_ok=True)
    assert png_bytes(figure) == png_bytes(
        mass_map(masses("category"), "category", ["DET", "NOUN", "VERB"], title="", theme=LIGHT)
    )


def test_spans_say_whether_licensing_sentences_are_found_and_if_that_is_not_known() -> None:
    part = spans_part(SPANS)
    bare = spans_part(replace(SPANS, licensing_heads=(), licensing_overall=None))

    assert part.paragraphs[0].startswith("Does attention find the sentences that license a step, more than other")
    assert bare.paragraphs[0].startswith("The task does not say which sentences license which")
    assert [figure.file for figure in bare.figures] == ["spans.png"]
    assert bare.record["licensing_overall"] is None
    drawn(part)
    drawn(bare)
