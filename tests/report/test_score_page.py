"""The page of attention scores: the answer first, everything escaped, nothing loaded, the same every time."""

import json
from dataclasses import replace

import pytest

from attnprobe.attention.settings import FirstKey, Normalisation, Null, Protocol, ScoreSettings
from attnprobe.report.score_files import paper_files, score_files
from attnprobe.report.score_page import score_page
from attnprobe.report.score_part import Part, PartTable
from attnprobe.report.score_summary import (
    acts_with,
    paper_summary_record,
    score_settings_record,
    score_summary_record,
)
from attnprobe.runs import Manifest
from tests.report.score_results import HEADS, LINKS, WORDS, N, against, paper_result, score_result, scored, shown
from tests.report.test_page import HOSTILE, Page

MANIFEST = Manifest(command="score", configuration={"seed": 0}, repeat="attnprobe score", environment={"python": "3"})
PART = Part(
    key="extra",
    title="Something <b>else</b>",
    paragraphs=("First & foremost.", "Then."),
    record={"n": 3},
    tables=(PartTable(title="T", columns=("Name", "Value"), rows=(("<i>", "1"),)),),
)


def page(**changes: object) -> str:
    options = {"model": "zoo:demo", "task": "toy", "shown": shown(WORDS, LINKS)} | changes
    return score_page(options.pop("result", score_result()), MANIFEST, **options).decode()  # type: ignore[arg-type]


def test_question_and_answer_come_first_then_heads_beside_their_nulls() -> None:
    text = Page(page()).text

    question = text.index("Is there more attention on the gold source words than chance puts there?")
    answer = text.index("supported Yes. For the mean over 4 heads")
    table = text.index("Head Score Wrong token Position Permuted Difference q")
    row = text.index("L2H0 0.600[0.580, 0.620] 0.100 0.050 0.200 0.400[0.380, 0.420] .001")
    assert question < answer < table < row
    assert "heads that exceed every null2 of 4" in text
    assert "all 0.190[0.170, 0.210] 0.050 0.060 0.080 0.110[0.090, 0.130] –" in text


def test_all_heads_can_be_unfolded_where_some_are_hidden() -> None:
    many = [scored(f"L0H{index}", 0.1, against(0.05, 0.05, 0.05)) for index in range(20)]

    assert "All 20 heads" in Page(page(result=score_result(heads=many))).text
    assert "All 4 heads" not in Page(page()).text


def test_the_example_is_shown_with_its_gold_keys_and_pictures() -> None:
    read = Page(page())
    images = [attributes for tag, attributes in read.tags if tag == "img"]
    marked = [attributes["class"] for tag, attributes in read.tags if tag == "span" and attributes.get("class")]

    assert "One example under L2H0" in read.text
    assert "up to the gold token red." in read.text
    assert len(images) == 4
    assert all(image["alt"] for image in images)
    assert str(images[1]["alt"]).startswith(
        "Map of 4 heads by layer; the largest differences from the closest null: L2H0 0.40"
    )
    # one in the legend, one key of the example
    assert sum("golden" in str(name) for name in marked) == 2


def test_without_an_example_there_is_no_such_section() -> None:
    assert "One example under" not in Page(page(shown=None)).text


def test_text_from_outside_is_shown_as_text() -> None:
    odd = shown((HOSTILE, *WORDS[1:]), LINKS, example=HOSTILE)
    settings = ScoreSettings(keys=HOSTILE)
    html = score_page(
        score_result(settings=settings),
        replace(MANIFEST, repeat=f"attnprobe score --keys '{HOSTILE}'"),
        model=HOSTILE,
        task=HOSTILE,
        shown=odd,
        parts=(PART,),
    ).decode()
    read = Page(html)

    assert not {"script", "i", "b"} & {tag for tag, _ in read.tags}
    assert "\u202e" not in html
    assert '<script>alert("x")</script> & "quotes" ⟨U+202E⟩evil' in read.text
    addresses = [value for _, found in read.tags for name, value in found.items() if name in ("src", "srcset", "href")]
    assert all(value is not None and value.startswith("data:image/png;base64,") for value in addresses)


def test_parts_stand_on_page_summary_and_terminal_by_their_words() -> None:
    result = score_result()
    files = score_files(result, MANIFEST, model="m", task="t", parts=(PART,))

    assert "First & foremost. Then. T Name Value <i> 1" in " ".join(Page(files["report.html"].decode()).text.split())
    assert json.loads(files["summary.json"])["extra"] == {"n": 3}


def test_all_files_are_the_same_bytes_every_time() -> None:
    first, again = (
        score_files(score_result(), MANIFEST, model="m", task="t", shown=shown(WORDS, LINKS)) for _ in range(2)
    )

    assert first == again
    assert set(first) == {
        "report.html", "scores.png", "differences.png", "pattern.png", "links.png", "text.png", "summary.json",
        "rows.parquet", "tokens.parquet", "keys.parquet",
    }  # fmt: skip
    assert next(iter(first)) == "report.html"


@pytest.mark.parametrize("normalise", list(Normalisation))
def test_every_normalisation_and_kind_of_keys_has_a_page(normalise: Normalisation) -> None:
    for keys in ("source_word", "premise", "token_match", "facts"):
        result = score_result(settings=ScoreSettings(normalise=normalise, keys=keys))
        assert "None" not in Page(page(result=result, shown=None)).text
        if normalise is not Normalisation.DIRECT:
            break


def test_the_summary_holds_every_number_with_null_where_there_is_none() -> None:
    lone = scored("L1H0", 0.9, {Null.POSITION: None}, q=None)
    summary = score_summary_record(score_result(heads=(*HEADS, lone)), model="m", task="t")

    assert summary["n"] == N
    assert summary["settings"] == {
        "protocol": "aligned",
        "normalise": "direct",
        "keys": "source_word",
        "layers": "all",
        "seed": 0,
        "batch_size": 8,
        "impl": "auto",
    }
    assert summary["standing_out"] == ["L2H0", "L0H1"]
    assert summary["strongest"] == {
        "head": "L2H0",
        "null": "permuted",
        "value": pytest.approx(0.4),
        "low": pytest.approx(0.4),
        "high": pytest.approx(0.4),
        "n": 8,
    }
    heads = summary["heads"]
    assert isinstance(heads, list)
    assert heads[0]["nulls"]["wrong_token"]["difference"]["value"] == pytest.approx(-0.01)
    assert heads[-1]["nulls"] == {
        "position": {
            "value": None,
            "difference": {"value": None, "low": None, "high": None, "n": 0},
            "p": None,
            "q": None,
        }
    }
    json.dumps(summary, allow_nan=False)


def test_settings_that_do_not_act_are_left_out() -> None:
    samrank = score_settings_record(
        ScoreSettings(normalise=Normalisation.SAMRANK, first_key=FirstKey.NONE, layers=(1,))
    )
    sinkless = score_settings_record(ScoreSettings(normalise=Normalisation.SINK_REMOVED))

    assert samrank["first_key"] == "none"
    assert samrank["layers"] == [1]
    assert "sink_share" not in samrank
    assert sinkless["sink_share"] == 0.2
    assert score_settings_record(ScoreSettings(protocol=Protocol.PAPER)) == {"protocol": "paper", "impl": "auto"}
    assert acts_with("keys") is None


def test_the_papers_summary_holds_mean_std_and_n_at_the_top() -> None:
    summary = paper_summary_record(paper_result(), model="m", task="t")

    assert {name: summary[name] for name in ("mean", "std", "n")} == {
        "mean": 0.5,
        "std": pytest.approx(0.1224745, abs=1e-6),
        "n": 4,
    }
    assert summary["by_group"] == {"MP": {"mean": 0.4, "std": 0.1, "n": 2}, "AI": {"mean": 0.6, "std": 0.0, "n": 2}}
    lost = replace(paper_result(), mean=float("nan"))
    assert json.loads(json.dumps(paper_summary_record(lost, model="m", task="t"), allow_nan=False))["mean"] is None


def test_the_papers_page_has_every_group_and_says_what_it_lacks() -> None:
    files = paper_files(paper_result({"<b>": (0.4, 0.1, 2), "AI": (0.6, 0.0, 2)}), MANIFEST, model="m", task="t")
    text = Page(files["report.html"].decode()).text

    assert "<b> 0.400 0.100 2" in text
    assert "all 0.500 0.122 4" in text
    assert "There is no null here." in text
    assert set(files) == {"report.html", "scores.png", "summary.json", "rows.parquet", "tokens.parquet"}
