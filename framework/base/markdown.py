"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of texts as GitHub reads it, cells as they are given."""
    return pd.DataFrame(rows, columns=list(headings)).to_markdown(
        index=False, tablefmt="github", disable_numparse=True, stralign=None
    )
