"""Examples are shown with what was cut and what was asked."""

from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from attnprobe.causal.result import PatchResult
from attnprobe.causal.settings import InterventionKind, Metric, PatchSettings
from attnprobe.report.texts import ShownExample, printable, shown_examples
from attnprobe.tasks.example import Example

MakeResult = Callable[..., PatchResult]


def marked(shown: ShownExample) -> dict[str, tuple[str, ...]]:
    return {piece.text: piece.marks for piece in (*shown.prompt, *shown.gold) if piece.marks}


def test_nothing_of_the_text_is_lost(make_result: MakeResult, example: Example) -> None:
    (shown,) = shown_examples([example], make_result())

    assert "".join(piece.text for piece in shown.prompt) == example.prompt
    assert "".join(piece.text for piece in shown.gold) == example.gold.lstrip()


def test_keys_of_scored_words_are_marked_and_the_last_word_is_the_focus(
    make_result: MakeResult, example: Example
) -> None:
    (shown,) = shown_examples([example], make_result())

    assert shown.focus == "red"
    sources = [(piece.text, piece.marks) for piece in shown.prompt if piece.marks]
    assert sources == [("red", ("key", "source")), ("Max", ("key",))]
    # e^-.05 = .95 and e^-2.5 = .08
    assert [(piece.text, piece.marks, piece.note) for piece in shown.gold if piece.marks] == [
        ("Max", ("p5",), "name, p = 0.95"),
        ("is", ("unscored",), "unlicensed, not scored"),
        ("red", ("p2", "focus"), "adjective, p = 0.08"),
        (".", ("unscored",), "unlicensed, not scored"),
    ]


def test_the_pieces_of_a_word_count_together(make_result: MakeResult, example: Example) -> None:
    tokens = pd.DataFrame(
        {
            "example": ["toy-0", "toy-0"],
            "position": [22, 23],
            "token": [7, 8],
            "word": [2, 2],
            "kind": ["adjective"] * 2,
            "scored": [True, True],
            "clean": [-1.0, -1.5],
        }
    )
    (shown,) = shown_examples([example], make_result(tokens=tokens))

    assert next(piece for piece in shown.gold if piece.text == "red").note == "adjective, p = 0.08"


def test_premise_keys_and_span_keys_are_marked_as_such(make_result: MakeResult, example: Example) -> None:
    (premise,) = shown_examples([example], make_result(settings=PatchSettings(keys="premise")))
    (span,) = shown_examples([example], make_result(settings=PatchSettings(keys="facts")))
    (token,) = shown_examples([example], make_result(settings=PatchSettings(keys="token_match")))

    assert {"Every wumpus is red.", "Max is a wumpus."} == {
        text for text, marks in marked(premise).items() if "key" in marks
    }
    assert [text for text, marks in marked(span).items() if "key" in marks] == ["Max is a wumpus."]
    assert not any("key" in marks for marks in marked(token).values())
    assert span.focus is None


def test_interventions_without_keys_and_metrics_without_probabilities_mark_neither(
    make_result: MakeResult, example: Example
) -> None:
    settings = PatchSettings(intervention=InterventionKind.ABLATE, metric=Metric.LOGIT_DIFF)
    (shown,) = shown_examples([example], make_result(settings=settings))

    assert marked(shown) == {"Max": ("scored",), "is": ("unscored",), "red": ("scored",), ".": ("unscored",)}


def test_a_long_prompt_shows_its_end_and_says_how_much_is_hidden(make_result: MakeResult, example: Example) -> None:
    long = Example(id="toy-0", prompt="x" * 10_000, gold=" y")
    (shown,) = shown_examples([long], make_result())

    assert shown.hidden == 8_500
    assert "".join(piece.text for piece in shown.prompt) == "x" * 1_500


def test_only_measured_examples_are_shown_and_a_task_without_words_has_no_marks(make_result: MakeResult) -> None:
    plain = Example(id="toy-0", prompt="p", gold=" g")
    tokens = make_result().tokens.assign(word=None)
    result = make_result(tokens=tokens)

    assert [shown.id for shown in shown_examples([plain, replace(plain, id="other")], result)] == ["toy-0"]
    assert marked(shown_examples([plain], result)[0]) == {}
    assert shown_examples([plain], make_result(tokens=pd.DataFrame(columns=tokens.columns))) == ()


def test_controls_that_reorder_or_hide_text_are_written_out_and_honest_ones_kept() -> None:
    assert printable("a\u202eb\x00c\u2066d\ud800") == "a⟨U+202E⟩b⟨U+0000⟩c⟨U+2066⟩d⟨U+D800⟩"
    kept = "שלום\u200f, नमस्ते\u200d, 👩\u200d🔬\n\tok"
    assert printable(kept) == kept
