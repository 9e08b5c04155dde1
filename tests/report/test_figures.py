"""Figures show the numbers of the result and touch nothing global."""

import sys
from collections.abc import Callable

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from attnprobe.causal.result import PatchResult
from attnprobe.causal.settings import InterventionKind, PatchSettings
from attnprobe.plan import Point
from attnprobe.report.canvas import png_bytes
from attnprobe.report.head_map import head_map
from attnprobe.report.interval_plot import interval_plot
from attnprobe.report.palette import DARK, LIGHT, Theme
from tests.report.rows import head

MakeResult = Callable[..., PatchResult]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts] + [text.get_text() for text in figure.texts]


def mesh(figure: Figure) -> QuadMesh:
    return next(item for item in figure.axes[0].collections if isinstance(item, QuadMesh))


def test_each_head_stands_at_its_layer_and_index_with_its_difference(make_result: MakeResult) -> None:
    figure = head_map(make_result(), title="mask · zoo:demo")

    assert np.asarray(mesh(figure).get_array()).reshape(2, 2) == pytest.approx(np.array([[-0.01, 0.16], [-0.8, 0.0]]))
    assert {"−0.010", "0.160", "−0.800", "0.000", "mask · zoo:demo"} <= set(texts(figure))


def test_zero_is_in_the_middle_of_the_scale_and_the_unit_on_its_bar(make_result: MakeResult) -> None:
    figure = head_map(make_result())

    assert (mesh(figure).norm.vmin, mesh(figure).norm.vmax) == pytest.approx((-0.8, 0.8))
    assert figure.axes[1].get_ylabel() == "effect − control, nats"
    assert LIGHT.diverging(0.5)[:3] == pytest.approx(to_rgb(LIGHT.middle), abs=0.01)


def test_heads_with_a_small_q_and_only_those_are_outlined(make_result: MakeResult) -> None:
    outlines = [patch for patch in head_map(make_result()).axes[0].patches if isinstance(patch, Rectangle)]

    assert sorted((int(patch.get_x()), int(patch.get_y())) for patch in outlines) == [(0, 1), (1, 0)]


def test_a_map_without_findings_says_so(make_result: MakeResult) -> None:
    assert "no head has q < 0.05 and at least 0.1 nats" in texts(head_map(make_result(heads=[head("L0H0", 0.0, 0.0)])))


def test_layers_with_fewer_heads_and_heads_not_swept_stay_empty(make_result: MakeResult) -> None:
    figure = head_map(make_result(heads=[head("L0H3", -0.5, 0.0), head("L2H0", 0.1, 0.0)]))
    values = np.ma.filled(mesh(figure).get_array(), np.nan).reshape(3, 4)

    assert np.isfinite(values).sum() == 2
    assert values[0, 3] == pytest.approx(-0.5)


def test_sites_without_heads_are_one_column_of_layers(make_result: MakeResult) -> None:
    settings = PatchSettings(intervention=InterventionKind.PATCH, site=Point.RESID)
    figure = head_map(make_result(heads=[head("L0", 0.1), head("L1", 0.4)], settings=settings))

    assert figure.axes[0].get_xlabel() == ""
    assert list(figure.axes[0].get_xticks()) == []
    assert figure.axes[1].get_ylabel() == "effect, nats"


def test_a_large_model_prints_no_values_and_stays_of_a_sane_size(make_result: MakeResult) -> None:
    heads = [head(f"L{layer}H{index}", 0.01, 0.0) for layer in range(40) for index in range(64)]
    figure = head_map(make_result(heads=heads))

    assert len(figure.axes[0].texts) == 0
    assert max(figure.get_size_inches()) < 12
    assert len(figure.axes[0].get_xticks()) <= 17


def test_a_result_of_zeros_can_be_drawn(make_result: MakeResult) -> None:
    result = make_result(heads=[head("L0H0", 0.0, 0.0, half=0.0)])

    assert png_bytes(head_map(result)).startswith(b"\x89PNG")
    assert png_bytes(interval_plot(result)).startswith(b"\x89PNG")


def test_a_name_with_dollar_signs_is_no_mathematics(make_result: MakeResult) -> None:
    assert png_bytes(head_map(make_result(), title=r"cost $x^{ $\oops$")).startswith(b"\x89PNG")


def test_the_interval_plot_has_the_strongest_on_top_with_effect_control_and_difference(make_result: MakeResult) -> None:
    axes = interval_plot(make_result()).axes[0]
    labels = [text.get_text() for text in axes.get_yticklabels()]
    at = {
        (line.get_label(), round(float(line.get_ydata()[0]))): float(line.get_xdata()[0])
        for line in axes.lines
        if line.get_label() in ("effect", "control", "difference")
    }

    assert labels == ["L1H1", "L0H0", "L0H1", "L1H0"]
    assert (at["effect", 3], at["control", 3], at["difference", 3]) == pytest.approx((-0.9, -0.1, -0.8))
    assert axes.get_xlabel() == "change of log p(gold), nats (95% intervals)"


def test_without_controls_there_is_one_mark_a_head_and_no_legend(make_result: MakeResult) -> None:
    axes = interval_plot(make_result(heads=[head("L0H0", -0.5)])).axes[0]

    assert axes.get_legend() is None
    assert [line.get_label() for line in axes.lines if not str(line.get_label()).startswith("_")] == ["effect"]


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_the_same_result_is_the_same_picture(make_result: MakeResult, theme: Theme) -> None:
    one, two = (png_bytes(head_map(make_result(), theme=theme)) for _ in range(2))

    assert one == two
    assert b"Software" not in one
    assert png_bytes(interval_plot(make_result(), theme=theme)) == png_bytes(interval_plot(make_result(), theme=theme))


def test_drawing_changes_no_setting_and_opens_no_window(make_result: MakeResult) -> None:
    before = dict(mpl.rcParams)
    png_bytes(head_map(make_result()))
    png_bytes(interval_plot(make_result()))

    assert dict(mpl.rcParams) == before
    if "matplotlib.pyplot" in sys.modules:
        assert sys.modules["matplotlib.pyplot"].get_fignums() == []


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_below_and_above_zero_differ_for_colour_blind_readers(theme: Theme) -> None:
    """Under simulated deuteranopia and protanopia (Vienot, Brettel and Mollon 1999) the two ends stay far apart."""
    deuteranopia = np.array([[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]])
    protanopia = np.array([[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]])

    def linear(colour: str) -> np.ndarray:
        return np.array(to_rgb(colour)) ** 2.2

    for sight in (deuteranopia, protanopia):
        below, above = (np.clip(sight @ linear(end), 0, 1) ** (1 / 2.2) for end in (theme.below[0], theme.above[1]))
        assert np.linalg.norm(below - above) > 0.35
