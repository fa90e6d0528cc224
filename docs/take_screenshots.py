"""Takes the README's pictures of the MLflow UI: of the last benchmark and the last study."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.browser import (
    AVAILABLE,
    ask,
    body,
    chromium,
    draws_a_figure,
    expand,
    runs_table,
    served,
    shows,
    until,
    visit,
)

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "docs" / "figures"
STUDY = "tune_phase_field_vae"
HIDE_PATHS = """
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode())
  if (texts.currentNode.data.includes("file://"))
    texts.currentNode.parentElement.style.visibility = "hidden";
"""


def main() -> None:
    if not AVAILABLE:
        sys.exit("no chromium with chromedriver (Debian: chromium, chromium-driver)")
    FIGURES.mkdir(exist_ok=True)
    with served(ROOT / "runs") as site, chromium(1500, 900) as driver:
        number = next(
            e["experiment_id"]
            for e in ask(site, "experiments/search", {"max_results": 50})["experiments"]
            if e["name"] == "plausibility"
        )
        _take(driver, runs_table(site, number, f"tags.study = '{STUDY}'"), "mlflow_runs")
        trials = _found(
            site,
            number,
            f"tags.kind = 'trial' and tags.study = '{STUDY}' and attributes.status = 'FINISHED'",
        )
        several = f"runs={quote(json.dumps(trials[:12]))}&experiments={quote(json.dumps([number]))}"
        visit(driver, f"{site}/#/compare-runs?{several}")
        shows(driver, "Parallel Coordinates Plot")
        _save(driver, "mlflow_compare")
        (study,) = _found(site, number, f"tags.kind = 'study' and tags.study = '{STUDY}'")
        figure = "artifacts/figures/history.png"
        visit(driver, f"{site}/#/experiments/{number}/runs/{study}/{figure}")
        draws_a_figure(driver)
        driver.execute_script(HIDE_PATHS)
        _save(driver, "mlflow_study")


def _take(driver: Any, address: str, name: str) -> None:
    visit(driver, address)
    expand(driver)
    until(driver, lambda d: "trial 1" in body(d), "no trials are shown")
    _save(driver, name)


def _save(driver: Any, name: str) -> None:
    from selenium.webdriver.common.by import By

    for button in driver.find_elements(
        By.CSS_SELECTOR, "[aria-label='Close'], [aria-label='close']"
    ):
        if button.is_displayed():
            button.click()  # a panel that hides half of the page
    time.sleep(3)  # animations
    driver.save_screenshot(str(FIGURES / f"{name}.png"))


def _found(site: str, number: str, search: str) -> list[str]:
    content = {"experiment_ids": [number], "filter": search}
    return [run["info"]["run_id"] for run in ask(site, "runs/search", content)["runs"]]


if __name__ == "__main__":
    main()
