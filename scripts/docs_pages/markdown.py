"""Texts in Markdown, such as DECISIONS.md, as pages."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt


def markdown_body(markdown: str) -> str:
    """The text below the title, with an anchor for each heading, and a list of them unless the text opens with one.

    HTML in it stays text.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(markdown.partition("\n")[2])
    links = []
    for token, content in zip(tokens, tokens[1:], strict=False):
        if token.type == "heading_open" and token.tag == "h2":
            anchor = anchor_of(content.content)
            token.attrSet("id", anchor)
            links.append(f'<li><a href="#{anchor}">{parser.renderInline(content.content)}</a></li>')
    body = parser.renderer.render(tokens, parser.options, {})
    has_own_list = "](#" in markdown.partition("\n## ")[0]
    return body if has_own_list else f"<ul>{''.join(links)}</ul>\n{body}"


def anchor_of(heading: str) -> str:
    """As GitHub makes it, so that a link in the text leads to its heading there and on the page."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
