"""Rows of a sweep with numbers written by hand."""

from attnprobe.causal.controls import ControlKind
from attnprobe.causal.rows import HeadResult


def head(
    name: str, effect: float, control: float | None = None, q: float | None = 0.5, half: float = 0.1
) -> HeadResult:
    """A row whose intervals reach `half` to either side."""
    layer, _, index = name.removeprefix("L").partition("H")
    difference = None if control is None else effect - control
    return HeadResult(
        head=name,
        layer=int(layer),
        index=int(index) if index else None,
        effect=effect,
        low=effect - half,
        high=effect + half,
        control_kind=ControlKind.NONE if control is None else ControlKind.RANDOM_KEYS,
        control=control,
        difference=difference,
        difference_low=None if difference is None else difference - half,
        difference_high=None if difference is None else difference + half,
        n_matched=None if control is None else 16,
        p=q,
        q=q,
        fired=64,
        reason="5 examples, fewer than 8" if q is None else None,
    )
