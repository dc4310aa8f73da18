"""What is wrong is said while it is typed and mended with a click; stages are suggested to a notebook without any."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from .conftest import Screen, written


def test_a_finding_is_mended_with_one_click_and_the_click_is_undone(screen: Screen, folder: Path) -> None:
    book = written(folder / "twice.ipynb", "%%stage one\nrows = 1", "%%stage Two\nprint(rows)")
    page = screen.page
    screen.open(book)
    screen.show_panel()
    finding = page.locator('.jp-nb2prod-Finding[data-code="NB104"]')
    expect(finding).to_be_visible()
    expect(screen.cell(1).locator(".jp-nb2prod-CellFault")).to_contain_text("NB104")
    screen.cell(1).locator(".jp-nb2prod-CellFault").get_by_role("button").click()

    expect(finding).to_have_count(0)
    expect(screen.cell(1).locator(".cm-line").first).to_have_text("%%stage two")
    expect(screen.node("two")).to_be_visible()
    screen.cell(1).locator(".jp-InputPrompt").click()
    page.keyboard.press("Escape")
    page.keyboard.press("z")
    expect(screen.cell(1).locator(".cm-line").first).to_have_text("%%stage Two")
    expect(finding).to_be_visible()


def test_cures_merge_stages_make_a_parameter_and_write_the_name_that_was_meant(screen: Screen, folder: Path) -> None:
    book = written(
        folder / "cures.ipynb",
        "%%stage one\nlimit = int(input('how many? '))\nrows = (at for at in range(3))\nnext(rows)",
        "%%stage two\ntotal = sum(rows) + limit",
        "print(totl)",
    )
    page = screen.page
    screen.open(book)
    screen.show_panel()
    for title in ("Make it a parameter", "Merge 'two' into 'one'", "Write 'total' instead of 'totl'"):
        page.locator(".jp-nb2prod-Finding").get_by_role("button", name=title).click()
        expect(page.locator(".jp-nb2prod-Finding").get_by_role("button", name=title)).to_have_count(0)

    expect(screen.cell(0).locator(".cm-line")).to_have_text(["limit = 0"])
    expect(screen.node("two")).to_have_count(0)
    expect(page.locator('.jp-nb2prod-Finding[data-severity="error"]')).to_have_count(0)
    page.get_by_text("Parameters", exact=True).click()
    expect(page.get_by_label("limit", exact=True)).to_have_attribute("placeholder", "0")


def test_a_finding_with_several_cures_has_a_button_for_each(screen: Screen, folder: Path) -> None:
    link = "import socket\nlink = socket.socket()\nnumber = link.fileno()"
    book = written(folder / "link.ipynb", "%load_ext nb2prod", f"%%stage one\n{link}", "%%stage two\nlink.close()")
    screen.open(book)
    screen.show_panel()
    finding = screen.page.locator('.jp-nb2prod-Finding[data-code="NB108"]')
    mark = screen.cell(1).locator(".jp-nb2prod-CellFault")
    ways = ["Merge 'two' into 'one'", "Move to setup"]
    for part in (finding, mark):
        expect(part.get_by_role("button").filter(has_not_text="Cell")).to_have_text(ways)
    mark.get_by_role("button", name="Move to setup").click()

    expect(finding).to_have_count(0)
    expect(screen.cell(1).locator(".cm-line")).to_have_text(["import socket", "link = socket.socket()"])
    expect(screen.cell(2).locator(".cm-line").last).to_have_text("number = link.fileno()")
    assert screen.barriers(".jp-nb2prod-Panel") == []
    screen.cell(2).locator(".jp-InputPrompt").click()
    screen.page.keyboard.press("Escape")
    screen.page.keyboard.press("z")
    expect(finding).to_be_visible()
    finding.get_by_role("button", name="Merge").click()
    expect(screen.node("two")).to_have_count(0)
    expect(finding).to_have_count(0)


def test_a_package_that_no_list_names_is_added_with_a_click_to_the_file_that_is_there(
    screen: Screen, folder: Path
) -> None:
    needs = folder / "requirements.txt"
    needs.write_text("# what we use\nattrs==23.2  # values\n")
    book = written(folder / "needs.ipynb", "import pandas as pd", "%%stage one\nrows = pd.DataFrame()")
    page = screen.page
    screen.open(book)
    screen.show_panel()
    finding = page.locator('.jp-nb2prod-Finding[data-code="NB116"]')
    cure = screen.cell(0).locator(".jp-nb2prod-CellFault").get_by_role("button", name="Add 'pandas==")
    cure.click()
    expect(finding).to_have_count(0)
    expect(cure).to_have_count(0)
    assert needs.read_text().splitlines()[:-1] == ["# what we use", "attrs==23.2  # values"]
    assert needs.read_text().splitlines()[-1].startswith("pandas==")

    toast = page.locator(".jp-toastContainer")
    expect(toast.get_by_text("Added pandas==")).to_be_visible()
    toast.get_by_role("button", name="Open").click()
    editor = page.locator(".jp-FileEditor .cm-content")
    expect(editor).to_contain_text("pandas==")
    editor.click()
    page.keyboard.press("Control+a")
    page.keyboard.type("attrs")
    page.keyboard.press("Control+s")
    page.get_by_role("tab", name="needs.ipynb").click()
    expect(finding).to_be_attached()


def test_suggested_stages_are_accepted_one_by_one_or_all_at_once(screen: Screen, folder: Path) -> None:
    book = written(
        folder / "plain.ipynb",
        "import pandas as pd",
        "# load the data\nframe = pd.DataFrame({'x': [1, 2, 3], 'y': [2, 4, 6]})",
        "frame = frame.dropna()\nframe['z'] = frame.x * 2",
        "from sklearn.linear_model import LinearRegression\nmodel = LinearRegression().fit(frame[['x', 'z']], frame.y)",
        "print(model.score(frame[['x', 'z']], frame.y))",
    )
    page = screen.page
    screen.open(book)
    screen.show_panel()
    page.get_by_role("button", name="Suggest stages").click()
    suggested = page.get_by_role("region", name="Suggested stages")
    expect(suggested.get_by_role("listitem").first).to_be_visible()
    names = suggested.locator("li").evaluate_all("items => items.map(item => item.dataset.stage)")
    assert len(names) > 1
    expect(page.get_by_text("Preview: the pipeline")).to_be_visible()
    for name in names:
        expect(screen.node(name)).to_be_visible()
    screen.node(names[-1]).click()
    expect(page.locator(".jp-nb2prod-Detail")).to_have_count(0)
    assert screen.barriers(".jp-nb2prod-Panel") == []
    ghosts = page.locator(".jp-nb2prod-Badge.jp-mod-suggested")
    expect(ghosts).to_have_text([f"{name} ?" for name in names])
    assert screen.barriers(".jp-Notebook .jp-nb2prod-Badge") == []
    ghosts.first.get_by_role("button").click()
    expect(screen.node(names[0])).to_be_visible()
    expect(ghosts).to_have_count(len(names) - 1)
    expect(suggested.get_by_role("listitem")).to_have_count(len(names) - 1)
    suggested.get_by_role("button", name="Accept all").click()

    for name in names:
        expect(screen.node(name)).to_be_visible()
    expect(suggested).to_have_count(0)
    expect(page.get_by_text("Preview: the pipeline")).to_have_count(0)
    expect(ghosts).to_have_count(0)
