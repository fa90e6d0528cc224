"""The MLflow UI, as `phasezoo ui` opens it, seen by a real browser."""

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from framework.benchmark import benchmark
from framework.config import experiment_from

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (shutil.which("chromium") and shutil.which("chromedriver")),
        reason="no chromium with chromedriver (Debian: chromium, chromium-driver)",
    ),
]

WAIT = 60


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The address of a UI over a small tracked benchmark."""
    runs = tmp_path_factory.mktemp("browser") / "runs"
    experiment = experiment_from(
        {
            "name": "seen_in_a_browser",
            "dataset": "oqmd_icsd",
            "task": {"name": "plausibility", "candidates": {"name": "pattern", "contains": ["Li"]}},
            "splits": ["random"],
            "seeds": [0],
            "encoders": ["element_frequency", "input_norm"],
            "resamples": 100,
        },
        where="test",
    )
    benchmark(experiment, runs, track=True, progress=False)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "framework", "ui", "--runs", str(runs), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(WAIT * 2):
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except OSError:
                time.sleep(0.5)
        yield address
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    profile = tmp_path_factory.mktemp("profile")
    for flag in (
        "headless no-sandbox disable-gpu disable-quic no-first-run disable-sync "
        "disable-background-networking disable-component-update window-size=1700,1100 "
        f"user-data-dir={profile}"
    ).split():
        options.add_argument(f"--{flag}")
    driver = Chrome(options=options, service=Service(shutil.which("chromedriver")))
    yield driver
    driver.quit()


def shows(browser, *texts):
    """Wait until a page shows all of these texts."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    def seen(driver):
        body = driver.find_element(By.TAG_NAME, "body").text
        return all(text in body for text in texts)

    WebDriverWait(browser, WAIT, ignored_exceptions=(Exception,)).until(
        seen, f"not all of {texts} are on {browser.current_url}"
    )


def ask(site, call, content):
    request = urllib.request.Request(
        f"{site}/api/2.0/mlflow/{call}",
        data=json.dumps(content).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def child(site):
    """Experiment id and run id of the cell of element_frequency."""
    experiments = ask(site, "experiments/search", {"max_results": 10})["experiments"]
    number = next(e["experiment_id"] for e in experiments if e["name"] == "plausibility")
    query = {"experiment_ids": [number], "filter": "tags.encoder = 'element_frequency'"}
    runs = ask(site, "runs/search", query)["runs"]
    assert len(runs) == 1
    return number, runs[0]["info"]["run_id"]


def test_the_runs_table_shows_the_benchmark_and_its_children(site, browser, child):
    from selenium.webdriver.common.by import By

    browser.get(f"{site}/#/experiments/{child[0]}/runs")
    shows(browser, "seen_in_a_browser")
    browser.find_element(
        By.CSS_SELECTOR, "[data-testid='expander-button'], .ag-cell button"
    ).click()
    shows(browser, "element_frequency", "input_norm")


def test_a_run_shows_its_metrics_tags_parent_and_data_set(site, browser, child):
    browser.get(f"{site}/#/experiments/{child[0]}/runs/{child[1]}")
    shows(browser, "holdout/auroc", "holdout/auroc_low", "seen_in_a_browser", "oqmd_icsd")
    shows(browser, "config_digest", "git_commit", "split", "audit")


def test_a_run_shows_its_figures(site, browser, child):
    browser.get(
        f"{site}/#/experiments/{child[0]}/runs/{child[1]}/artifacts/figures/ranking_curve.png"
    )
    shows(browser, "ranking_curve.png", "audit.png", "run.json")
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    def drawn(driver):
        images = driver.find_elements(By.CSS_SELECTOR, "img, canvas, .image-outer-container *")
        return any(i.size["width"] > 300 and i.size["height"] > 200 for i in images)

    WebDriverWait(browser, WAIT).until(drawn, "the figure is not drawn")
