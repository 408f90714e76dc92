"""The pages that say which test holds what: every test that they name is there, and every row has a test or a reason."""

import re

import pytest
from swiftlet_server import ROOT

PAGE = ROOT / "docs/conformance.md"
SPECIFICATION = ROOT / "SPECIFICATION.md"
REASONS = "Differs: ", "Not yet", "Outside: "
ROW = re.compile(r"^\| (?!---|Row )(?P<row>.+?) \| (?P<held>.+?) \|$", re.MULTILINE)


def rows():
    return [(match["row"], match["held"]) for match in ROW.finditer(PAGE.read_text())]


def references():
    """The names of the tests in the page's rows, each with its file."""
    files = dict(re.findall(r"^\[(\w+)\]: \.\./(\S+)$", PAGE.read_text(), re.MULTILINE))
    return sorted({(name, files[key]) for _, held in rows() for name, key in re.findall(r"\[(\w+)\]\[(\w+)\]", held)})


def test_page_has_its_rows():
    """Otherwise the tests below would hold by finding nothing."""
    assert len(rows()) > 150
    assert len(references()) > 150


@pytest.mark.parametrize(("name", "file"), references())
def test_named_test_is_there(name, file):
    source = (ROOT / file).read_text()
    definition = rf"^def {name}\(" if file.endswith(".py") else rf"\bfunc {name}\("
    assert re.search(definition, source, re.MULTILINE), f"{file} has no {name}"


@pytest.mark.parametrize(("row", "held"), rows())
def test_row_has_a_test_or_a_reason(row, held):
    assert re.search(r"\[\w+\]\[\w+\]", held) or held.startswith(REASONS), held


def test_files_of_the_promises_are_there():
    missing = [
        target
        for target in re.findall(r"\]\(([^)#]+)\)", SPECIFICATION.read_text())
        if not (ROOT / target).exists()
    ]
    assert missing == []
