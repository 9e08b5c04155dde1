"""One panel a scoring: AUROC within kinds by size, of the score and less each null, beside that over all pairs.

In: records of `tables`. Out: a matplotlib `Figure`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from attnprobe.report.canvas import DOTS_PER_INCH, FONT, LABEL_SIZE
from attnprobe.report.palette import LIGHT

_PANEL_IN = (2.5, 2.4)
_COLUMNS = 3
# blue, vermilion and green of Okabe and Ito, told apart by marker as well; grey for all pairs
_STYLES: tuple[tuple[str, str, str, str, str], ...] = (
    ("score", "pooled", "score, all pairs", "#7f7f7f", "x"),
    ("score", "within", "score, within kinds", "#0072B2", "o"),
    ("wrong_token", "within", "less wrong token", "#D55E00", "s"),
    ("position", "within", "less position", "#009E73", "^"),
)


def size_figure(records: Sequence[Mapping[str, Any]], titles: Mapping[str, str], minimum: float) -> Figure:
    """Draw all panels on one scale.

    Args:
        records: of all scorings; those of models and of all together are drawn.
        titles: by scoring.
        minimum: the AUROC that counts.
    """
    n_rows = -(-len(titles) // _COLUMNS)
    figure = Figure(
        figsize=(_PANEL_IN[0] * _COLUMNS + 0.4, _PANEL_IN[1] * n_rows + 0.6),
        dpi=DOTS_PER_INCH,
        layout="constrained",
        facecolor="w",
    )
    FigureCanvasAgg(figure)
    grid = figure.subplots(n_rows, _COLUMNS, sharey=True, squeeze=False)
    places: list[Axes] = [axes for row in grid for axes in row]
    for axes, (scoring, title) in zip(places, titles.items(), strict=False):
        _panel(axes, [row for row in records if row["scoring"] == scoring and row["scope"] != "rule"], minimum)
        axes.set_title(title, fontsize=LABEL_SIZE, family=FONT, color=LIGHT.ink)
    for axes in places[len(titles) :]:
        axes.set_visible(False)
    figure.supylabel("AUROC of right against wrong proofs (95% intervals)", fontsize=LABEL_SIZE, family=FONT)
    handles, labels = places[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(_STYLES), frameon=False, fontsize=7)
    return figure


def _panel(axes: Axes, rows: Sequence[Mapping[str, Any]], minimum: float) -> None:
    ordered = [row for row in rows if row["scope"] == "model"] + [row for row in rows if row["scope"] == "all"]
    axes.axhline(0.5, color=LIGHT.ink, lw=0.8)
    axes.axhspan(1 - minimum, minimum, color=LIGHT.faint, alpha=0.15, lw=0)
    for step, (quantity, which, label, colour, marker) in enumerate(_STYLES):
        first = True
        for place, row in enumerate(ordered):
            found = row["contrasts"].get(quantity, {}).get(which)
            if found is None or found["low"] is None:
                continue
            at = place + 0.17 * (step - 1.5)
            axes.plot([at, at], [found["low"], found["high"]], color=colour, lw=1.0)
            axes.plot(
                [at], [found["auroc"]], color=colour, marker=marker, markersize=3.5, label=label if first else None
            )
            first = False
    axes.set_xticks(range(len(ordered)), [str(row["name"]).removeprefix("pronto-") for row in ordered])
    axes.set_ylim(0.0, 1.0)
    axes.tick_params(labelsize=LABEL_SIZE - 1, colors=LIGHT.ink)
    axes.grid(axis="y", color=LIGHT.faint, alpha=0.18, lw=0.6)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
