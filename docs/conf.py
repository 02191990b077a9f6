"""Configuration of the documentation's site, which `make docs-site` builds into build/site."""

from __future__ import annotations

import tomllib
from pathlib import Path

_PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = _PROJECT["name"]
version = release = _PROJECT["version"]
copyright = f"the {project} developers"

extensions = ["myst_parser"]
myst_heading_anchors = 3  # links to headings, as on the pages of the repository
nitpicky = True  # a link that leads nowhere is a warning, and a warning an error

html_theme = "pydata_sphinx_theme"
html_title = project
html_show_sourcelink = False
html_copy_source = False
html_use_index = False
html_sidebars = {page: [] for page in ("index", "install", "tutorial")}  # they have no pages below them
html_theme_options = {
    "header_links_before_dropdown": 7,
    "navigation_with_keys": False,
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
