"""The search of pages that are opened as files, without a request: the theme would load the script that it needs from a host."""

import re
from typing import Any

from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url


def on_post_page(output: str, page: Page, config: Any) -> str:
    """Called by mkdocs for every page."""
    return re.sub(r"https://[^\"]*/iframe-worker/shim", get_relative_url("docs/site/iframe-worker.js", page.url), output)
