"""Texts in Markdown, such as DECISIONS.md, as pages."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt


def markdown_body(markdown: str) -> str:
    """The text below the title, with an anchor for each heading and a list of them. HTML in it stays text."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(markdown.partition("\n")[2])
    links = []
    for token, content in zip(tokens, tokens[1:], strict=False):
        if token.type == "heading_open" and token.tag == "h2":
            anchor = re.sub(r"[^a-z0-9]+", "-", content.content.lower()).strip("-")
            token.attrSet("id", anchor)
            links.append(f'<li><a href="#{anchor}">{parser.renderInline(content.content)}</a></li>')
    body = parser.renderer.render(tokens, parser.options, {})
    return f"<ul>{''.join(links)}</ul>\n{body}"
