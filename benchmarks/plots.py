"""`python -m benchmarks.plots`: figures of stored rows, beside them.

In: the JSON of a device. Out: `cost_against_length.png` (kernels, seconds and ratio against T) and
`ratios_end_to_end.png` (everyone over attnprobe, by length).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.records import RESULTS, Row, load

_DRAWN = (
    "one fused attention call",
    "whole pattern, 32 prefixes",
    "key scores, 32 prefixes",
    "weighted values, 32 columns",
)
_BARS = ("authors / attnprobe all layers", "transformers eager / attnprobe all layers")
_BARS += ("TransformerLens / attnprobe all layers", "nnsight / attnprobe all layers")
_BARS += ("TransformerLens, no head / attnprobe all layers", "nnsight, no head / attnprobe all layers")


def main() -> None:
    """Draw the figures of every device that has results."""
    for folder in sorted(path for path in RESULTS.iterdir() if path.is_dir()):
        draw(folder)


def draw(folder: Path) -> None:
    """Draw what a device has rows for."""
    kernels = {
        key: row for key, row in load("kernels", folder).items() if row["shape"] == "gpt2" and row["threads"] == 1
    }
    if kernels:
        _cost(kernels, folder / "cost_against_length.png")
    scores = {key: row for key, row in load("scores", folder).items() if set(_BARS) <= set(row["ratios"])}
    if scores:
        _ratios(scores, folder / "ratios_end_to_end.png")
    grown = [row for row in load("sweep", folder).values() if "grows" in row]
    if grown:
        _growth(grown, folder / "sweep_growth.png")


def _figure(n_panels: int) -> tuple[Any, Any]:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot.subplots(1, n_panels, figsize=(5.5 * n_panels, 4), layout="constrained", squeeze=False)


def _save(figure: Any, path: Path) -> None:
    from matplotlib import pyplot

    # without the version of the library in it, the same rows give the same bytes
    figure.savefig(path, dpi=120, metadata={"Software": None})
    pyplot.close(figure)


def _cost(rows: Mapping[str, Row], path: Path) -> None:
    figure, axes = _figure(2)
    for name in _drawn(rows):
        points = [(row["length"], row["seconds"][name]) for row in rows.values() if name in row["seconds"]]
        lengths = [length for length, _ in points]
        medians = [taken["median"] for _, taken in points]
        spread = [
            [taken["median"] - taken["low"] for _, taken in points],
            [taken["high"] - taken["median"] for _, taken in points],
        ]
        axes[0][0].errorbar(lengths, medians, yerr=spread, marker="o", markersize=4, capsize=2, label=name)
        over = [(row["length"], row["ratios"][name]) for row in rows.values() if name in row["ratios"]]
        if over:
            axes[0][1].plot(*zip(*over, strict=True), marker="o", markersize=4, label=name)
        else:
            axes[0][1].axhline(1.0, color="C0", linewidth=1)
            axes[0][1].plot([], [])
    axes[0][0].set(
        xscale="log", yscale="log", xlabel="keys T", ylabel="seconds of one layer", title="Cost against length"
    )
    axes[0][1].set(xscale="log", xlabel="keys T", ylabel="over one fused attention call", title="Ratio against length")
    axes[0][1].set_ylim(bottom=0)
    for panel in axes[0]:
        panel.grid(alpha=0.3)
        lengths = [row["length"] for row in rows.values()]
        panel.set_xticks(lengths, [f"{length:,}" for length in lengths], rotation=45)
        panel.minorticks_off()
    axes[0][0].legend(fontsize=8)
    _save(figure, path)


def _drawn(rows: Mapping[str, Row]) -> list[str]:
    """The contestants to draw; on a GPU the same of each implementation."""
    names = dict.fromkeys(name for row in rows.values() for name in row["seconds"])
    return [name for name in names if name.startswith(_DRAWN)]


def _ratios(rows: Mapping[str, Row], path: Path) -> None:
    figure, axes = _figure(1)
    panel, width = axes[0][0], 0.8 / len(_BARS)
    for index, name in enumerate(_BARS):
        places = [place + (index - (len(_BARS) - 1) / 2) * width for place in range(len(rows))]
        bars = panel.bar(places, [row["ratios"][name] for row in rows.values()], width, label=name.partition(" / ")[0])
        panel.bar_label(bars, fmt="%.3g", fontsize=6, rotation=90, padding=2)
    panel.axhline(1.0, color="black", linewidth=1)
    panel.set(
        yscale="log", ylabel="CPU seconds over attnprobe's, all layers", title="Gold scores end to end, 32 gold tokens"
    )
    panel.set_xticks(range(len(rows)), [f"T = {row['length']:,}" for row in rows.values()])
    panel.margins(y=0.2)
    panel.legend(fontsize=7)
    _save(figure, path)


def _growth(rows: Sequence[Row], path: Path) -> None:
    """Seconds of a sweep against each of its sizes, a line from the first point for what would be proportional."""
    figure, axes = _figure(len(rows))
    for panel, row in zip(axes[0], rows, strict=True):
        taken = [row["seconds"][str(count)]["median"] for count in row["counts"]]
        panel.plot(row["counts"], taken, marker="o", markersize=4)
        proportional = [taken[0] * count / row["counts"][0] for count in row["counts"]]
        panel.plot(row["counts"], proportional, color="grey", linewidth=1, linestyle=":")
        panel.set(xlabel=row["grows"], ylabel="CPU seconds of a sweep", title=f"Cost against {row['grows']}")
        panel.set_ylim(bottom=0)
        panel.grid(alpha=0.3)
    _save(figure, path)


if __name__ == "__main__":
    main()
