"""The goals: what was asked for, what is asked of a run (85% of it), and what was measured.

In: stored rows. Out: one `Goal` a line of the table, as measured, met or not; a row that was never measured says so.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.records import Row, load

# how much of a ratio is asked of a run
SHARE = 0.85


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One line of the table.

    Attributes:
        what: in words.
        goal: as a number.
        at_least: whether more is better.
        unit: of the number.
        measured: None where there is no such row.
        load: load average before and after the row was measured.
        n: timed repeats of the slower-changing side, where times were taken.
    """

    what: str
    goal: float
    at_least: bool
    unit: str
    measured: float | None
    load: tuple[float, float] | None
    n: int | None

    @property
    def gate(self) -> float:
        """What is asked of a run: 85% of a ratio; memory as it stands."""
        if self.unit != "x":
            return self.goal
        return self.goal * SHARE if self.at_least else self.goal / SHARE

    @property
    def verdict(self) -> str:
        """Whether the goal was reached, the gate alone, or neither."""
        if self.measured is None:
            return "not measured"
        if self._reached(self.goal):
            return "goal"
        return "gate" if self._reached(self.gate) else "**missed**"

    def _reached(self, bar: float) -> bool:
        assert self.measured is not None, "asked only of what was measured"
        return self.measured >= bar if self.at_least else self.measured <= bar


def goals(folder: Path) -> list[Goal]:
    """Every goal, from a device's stored rows."""
    scores, kernels, memory, sweep = (load(name, folder) for name in ("scores", "kernels", "memory", "sweep"))
    found = [*_authors(scores), *_libraries(scores), *_memory(memory), *_kernels(kernels), *_overhead(scores)]
    return [*found, *_sweeps(sweep)]


def _authors(rows: Mapping[str, Row]) -> Iterator[Goal]:
    wanted = {"last layer": (60, 60, 100), "all layers": (55, 55, 80)}
    for layers, asked in wanted.items():
        for length, goal in zip((128, 512, 2048), asked, strict=True):
            yield _ratio(
                rows.get(f"gpt2-small {length}"),
                f"authors / attnprobe {layers}",
                f"32 gold tokens, {layers}, against the authors' loop, T = {length:,}",
                goal,
                at_least=True,
            )


def _libraries(rows: Mapping[str, Row]) -> Iterator[Goal]:
    for length, goal in ((512, 1.6), (1024, 2.0), (2048, 2.4)):
        for library in ("TransformerLens", "nnsight"):
            yield _ratio(
                rows.get(f"gpt2-small {length}"),
                f"{library} / attnprobe all layers",
                f"all layers against {library}, T = {length:,}",
                goal,
                at_least=True,
            )


def _memory(rows: Mapping[str, Row]) -> Iterator[Goal]:
    row = rows.get("gpt2-small 2048")
    yield Goal(
        what="extra memory over the bare forward, all layers, T = 2,048",
        goal=10,
        at_least=False,
        unit=" MB",
        measured=None if row is None else row["extra_megabytes"]["attnprobe, all layers"],
        load=_load(row),
        n=None,
    )


def _kernels(rows: Mapping[str, Row]) -> Iterator[Goal]:
    asked = (("key scores, 32 prefixes", "gold scores", 1.2), ("weighted values, 32 columns", "category mass", 1.0))
    for key, what, goal in asked:
        for length in (512, 1024, 2048):
            yield _ratio(
                rows.get(f"gpt2 {length}"),
                key,
                f"one layer's {what} (32) against one fused attention call, T = {length:,}",
                goal,
                at_least=False,
            )


def _overhead(rows: Mapping[str, Row]) -> Iterator[Goal]:
    for length, goal in ((512, 1.15), (2048, 1.3)):
        yield _ratio(
            rows.get(f"gpt2-small {length}"),
            "attnprobe all layers / bare forward",
            f"all layers scored against the bare forward, T = {length:,}",
            goal,
            at_least=False,
        )


def _sweeps(rows: Mapping[str, Row]) -> Iterator[Goal]:
    asked = {64: (4.5, 9, 25, 50), 128: (4.5, 9, 38, 65)}
    words = {"all": "all positions", "half": "last half", "last 8": "last 8 positions", "last": "last position"}
    for length, goals_of_length in asked.items():
        row = rows.get(f"patch {length}")
        for (span, said), goal in zip(words.items(), goals_of_length, strict=True):
            what = f"z of every head, {said}, against TransformerLens' loop, T = {length}"
            yield _ratio(row, f"TransformerLens / {span}", what, goal, at_least=True)
        what = f"z of every head, last 8 positions, in plain forwards, T = {length}"
        yield _ratio(row, "last 8 / plain forward", what, 6 if length == 64 else 5, at_least=False)


def _ratio(row: Row | None, key: str, what: str, goal: float, *, at_least: bool) -> Goal:
    return Goal(
        what=what,
        goal=goal,
        at_least=at_least,
        unit="x",
        measured=None if row is None else row["ratios"].get(key),
        load=_load(row),
        n=None if row is None else _repeats(row["seconds"]),
    )


def _load(row: Row | None) -> tuple[float, float] | None:
    return None if row is None else (row["load_average"][0], row["load_average"][1])


def _repeats(seconds: Mapping[str, Mapping[str, Any]]) -> int:
    return max(taken["n"] for taken in seconds.values())
