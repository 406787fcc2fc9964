"""The tables of models in the README and in the documentation are those of the cards."""

from pathlib import Path

import pytest

from kerasrnn.zoo import card, names, recipes
from kerasrnn.zoo.cards import markdown_table

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", ["README.md", "docs/zoo.md"])
def test_the_table_of_models_is_that_of_the_cards(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    _, _, after = text.partition("<!-- table: begin -->\n")
    shown, end, _ = after.partition("\n<!-- table: end -->")
    assert end
    assert shown == markdown_table([card(name) for name in names()])


@pytest.mark.parametrize("name", [name for name in names() if name != "dates_bahdanau"])
def test_the_command_in_a_card_is_that_of_its_recipe(name: str) -> None:
    recipe, found = recipes.find(name), card(name)
    folders = "".join(f" --data {folder}" for folder in recipe.folders)
    assert found["training"]["command"] == f"kerasrnn train {name}{folders} --out runs/{name}"
    assert found["training"]["options"] == recipe.with_options({})
    assert found["evaluation"]["command"].startswith(f"kerasrnn evaluate {name} --data {recipe.folders[0]}")
