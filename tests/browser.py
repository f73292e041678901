"""Chromium from Debian's packages, driven by Selenium, for tests of pages as files.

Without it the tests are skipped, and fail where RESED_CI is set: .ci/run installs it.
"""

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
# Fetched by .ci/run with `npm pack` for tests only; its licence is the MPL 2.0.
AXE = Path(os.environ.get("RESED_AXE", REPOSITORY / ".ci" / "axe" / "package" / "axe.min.js"))
AXE_VERSION = "4.10.3"
AXE_SHA256 = "880970c081707360e64f34cea25ff91892f5bc95675b0776925b9709dd8a68bb"
SCREENS = {"phone": (390, 844), "desktop": (1280, 900)}
SCHEMES = ("light", "dark")
SECONDS = 120  # until a page must have loaded, on a machine with other work
LOCAL = ("file:", "data:", "blob:", "about:", "chrome:")


def lacking(reason: str) -> None:
    """Skip a test, or let it fail in continuous integration."""
    if os.environ.get("RESED_CI"):
        pytest.fail(reason)
    pytest.skip(reason)


class Browser:
    """A browser without a window."""

    def __init__(self, folder: Path) -> None:
        selenium = pytest.importorskip("selenium.webdriver")
        program, driver = shutil.which("chromium"), shutil.which("chromedriver")
        if not (program and driver):
            lacking("requires chromium and chromedriver (apt install chromium chromium-driver)")
        options = selenium.ChromeOptions()
        options.binary_location = program
        for option in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"):
            options.add_argument(f"--{option}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        service = selenium.ChromeService(executable_path=driver)
        self.driver = selenium.Chrome(options=options, service=service)
        self.driver.set_page_load_timeout(SECONDS)
        self.driver.set_script_timeout(SECONDS)
        self.folder = folder
        self._do("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def _do(self, command: str, **values: object) -> None:
        self.driver.execute_cdp_cmd(command, values)

    def look(self, screen: str, scheme: str) -> None:
        """Take the size of a screen and a colour scheme."""
        width, height = SCREENS[screen]
        self._do(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=screen == "phone",
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._do("Emulation.setEmulatedMedia", features=features)

    def open(self, path: Path, fragment: str = "") -> None:
        """Load a file anew."""
        self.driver.get("about:blank")
        self.problems()
        self.driver.get(path.as_uri() + fragment)

    def run(self, script: str, *arguments: object) -> object:
        """The value that a script returns."""
        return self.driver.execute_script(script, *arguments)

    def problems(self) -> list[str]:
        """Messages of the console, and requests that leave the machine, since the last call."""
        found = [entry["message"] for entry in self.driver.get_log("browser")]
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                found += [] if url.startswith(LOCAL) else [url]
        return found

    def accessibility(self) -> list[str]:
        """Serious and critical findings of axe-core, each with the first element."""
        if not AXE.is_file():
            lacking(f"requires axe-core: npm pack axe-core@{AXE_VERSION}, unpacked in .ci/axe")
        text = AXE.read_text(encoding="utf-8")
        assert hashlib.sha256(text.encode()).hexdigest() == AXE_SHA256, "another axe-core"
        self.run(text)
        result = self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            "axe.run(document, {resultTypes: ['violations']}).then(done, (e) => done(String(e)));"
        )
        assert isinstance(result, dict), result
        return [
            f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]} "
            f"{one['nodes'][0]['failureSummary'][:300]}"
            for one in result["violations"]
            if one["impact"] in ("serious", "critical")
        ]
