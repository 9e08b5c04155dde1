"""What ends scoring in the terminal: the strongest heads beside their nulls, and the answer."""

from dataclasses import replace

import pytest
from rich.console import Console, RenderableType

from attnprobe.attention.settings import Null
from attnprobe.report.score_table import paper_table, paper_text, score_table, score_text
from tests.report.score_results import HEADS, OVERALL, against, paper_result, score_result, scored


def printed(thing: RenderableType, width: int = 80) -> list[str]:
    console = Console(width=width, record=True, file=None, highlight=False)
    with console.capture() as capture:
        console.print(thing)
    return [line.rstrip() for line in capture.get().splitlines()]


def test_the_table_fits_80_columns_and_has_the_strongest_first_and_the_mean_last() -> None:
    lines = printed(score_table(score_result(), model="zoo:demo", task="toy"))

    assert lines[:3] == [
        "score · zoo:demo · n = 16",
        "toy",
        "direct score of source_word keys; 48 gold tokens; kernels: torch",
    ]
    assert lines[3].split() == ["Head", "Score", "Wrong", "Position", "Permuted", "Difference", "95%", "interval", "q"]
    assert lines[4] == "L2H0 0.600 0.100    0.050    0.200      0.400   [0.380, 0.420] .001"
    assert [line.split()[0] for line in lines[4:9]] == ["L2H0", "L0H1", "L0H0", "L2H1", "all"]
    assert all(len(line) <= 80 for line in lines)


def test_what_is_left_out_is_counted() -> None:
    lines = printed(score_table(score_result(), model="m", task="t", rows=1))

    assert "3 more heads are in summary.json" in lines


def test_names_are_no_markup() -> None:
    assert "[red]x[/red]" in printed(score_table(score_result(), model="[red]x[/red]", task="t"))[0]
    assert any(
        "[b]g" in line
        for line in printed(paper_table(paper_result({"[b]g": (0.1, 0.1, 2), "h": (0.1, 0.1, 2)}), model="m", task="t"))
    )


def test_nulls_that_could_not_be_drawn_are_dashes() -> None:
    lone = scored("L0H0", 0.5, {**against(0.1, 0.1, 0.1), Null.POSITION: None})
    lines = printed(score_table(score_result(heads=(lone, *HEADS[1:])), model="m", task="t"))

    assert next(line for line in lines if line.startswith("L0H0")).split()[1:4] == ["0.500", "0.100", "–"]
    none = replace(OVERALL, nulls={})
    assert printed(score_table(score_result(heads=(scored("L0H0", 0.5, {}),), overall=none), model="m", task="t"))


def test_the_answer_follows_its_question() -> None:
    assert (
        printed(score_text(score_result()), 200)[0]
        == "Is there more attention on the gold source words than chance puts there?"
    )
    assert printed(score_text(score_result()), 500)[1].startswith("Yes. For the mean over 4 heads")


def test_the_papers_table_has_groups_then_all() -> None:
    lines = printed(paper_table(paper_result(), model="m", task="t"))

    assert [line.split()[0] for line in lines[4:]] == ["MP", "AI", "all"]
    assert lines[-1].split() == ["all", "0.500", "0.122", "4"]
    assert printed(paper_text(paper_result()))[0].startswith("The mean score is 0.500")


@pytest.mark.parametrize("width", [40, 60])
def test_a_narrow_terminal_loses_no_line(width: int) -> None:
    assert len(printed(score_table(score_result(), model="m", task="t"), width)) >= 9
