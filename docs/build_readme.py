"""Writes the tables and figures of README.md and findings.md from the last benchmarks.

`--check` says whether the list of models is current: that needs no benchmark.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
FINDINGS = ROOT / "docs" / "findings.md"
REFERENCE = ROOT / "runs" / "vasylenko2021"
RESULTS = ROOT / "runs" / "phase_field_benchmark"
STUDY = ROOT / "runs" / "tune_phase_field_vae" / "tuning" / "phase_field_vae"


def with_block(text: str, name: str, content: str) -> str:
    """The text with what stands between two markers replaced."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not pattern.search(text):
        sys.exit(f"the markers of '{name}' are missing")
    return pattern.sub(lambda m: f"{m[1]}{content.rstrip()}\n{m[2]}", text)


def models() -> str:
    """The registered encoders and predictors as a Markdown table."""
    from framework.verbs import list_models

    rows = [f"| `{row['name']}` | {row['kind']} | {row['summary']} |" for row in list_models()]
    return "\n".join(["| name | | what it is |", "| --- | --- | --- |", *rows])


def sizes_of_the_reference() -> str:
    """What validation and the audit say of every encoder on the published fields."""
    import pandas as pd

    table = pd.read_csv(REFERENCE / "leaderboard.csv")
    lines = [
        "| encoder | validation AUROC | hold-out AUROC | recall at 1 % | audit |",
        "|" + " --- |" * 5,
    ]
    for row in table.to_dict("records"):
        cells = [
            row["encoder"],
            f"{row['validation_auroc']:.3f}",
            f"{row['auroc']:.3f} [{row['auroc_low']:.3f}, {row['auroc_high']:.3f}]",
            f"{row['recall_at_1pct']:.3f}",
            row["audit"],
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    from framework.published import collect, to_markdown

    text = README.read_text(encoding="utf-8")
    current = with_block(text, "models", models())
    if "--check" in sys.argv:
        sys.exit(None if current == text else "README.md is out of date: run `make readme`")
    board, tuned = RESULTS / "leaderboard.md", STUDY / "tuned.md"
    for needed, command in (
        (board, "make benchmark"),
        (tuned, "phasezoo tune experiments/tune_phase_field_vae.yaml"),
    ):
        if not needed.exists():
            sys.exit(f"{needed}: run `{command}` first")
    current = with_block(current, "published", to_markdown(collect(ROOT / "runs")))
    current = with_block(current, "leaderboard", board.read_text(encoding="utf-8"))
    current = with_block(current, "tuned", tuned.read_text(encoding="utf-8"))
    README.write_text(current, encoding="utf-8")
    findings = with_block(
        FINDINGS.read_text(encoding="utf-8"), "vasylenko", sizes_of_the_reference()
    )
    FINDINGS.write_text(findings, encoding="utf-8")
    figures = ROOT / "docs" / "figures"
    figures.mkdir(exist_ok=True)
    for name in ("recall_curves_random.png", "leaderboard_time.png"):
        shutil.copy(RESULTS / "figures" / name, figures / name)
    shutil.copy(STUDY / "figures" / "history.png", figures / "study_history.png")


if __name__ == "__main__":
    main()
