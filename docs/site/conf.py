"""What Sphinx is told; `build.py` says the language and where the pages are."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))  # the documents speak of this specc, not of one that may be installed

from specc.version import __version__  # noqa: E402

project = "specc"
author = "the authors of specc"
project_copyright = "the authors of specc, Apache-2.0"
version = release = __version__
root_doc = "index"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "docs.site.extension"]

myst_heading_anchors = 6
myst_enable_extensions = ["html_image"]
myst_url_schemes = ("http", "https", "site")  # the last is a page of the site in another language: extension.py

nitpicky = True
# Links are to public names; a name of another package, and of the inside of specc, is only said.
nitpick_ignore_regex = [("py:.*", r"(?!specc\.\w+$).*")]
autodoc_typehints_description_target = "documented_params"
autodoc_typehints = "description"
autodoc_member_order = "bysource"
napoleon_use_ivar = True
default_role = "code"  # as the docstrings have it

html_theme = "furo"
html_title = "specc"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = ["versions.js"]
templates_path = ["templates"]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "switches.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {"font-stack--monospace": "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"},
}
pygments_style = "friendly"
pygments_dark_style = "github-dark"
