"""Colours of figures, light and dark: one diverging scale that colour-blind readers can tell apart.

In: nothing. Out: `Theme`s. Vermilion is below zero, blue above; neither red against green nor two of one lightness.
"""

from dataclasses import dataclass

from matplotlib.colors import LinearSegmentedColormap


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """Colours of one appearance, as hexadecimal sRGB.

    Attributes:
        name: `light` or `dark`.
        paper: behind everything.
        ink: text and marks.
        faint: axes, grids, secondary text.
        below: of effects below 0, from the strongest to the weakest.
        middle: of 0.
        above: of effects above 0, from the weakest to the strongest.
        control: of controls.
    """

    name: str
    paper: str
    ink: str
    faint: str
    below: tuple[str, str]
    middle: str
    above: tuple[str, str]
    control: str

    @property
    def diverging(self) -> LinearSegmentedColormap:
        """The scale, 0 in the middle."""
        return LinearSegmentedColormap.from_list(
            f"attnprobe-{self.name}", [*self.below, self.middle, *self.above], N=511
        )

    @property
    def sequential(self) -> LinearSegmentedColormap:
        """The scale of what is never below 0, which is at its beginning."""
        return LinearSegmentedColormap.from_list(f"attnprobe-{self.name}-above", [self.middle, *self.above], N=511)


LIGHT = Theme(
    name="light",
    paper="#ffffff",
    ink="#22262b",
    faint="#8a9097",
    below=("#9c3f0c", "#e69a6b"),
    middle="#f5f4f1",
    above=("#86b4da", "#1c5c94"),
    control="#8a9097",
)
DARK = Theme(
    name="dark",
    paper="#17191c",
    ink="#e8e8e5",
    faint="#868c94",
    below=("#ffb184", "#a85a2c"),
    middle="#26292d",
    above=("#2f6a9c", "#9ccbf5"),
    control="#868c94",
)
