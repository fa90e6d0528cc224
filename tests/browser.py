"""The MLflow UI as `phasezoo ui` serves it, and a headless Chromium to look at it with."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

WAIT = 60
AVAILABLE = bool(shutil.which("chromium") and shutil.which("chromedriver"))


@contextlib.contextmanager
def served(runs: Path) -> Iterator[str]:
    """The address of a UI over a folder of results."""
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


@contextlib.contextmanager
def chromium(width: int = 1700, height: int = 1100) -> Iterator[Any]:
    """A driver of headless Chromium with a profile of its own."""
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = ChromeOptions()
        for flag in (
            "headless no-sandbox disable-gpu disable-quic no-first-run disable-sync "
            "disable-background-networking disable-component-update "
            f"window-size={width},{height} user-data-dir={profile}"
        ).split():
            options.add_argument(f"--{flag}")
        driver = Chrome(options=options, service=Service(shutil.which("chromedriver")))
        try:
            yield driver
        finally:
            driver.quit()


def visit(driver: Any, address: str) -> None:
    """Load a page anew, not only its fragment. The UI remembers the last filter of a table."""
    driver.get("about:blank")
    driver.get(address)


def until(driver: Any, condition: Any, failure: str) -> Any:
    """Wait until a condition of the page holds."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(driver, WAIT, ignored_exceptions=(Exception,)).until(condition, failure)


def shows(driver: Any, *texts: str) -> None:
    """Wait until a page shows all of these texts."""
    until(
        driver,
        lambda d: all(text in body(d) for text in texts),
        f"not all of {texts} are on {driver.current_url}",
    )


def shows_not(driver: Any, *texts: str) -> None:
    """Wait until a page shows none of these texts."""
    until(
        driver,
        lambda d: not any(text in body(d) for text in texts),
        f"one of {texts} is on {driver.current_url}",
    )


def body(driver: Any) -> str:
    """The text of a page."""
    from selenium.webdriver.common.by import By

    return str(driver.find_element(By.TAG_NAME, "body").text)


def draws_a_figure(driver: Any) -> None:
    """Wait until a page shows a picture larger than an icon."""
    from selenium.webdriver.common.by import By

    def drawn(d: Any) -> bool:
        images = d.find_elements(By.CSS_SELECTOR, "img, canvas, .image-outer-container *")
        return any(i.size["width"] > 300 and i.size["height"] > 200 for i in images)

    until(driver, drawn, "the figure is not drawn")


def expand(driver: Any) -> None:
    """Open the first run of the table that has children and is closed."""
    from selenium.webdriver.common.by import By

    selector = "[data-testid='expander-button'], .ag-cell button"
    until(driver, lambda d: d.find_elements(By.CSS_SELECTOR, selector), "no run has children")
    driver.find_element(By.CSS_SELECTOR, selector).click()


def ask(site: str, call: str, content: Any) -> Any:
    """What MLflow's REST interface answers."""
    request = urllib.request.Request(
        f"{site}/api/2.0/mlflow/{call}",
        data=json.dumps(content).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def runs_table(site: str, number: str, search: str = "") -> str:
    """The address of an experiment's runs table, filtered where wanted."""
    from urllib.parse import urlencode

    query = f"?{urlencode({'searchFilter': search})}" if search else ""
    return f"{site}/#/experiments/{number}/runs{query}"
