"""The table in the terminal says what was found and fits."""

from collections.abc import Callable

import pytest
from rich.console import Console

from attnprobe.causal.result import PatchResult
from attnprobe.report.table import finding_text, head_table
from tests.report.rows import head

MakeResult = Callable[..., PatchResult]


def printed(result: PatchResult, width: int = 80) -> str:
    console = Console(width=width, no_color=True, force_terminal=False)
    with console.capture() as capture:
        console.print(head_table(result, model="zoo:demo", task="prontoqa/implication_elimination/2hop"))
        console.print(finding_text(result))
    return capture.get()


def test_the_strongest_head_comes_first_with_effect_control_difference_and_q(make_result: MakeResult) -> None:
    lines = printed(make_result()).splitlines()

    assert lines[0].rstrip() == "mask · zoo:demo · n = 16"
    assert lines[1].rstrip() == "prontoqa/implication_elimination/2hop"
    assert lines[2].rstrip() == "gold_logprob in nats, unedited −0.210 [−0.300, −0.120]; control random_keys"
    assert lines[3].split() == ["Head", "Effect", "95%", "interval", "Control", "Difference", "95%", "interval", "q"]
    assert " ".join(lines[4].split()) == "L1H0 −0.900 [−1.000, −0.800] −0.100 −0.800 [−0.900, −0.700] <.001"


def test_the_question_and_the_answer_follow(make_result: MakeResult) -> None:
    text = " ".join(printed(make_result()).split())

    assert "Does masking one head's attention to the gold source words lower log p(gold)" in text
    assert "Yes. The strongest head (L1H0)" in text


def test_no_line_is_wider_than_a_terminal_of_80_columns_and_no_number_is_cut(make_result: MakeResult) -> None:
    rows = [head(f"L{layer}H{layer}", -1.23 * layer, 0.5, q=0.0001) for layer in range(10, 32)]
    text = printed(make_result(heads=rows))

    assert max(len(line) for line in text.splitlines()) <= 80
    assert "…" not in text
    assert "10 weaker heads are in summary.json" in text


def test_without_a_control_its_columns_are_absent(make_result: MakeResult) -> None:
    text = printed(make_result(heads=[head("L0H0", -0.5, q=0.01)]))

    assert "Control" not in text
    assert "–" not in text


def test_a_narrow_table_does_not_squeeze_its_title(make_result: MakeResult) -> None:
    lines = printed(make_result(heads=[head("L0H0", -0.5, q=0.01)])).splitlines()

    assert lines[1].rstrip() == "prontoqa/implication_elimination/2hop"


@pytest.mark.parametrize("width", [40, 200])
def test_names_with_brackets_are_no_markup(make_result: MakeResult, width: int) -> None:
    console = Console(width=width, no_color=True)
    with console.capture() as capture:
        console.print(head_table(make_result(), model="[bold]m[/oops]", task="t"))

    assert "[bold]m[/oops]" in capture.get().replace("\n", "")
