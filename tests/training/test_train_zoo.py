"""The command names its recipes and fails in one line."""

from pathlib import Path

import pytest

from attnprobe.errors import TrainingError
from attnprobe.training.recipe import fingerprint
from attnprobe.training.train_zoo import main
from attnprobe.training.zoo_recipes import RECIPES, recipe_for
from attnprobe.zoo.card import read_card
from attnprobe.zoo.catalogue import ZOO


def test_every_model_that_ships_has_its_recipe() -> None:
    assert set(ZOO) == set(RECIPES)


@pytest.mark.parametrize("name", ZOO)
def test_a_card_names_the_recipe_that_the_package_holds(name: str) -> None:
    card = read_card(ZOO[name].path)
    assert card.recipe_fingerprint == fingerprint(recipe_for(name))
    assert card.steps == recipe_for(name).steps


def test_an_unknown_recipe_is_refused_with_the_known_ones() -> None:
    with pytest.raises(TrainingError, match=r"no recipe 'x'; expected one of pronto-"):
        recipe_for("x")


def test_the_command_ends_with_one_line_and_code_2_on_a_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["train_zoo", "x", "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"no recipe 'x'; expected one of {', '.join(RECIPES)}.\n"
