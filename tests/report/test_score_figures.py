"""Figures of attention scores show the numbers, fit their labels, and take any text."""

import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from attnprobe.attention.settings import Normalisation
from attnprobe.attention.showcase import GoldLink
from attnprobe.report.canvas import png_bytes
from attnprobe.report.coloured_text import coloured_text, first_shown, text_pieces
from attnprobe.report.palette import DARK, LIGHT, Theme
from attnprobe.report.paper_plot import paper_plot
from attnprobe.report.pattern_links import pattern_links, strongest_pairs
from attnprobe.report.pattern_map import pattern_map
from attnprobe.report.score_maps import margin_map, score_map
from attnprobe.report.token_labels import drawable, token_label, window_note
from tests.report.score_results import HEADS, LINKS, WORDS, against, paper_result, scored, shown

HOSTILE = ("<s>", "$x^{ $\\oops$", "数学", "\u202eevil", "\x00", "\ud800", "🙂", "\n", "\t", "w" * 300, " gold")


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts] + [text.get_text() for text in figure.texts]


def values(figure: Figure) -> np.ndarray:
    mesh = next(item for item in figure.axes[0].collections if isinstance(item, QuadMesh))
    return np.ma.filled(mesh.get_array(), np.nan)


def pixels(figure: Figure) -> tuple[int, int]:
    """Width and height as the file states them."""
    header = png_bytes(figure)[16:24]
    return int.from_bytes(header[:4], "big"), int.from_bytes(header[4:], "big")


def test_the_score_map_holds_scores_from_0_up_and_only_scored_layers() -> None:
    figure = score_map(HEADS, quantity="share of attention", title="score")
    mesh = next(item for item in figure.axes[0].collections if isinstance(item, QuadMesh))

    assert values(figure) == pytest.approx(np.array([[0.05, 0.10], [0.60, 0.02]]))
    assert (mesh.norm.vmin, mesh.norm.vmax) == (0.0, 0.6)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["0", "2"]
    assert figure.axes[1].get_ylabel() == "share of attention"


def test_the_difference_map_has_0_in_the_middle_and_outlines_what_exceeds_every_null() -> None:
    figure = margin_map(HEADS)
    mesh = next(item for item in figure.axes[0].collections if isinstance(item, QuadMesh))
    outlines = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]

    assert values(figure) == pytest.approx(np.array([[-0.01, 0.05], [0.40, -0.06]]))
    assert mesh.norm.vmin == -mesh.norm.vmax == pytest.approx(-0.4)
    assert sorted((int(patch.get_x()), int(patch.get_y())) for patch in outlines) == [(0, 1), (1, 0)]


def test_layers_without_heads_are_one_column() -> None:
    layer = scored("L1H0", 0.3, against(0.1, 0.1, 0.1))
    figure = margin_map([type(layer)(label="L1", layer=1, index=None, score=layer.score, nulls=layer.nulls)])

    assert figure.axes[0].get_xlabel() == ""


def test_a_map_of_heads_without_nulls_can_be_drawn() -> None:
    figure = margin_map([scored("L0H0", 0.3, {})])

    assert png_bytes(figure).startswith(b"\x89PNG")
    assert "none has q < 0.05 and at least 0.01 against every null" in texts(figure)


def test_a_large_model_stays_of_a_sane_size() -> None:
    for n_layers, n_heads in ((40, 64), (42, 16), (80, 8)):
        names = [f"L{layer}H{index}" for layer in range(n_layers) for index in range(n_heads)]
        figure = margin_map([scored(name, 0.3, against(0.1, 0.1, 0.1)) for name in names])

        assert max(figure.get_size_inches()) < 12
        assert not figure.axes[0].texts


def test_the_pattern_shows_each_query_above_its_successor_and_outlines_gold_keys() -> None:
    figure = pattern_map(shown(WORDS, LINKS))
    axes = figure.axes[0]
    outlines = {(int(patch.get_x()), int(patch.get_y())) for patch in axes.patches}

    assert [label.get_text() for label in axes.get_yticklabels()][:3] == ["<s>", "Q:", "Every"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert outlines == {(7, 13), (5, 15)}
    # the first token takes no part in the scale: half, on the diagonal, and an even share of the other half
    assert figure.axes[1].get_ylim() == pytest.approx((0.0, 0.5 + 0.25))


def test_a_long_text_is_cut_and_says_so() -> None:
    words = [f"w{index}" for index in range(301)]
    long = shown(words, [GoldLink(position=300, keys=(250, 290))])

    assert window_note(long) == "tokens 240 to 299 of 301; earlier ones are not drawn"
    for figure in (pattern_map(long), pattern_links(long)):
        assert any("tokens 240 to 299 of 301" in text for text in texts(figure))
        assert max(figure.get_size_inches()) < 11
    assert window_note(shown(WORDS, LINKS)) == ""


def test_the_strongest_pairs_leave_the_first_key_out_and_know_gold_ones() -> None:
    even = shown(WORDS, LINKS)
    pairs = strongest_pairs(even, 10_000)

    assert all(pair.key > 0 for pair in pairs)
    assert len(pairs) == sum(range(1, 16))
    assert [pair.weight for pair in pairs] == sorted((pair.weight for pair in pairs), reverse=True)
    assert {(pair.query, pair.key) for pair in pairs if pair.is_gold} == {(13, 7), (15, 5)}
    assert len(strongest_pairs(even, 5)) == 5


def test_as_many_lines_are_drawn_as_pairs_and_wider_ones_for_more_attention() -> None:
    figure = pattern_links(shown(WORDS, LINKS), pairs=20)
    lines = figure.axes[0].lines

    assert len(lines) == 20
    assert max(line.get_linewidth() for line in lines) == pytest.approx(2.8)


def test_the_text_is_cut_into_the_tokens_with_gold_keys_and_the_gold_token_marked() -> None:
    pieces = text_pieces(shown(WORDS, LINKS))

    assert "".join(piece.text for piece in pieces) == "".join(WORDS)
    assert pieces[-1].marks == ("focus",)
    assert [piece.text for piece in pieces if "golden" in piece.marks] == [" red"]
    assert all(piece.marks[0] in {f"s{level}" for level in range(6)} for piece in pieces[:-1])


def test_a_coloured_text_drops_what_is_too_long_from_its_beginning() -> None:
    words = [f" word{index:04d}" for index in range(1001)]
    long = shown(words, [GoldLink(position=1000, keys=(990,))])

    assert first_shown(long) == 1000 - 1_500 // len(words[0])
    assert any("834 earlier tokens are not drawn" in text for text in texts(coloured_text(long)))


def test_words_are_not_broken_between_lines() -> None:
    words = ["<s>", *[" num", "pus"] * 60, " end"]
    figure = coloured_text(shown(words, [GoldLink(position=121, keys=(3,))]))
    lines: dict[float, str] = {}
    for text in figure.axes[0].texts:
        lines[round(text.get_position()[1], 1)] = lines.get(round(text.get_position()[1], 1), "") + text.get_text()

    # twelve words of seven characters fit into 88, with or without the first token
    assert len(lines) == 5
    assert not any(line.startswith("pus") for line in lines.values())


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_any_text_can_be_drawn_without_a_warning_and_the_same_every_time(theme: Theme) -> None:
    odd = shown(HOSTILE, [GoldLink(position=10, keys=(1, 2, 9))], example="\u202e<b>")
    for draw in (pattern_map, pattern_links, coloured_text):
        first = png_bytes(draw(odd, title="t $x^{", theme=theme))
        assert first == png_bytes(draw(odd, title="t $x^{", theme=theme))
        assert b"Software" not in first


def test_figures_are_of_the_size_that_they_state() -> None:
    for figure in (pattern_map(shown(WORDS, LINKS)), score_map(HEADS, quantity="x"), paper_plot(paper_result())):
        width, height = figure.get_size_inches()
        assert pixels(figure) == (int(width * 200), int(height * 200))


def test_labels_are_short_visible_and_in_the_font() -> None:
    assert token_label(" Max") == "Max"
    assert token_label("\n") == "⏎"
    assert token_label(" ") == "␣"
    assert token_label("w" * 300) == "w" * 13 + "…"
    assert token_label("a\nb") == "a⏎b"
    assert drawable("数a") == "□a"


def test_the_papers_plot_has_every_group_and_the_whole() -> None:
    axes = paper_plot(paper_result()).axes[0]

    assert [label.get_text() for label in axes.get_yticklabels()] == ["all", "AI", "MP"]
    one = paper_plot(paper_result({"MP": (0.5, 0.1, 4)})).axes[0]
    assert [label.get_text() for label in one.get_yticklabels()] == ["all"]
    many = paper_plot(paper_result({"x" * 100: (0.5, 0.1, 2), **{f"g{i}": (0.5, 0.1, 1) for i in range(99)}}))
    assert max(many.get_size_inches()) < 14


def test_a_showcase_says_what_its_colours_are() -> None:
    drawn = texts(coloured_text(shown(WORDS, LINKS)))

    assert any(text.startswith("share of attention; outlined: gold keys") for text in drawn)
    assert Normalisation.DIRECT.value not in "".join(drawn)
