"""The page in Chromium, without a window: for its tests, its pictures and its speed."""

import contextlib
import shutil
import tempfile
import threading

from web.serve import make_server
from worldmodels.scripts.cli import UserError

FLAGS = "headless=new no-sandbox disable-gpu disable-background-networking disable-component-update disable-sync"
FLAGS += " no-first-run window-size=1280,800"


@contextlib.contextmanager
def open_page(folder):
    """Yield Chromium, as a selenium driver, and the address of the page of a folder, which is served meanwhile.

    UserError if there is no Chromium.
    """
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        raise UserError("Chromium and its driver are missing: install them (apt-get install chromium chromium-driver)")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with contextlib.ExitStack() as stack:
        profile = stack.enter_context(tempfile.TemporaryDirectory())
        for flag in (*FLAGS.split(), f"user-data-dir={profile}"):
            options.add_argument(f"--{flag}")
        server = stack.enter_context(make_server(folder, 0))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stack.callback(server.shutdown)
        driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
        stack.callback(driver.quit)
        yield driver, f"http://localhost:{server.server_port}/"


def answer(driver, script, *arguments):
    """What an asynchronous script gives in the page. UserError if that is a string, the words of an error."""
    if isinstance(found := driver.execute_async_script(script, *arguments), str):
        raise UserError(f"the page says: {found}")
    return found
