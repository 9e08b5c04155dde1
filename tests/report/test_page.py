"""The page is one file that needs nothing, hides nothing and runs nothing."""

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from attnprobe.causal.controls import ControlKind
from attnprobe.causal.result import PatchResult
from attnprobe.causal.settings import InterventionKind, Metric, PatchSettings
from attnprobe.plan import Point
from attnprobe.report.page import report_page
from attnprobe.runs import Manifest
from attnprobe.tasks.example import Example
from tests.report.rows import head

MakeResult = Callable[..., PatchResult]
VOID = {"meta", "img", "source", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """Reads a page, checking that every element that is opened is closed, in order."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag in ("td", "th"):
            self.words.append(" ")

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def manifest(repeat: str = "attnprobe patch") -> Manifest:
    return Manifest(command="patch", configuration={"seed": 0}, repeat=repeat, environment={"python": "3.11"})


def page(result: PatchResult, example: Example, **names: str) -> bytes:
    return report_page(result, [example], manifest(), **({"model": "zoo:demo", "task": "toy"} | names))


def test_question_and_answer_come_first_then_controls_beside_effects(make_result: MakeResult, example: Example) -> None:
    text = Page(page(make_result(), example).decode()).text

    question = text.index("Does masking one head's attention to the gold source words lower log p(gold)")
    answer = text.index("Yes. The strongest head (L1H0)")
    table = text.index("Head Effect 95% interval Control Difference 95% interval Matched q")
    row = text.index("L1H0 −0.900 [−1.000, −0.800] −0.100 −0.800 [−0.900, −0.700] 16 <.001")
    assert question < answer < table < row


def test_a_page_can_say_no(make_result: MakeResult, example: Example) -> None:
    result = make_result(heads=[head("L0H0", -0.01, 0.0)], strongest=None, strongest_heads=())
    text = Page(page(result, example).decode()).text

    assert "undetermined Undetermined." in text
    assert "None of 1 head differs from its control (q < 0.05, n = 16)." in text


def test_nothing_is_loaded_from_anywhere_and_no_script_can_run(make_result: MakeResult, example: Example) -> None:
    html = page(make_result(), example).decode()
    tags = Page(html).tags

    addresses = [
        value for _, attributes in tags for name, value in attributes.items() if name in ("src", "srcset", "href")
    ]
    assert addresses
    assert all(value is not None and value.startswith("data:image/png;base64,") for value in addresses)
    assert not re.search(r"url\(|@import|https?://", html)
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in tags}
    assert not any(name.startswith("on") for _, attributes in tags for name in attributes)
    policy = next(attributes["content"] for _, attributes in tags if "http-equiv" in attributes)
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


HOSTILE = '<script>alert("x")</script> & "quotes" \u202eevil\u202c שלום 🙂 {{ 7*7 }} {% raw %}'


def test_text_from_outside_is_shown_as_text(make_result: MakeResult, example: Example) -> None:
    nasty = replace(example, id=HOSTILE, prompt=HOSTILE + example.prompt, words=(), spans={})
    tokens = make_result().tokens.assign(example=HOSTILE)
    html = report_page(
        make_result(tokens=tokens),
        [nasty],
        manifest(f"attnprobe patch --keys '{HOSTILE}'"),
        model=HOSTILE,
        task=HOSTILE,
    ).decode()
    read = Page(html)

    assert "script" not in {tag for tag, _ in read.tags}
    assert "\u202e" not in html
    shown = '<script>alert("x")</script> & "quotes" ⟨U+202E⟩evil⟨U+202C⟩ שלום 🙂 {{ 7*7 }} {% raw %}'
    # title twice, heading line twice, example id, prompt, command
    assert read.text.count(shown) == 7


def test_a_lone_surrogate_does_not_stop_the_page(make_result: MakeResult, example: Example) -> None:
    html = page(make_result(), replace(example, gold=" Max is \ud800ed."))

    assert "⟨U+D800⟩" in html.decode("utf-8")


def test_every_picture_says_what_it_shows_and_exists_for_light_and_dark(
    make_result: MakeResult, example: Example
) -> None:
    tags = Page(page(make_result(), example).decode()).tags
    images = [attributes for tag, attributes in tags if tag == "img"]
    dark = [attributes for tag, attributes in tags if tag == "source"]

    assert [image["alt"] for image in images] == [
        "Map of 4 heads by layer; the strongest, in nats: L1H0 −0.80, L0H1 0.16, L0H0 −0.01.",
        "The strongest heads with 95% intervals; the numbers are those of the table above.",
    ]
    assert [source["media"] for source in dark] == ["(prefers-color-scheme: dark)"] * 2
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in tags


def test_the_page_is_small_and_the_same_every_time(make_result: MakeResult, example: Example) -> None:
    heads = [head(f"L{layer}H{index}", 0.01 * index, 0.0) for layer in range(32) for index in range(32)]
    result = make_result(heads=heads, by_control={kind: tuple(heads) for kind in ControlKind})

    first = page(result, example)
    assert first == page(result, example)
    assert len(first) < 3_000_000


def test_other_controls_can_be_unfolded(make_result: MakeResult, example: Example) -> None:
    result = make_result()
    other = (head("L1H0", -0.9, -0.5), head("L0H0", 0.0, 0.1))
    shown = replace(result, by_control={**result.by_control, ControlKind.DISTANCE: other})
    text = Page(page(shown, example).decode()).text

    assert "The same heads against the control distance" in text
    assert "L1H0 −0.900 [−1.000, −0.800] −0.500 −0.400" in text


def test_the_strongest_head_stands_against_every_control(make_result: MakeResult, example: Example) -> None:
    result = make_result()
    matched = replace(
        head("L1H0", -0.9, -0.5), control_kind=ControlKind.MASS, effect_at_dose=-0.25, dose=0.031, difference=0.25
    )
    shown = replace(result, by_control={**result.by_control, ControlKind.MASS: (matched,)})
    text = Page(page(shown, example).decode()).text

    assert "L1H0 against every control" in text
    assert "random_keys −0.900 −0.100 −0.800 [−0.900, −0.700] <.001" in text
    assert "mass mass 0.031 removed on both sides −0.250 −0.500 0.250" in text
    assert "against every control" not in Page(page(result, example).decode()).text


def test_command_manifest_and_rules_are_on_the_page(make_result: MakeResult, example: Example) -> None:
    text = Page(page(make_result(), example).decode()).text

    assert "Run it again attnprobe patch" in text
    assert '"configuration_hash"' in text
    assert "These rules were fixed before the run. The smallest change that counts here is 0.1 nats." in text
    assert "started" not in text.split("Manifest", 1)[1]


@pytest.mark.parametrize(
    "settings",
    [
        PatchSettings(intervention=InterventionKind.PATCH, site=Point.RESID, metric=Metric.RECOVERY),
        PatchSettings(intervention=InterventionKind.ABLATE, metric=Metric.KL),
        PatchSettings(intervention=InterventionKind.SCALE, metric=Metric.LOGIT_DIFF),
        PatchSettings(keys="token_match", queries="all"),
    ],
)
def test_every_kind_of_sweep_has_a_page(make_result: MakeResult, example: Example, settings: PatchSettings) -> None:
    rows = (
        [head("L0", 0.2, q=0.01), head("L1", 0.1)]
        if not settings.resolved_site.has_heads
        else [head("L0H0", 0.2, q=0.01)]
    )
    html = page(make_result(heads=rows, settings=settings, by_kind={}), example).decode()

    assert "None" not in Page(html).text
    assert "Control" not in Page(html).text
