"""A part of a report that is there when it was asked for: what it says, shows and leaves as files.

In: what some measurement found, put into words by its own module. Out: `Part`, which page, summary and files take in.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd
from matplotlib.figure import Figure

from attnprobe.report.canvas import png_bytes
from attnprobe.report.html import Picture
from attnprobe.report.palette import LIGHT, Theme
from attnprobe.runs import JsonValue, parquet_bytes

Draw = Callable[[str, Theme], Figure]
"""Makes a figure with a title in a theme."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFigure:
    """A figure of a part.

    Attributes:
        file: its name in the directory.
        draw: makes it.
        alt: what it shows, for those who cannot see it.
        caption: below it.
    """

    file: str
    draw: Draw
    alt: str
    caption: str

    @property
    def picture(self) -> Picture:
        """It, for a page, in both themes and without a title."""
        return Picture.of(lambda theme: self.draw("", theme))


@dataclass(frozen=True, slots=True, kw_only=True)
class PartTable:
    """A table of a part: text in cells, the first of each row its name."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a report.

    Attributes:
        key: what `summary.json` calls it.
        title: above it on the page.
        paragraphs: what it says; the first one also ends the run in the terminal.
        figures, tables: what it shows.
        record: its content in `summary.json`.
        frames: its tables of rows, by file name.
    """

    key: str
    title: str
    paragraphs: Sequence[str]
    record: Mapping[str, JsonValue]
    figures: Sequence[PartFigure] = ()
    tables: Sequence[PartTable] = ()
    frames: Mapping[str, pd.DataFrame] = field(default_factory=dict[str, pd.DataFrame])

    def files(self, title: str) -> Mapping[str, bytes]:
        """Its files, by name.

        Args:
            title: of its figures.
        """
        figures = {figure.file: png_bytes(figure.draw(title, LIGHT)) for figure in self.figures}
        return figures | {name: parquet_bytes(frame) for name, frame in self.frames.items()}
