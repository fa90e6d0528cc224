"""Writes the tables and figures of README.md and findings.md from the last benchmarks.

What has not been run stays as it is. `--check` says whether the list of models is current: that
needs no benchmark.
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


TABLES = {
    "crystals": (
        "crystal_benchmark",
        {
            "formation_energy/all/mae": "formation energy (eV/atom), all labels",
            "formation_energy/250/mae": "250",
            "formation_energy/50/mae": "50",
            "band_gap/all/mae": "band gap (eV), all labels",
            "hull_distance/all/mae": "hull distance (eV/atom), all labels",
        },
    ),
    "formation_energies": (
        "site_net_infomax",
        {f"formation_energy/{n}/mae": f"{n:,} labels" for n in (50, 100, 250, 1000)},
    ),
    "band_gaps": (
        "site_net_infomax",
        {f"band_gap/{n}/mae": f"{n:,} labels" for n in (50, 100, 250, 1000)},
    ),
    "compositions": (
        "korolev2020",
        {
            "bulk_modulus/all/mae": "bulk modulus (GPa)",
            "shear_modulus/all/mae": "shear modulus (GPa)",
            "debye_temperature/all/mae": "Debye temperature (K)",
            "ln_thermal_conductivity/all/mae": "ln thermal conductivity",
            "ln_thermal_expansion/all/mae": "ln thermal expansion",
            "band_gap/all/auroc": "band gap > 0, AUROC",
        },
    ),
    "space_groups": (
        "space_groups",
        {
            "space_group/all/accuracy": "space group, top 1",
            "space_group/all/top_5_accuracy": "top 5",
            "crystal_system/all/accuracy": "crystal system",
            "crystal_system/all/balanced_accuracy": "balanced",
        },
    ),
    "space_group_network": (
        "space_group_network",
        {
            "space_group/all/accuracy": "space group, top 1",
            "space_group/all/top_5_accuracy": "top 5",
            "crystal_system/all/accuracy": "crystal system",
        },
    ),
    "gaps": (
        "band_gap",
        {
            "band_gap/all/auroc": "band gap > 0, AUROC",
            "band_gap/all/accuracy": "accuracy",
            "band_gap/all/f1": "F1",
        },
    ),
    "stability": (
        "stability",
        {
            "hull_distance/all/auroc": "stable or not, AUROC",
            "hull_distance/all/accuracy": "accuracy",
            "hull_distance/250/auroc": "AUROC with 250 labels",
        },
    ),
}
"""By the name of their markers: an experiment, and the columns that are shown of its metrics."""

FIGURES = {
    "recall_curves_random.png": "phase_field_benchmark/figures/recall_curves_random.png",
    "leaderboard_time.png": "phase_field_benchmark/figures/leaderboard_time.png",
    "study_history.png": "tune_phase_field_vae/tuning/phase_field_vae/figures/history.png",
    "crystal_labels.png": "crystal_benchmark/figures/learning_curves_random.png",
    "site_net_labels.png": "site_net_infomax/figures/learning_curves_random.png",
    "proposals.png": "latent_search/figures/proposals_new_compositions.png",
    "search_convergence.png": "latent_search/figures/convergence.png",
}


def with_block(text: str, name: str, content: str) -> str:
    """The text with what stands between two markers replaced."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not pattern.search(text):
        sys.exit(f"the markers of '{name}' are missing")
    return pattern.sub(lambda m: f"{m[1]}{content.rstrip()}\n{m[2]}", text)


def models() -> str:
    """The registered encoders and predictors as a Markdown table."""
    from framework.commands.models import list_models

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


def columns_of(experiment: str, columns: dict[str, str]) -> str:
    """Some metrics of a benchmark's leaderboard with their intervals, the best encoder first."""
    import pandas as pd

    board = pd.read_csv(ROOT / "runs" / experiment / "leaderboard.csv")
    lines = ["| encoder | " + " | ".join(columns.values()) + " | audit |"]
    lines.append("|" + " --- |" * (len(columns) + 2))
    for row in board.to_dict("records"):
        cells = []
        for name in columns:
            low, high = row[f"{name}_low"], row[f"{name}_high"]
            ends = f"[{low:.3g}, {high:.3g}]" if low == low else "no interval"
            cells.append(f"{row[name]:.3g} {ends}")
        lines.append("| " + " | ".join([row["encoder"], *cells, row["audit"]]) + " |")
    return "\n".join(lines)


def with_tables(text: str) -> str:
    """The text with every table between its markers whose experiment has been run."""
    for name, (experiment, columns) in TABLES.items():
        if f"<!-- {name} -->" in text and (ROOT / "runs" / experiment / "leaderboard.csv").exists():
            text = with_block(text, name, columns_of(experiment, columns))
    found = ROOT / "runs" / "latent_search" / "table.md"
    if "<!-- latent_search -->" in text and found.exists():
        text = with_block(text, "latent_search", found.read_text(encoding="utf-8"))
    return text


def main() -> None:
    from framework.benchmark.published import collect, to_markdown

    text = README.read_text(encoding="utf-8")
    current = with_block(text, "models", models())
    if "--check" in sys.argv:
        sys.exit(None if current == text else "README.md is out of date: run `make readme`")
    for name, file in {
        "leaderboard": RESULTS / "leaderboard.md",
        "tuned": STUDY / "tuned.md",
    }.items():
        if file.exists():
            current = with_block(current, name, file.read_text(encoding="utf-8"))
    if list((ROOT / "runs").glob("*/published.csv")):
        current = with_block(current, "published", to_markdown(collect(ROOT / "runs")))
    README.write_text(with_tables(current), encoding="utf-8")
    findings = with_tables(FINDINGS.read_text(encoding="utf-8"))
    if (REFERENCE / "leaderboard.csv").exists():
        findings = with_block(findings, "vasylenko", sizes_of_the_reference())
    FINDINGS.write_text(findings, encoding="utf-8")
    figures = ROOT / "docs" / "figures"
    figures.mkdir(exist_ok=True)
    for name, source in FIGURES.items():
        if (ROOT / "runs" / source).exists():
            shutil.copy(ROOT / "runs" / source, figures / name)


if __name__ == "__main__":
    main()
