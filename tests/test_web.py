"""The page in Chromium, as a visitor has it, and its dreams beside Python's."""

import base64
import contextlib
import io
import shutil
import time

import numpy as np
import pytest
from PIL import Image
from scripts import wait_for
from selenium.webdriver.common.keys import Keys

from carracing.task import CARRACING
from doomrnn.task import DOOM
from web.browser import open_page
from web.build import build
from worldmodels.data.starts import load_starts
from worldmodels.dream import DreamSteps, decode
from worldmodels.playing.loading import load_agent

if missing := [program for program in ("node", "npm", "chromium", "chromedriver") if not shutil.which(program)]:
    packages = "apt-get install nodejs npm chromium chromium-driver"
    pytest.skip(f"the page is not tested without {', '.join(missing)}: {packages}", allow_module_level=True)

STEPS, START = 50, 7
# A dream in the page: normal (T + 1, Z) and uniform (T, Z) numbers take the place of chance, null actions are C's.
DREAM = """
const [name, start, normal, uniform, temperature, actions, done] = arguments;
const dream = async () => {
  const [{ loadAgent }, { Dream }] = await Promise.all([import("./agent.js"), import("./dream.js")]);
  const noise = { index: () => start, normal: () => normal.shift(), uniform: () => uniform.shift() };
  const agent = await loadAgent(name);
  const mine = new Dream(agent, noise);
  const seen = { z: [[...mine.state.z]], action: [] };
  for (const action of actions) {
    await mine.step(temperature, action);
    seen.z.push([...mine.state.z]);
    seen.action.push([...mine.action]);
  }
  return { ...seen, picture: [...(await agent.picture(mine.state.z)).data] };
};
dream().then(done, (error) => done(String(error)));
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The page, built for these tests."""
    folder = tmp_path_factory.mktemp("web") / "dist"
    build(folder)
    return folder


@pytest.fixture(scope="module")
def chromium(folder):
    with open_page(folder) as (driver, address):
        driver.set_script_timeout(300)
        yield driver, address


@pytest.fixture
def page(chromium):
    """A fresh page. Afterwards, nothing may have been complained of, and nothing asked of another server."""
    page = Page(*chromium)
    page.driver.get("about:blank")
    page.driver.get_log("browser")
    yield page
    asked = page.driver.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert page.driver.get_log("browser") == []
    assert len(asked) > 5 and all(url.startswith(page.address) for url in asked)


class Page:
    def __init__(self, driver, address):
        self.driver, self.address = driver, address

    def open(self, name):
        """Open a page and wait for its picture."""
        self.driver.get(f"{self.address}#{name}")
        self.until(lambda: self.picture(".made" if name == "v" else ".picture").any())

    def find(self, selector):
        return self.driver.find_element("css selector", selector)

    def all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def picture(self, selector=".picture"):
        """(64, 64, 3) int of a canvas."""
        url = self.driver.execute_script("return document.querySelector(arguments[0]).toDataURL()", selector)
        picture = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
        return np.array(picture.convert("RGB"), int)

    def frame(self):
        """Which frame of the dream is shown."""
        return int(self.find(".count").text.split()[1].replace(",", ""))

    def key(self, kind, code):
        event = f"new KeyboardEvent('{kind}', {{code: '{code}', key: '{code}', bubbles: true}})"
        self.driver.execute_script(f"document.body.dispatchEvent({event})")

    def plays(self):
        """Whether C does."""
        return self.find(".switch").get_attribute("aria-checked") == "true"

    def bar(self, number):
        """Left edge and width of an action's bar, in percent."""
        bar = self.all(".bar i")[number]
        return [bar.get_dom_attribute("style").split(f"{side}: ")[1].split(";")[0] for side in ("left", "width")]

    def until(self, condition):
        wait_for(condition, every=0.05)


@pytest.fixture(scope="module", params=[CARRACING, DOOM], ids=lambda task: task.name)
def agent(request):
    """A task and its shipped agent, whose M is changed by half_precision alone."""
    return request.param, load_agent(request.param, request.param.shipped)


@contextlib.contextmanager
def half_precision(rnn):
    """M with its matrices rounded as the page has them."""
    weights = [variable.numpy() for variable in rnn.trainable_variables]
    for variable, value in zip(rnn.trainable_variables, weights, strict=True):
        variable.assign(np.float32(np.float16(value)) if value.ndim > 1 else value)
    yield
    for variable, value in zip(rnn.trainable_variables, weights, strict=True):
        variable.assign(value)


def in_python(task, trained, normal, uniform, temperature, actions):
    """z (T + 1, Z) and actions (T, A) of the same dream, by worldmodels.dream."""
    mu, logvar = (array[START] for array in load_starts(trained.folder, task.z_size)[:2])
    zeros = np.zeros((1, task.hidden_size), np.float32)
    inputs = {"z": (mu + np.exp(logvar / 2) * normal[0])[None], "h": zeros, "c": zeros}
    inputs |= {"restart": np.ones((1, 1), np.float32), "uniform": uniform[:, None], "normal": normal[1:, None]}
    if actions is None:
        steps = DreamSteps(trained.rnn, temperature, trained.controller, task.to_action)
        out = steps(inputs | {"params": trained.params[None]})
    else:
        out = DreamSteps(trained.rnn, temperature)(inputs | {"actions": actions[:, None]})
    return np.concatenate([out["zs"], out["z"][None]])[:, 0], np.array(out["actions"])[:, 0]


def noise_and_actions(task, seed, by_hand):
    """What a dream is made of: normal (T + 1, Z), uniform (T, Z), and actions (T, A), None where C plays."""
    rng = np.random.default_rng(seed)
    normal = rng.standard_normal((STEPS + 1, task.z_size), np.float32)
    uniform = rng.random((STEPS, task.z_size), np.float32)
    return normal, uniform, rng.uniform(-1, 1, (STEPS, task.action_size)).astype(np.float32) if by_hand else None


DREAMS = pytest.mark.parametrize("temperature, by_hand", [(0.1, False), (1.0, False), (2.0, True)])


@DREAMS
def test_dream_is_that_of_python(page, agent, temperature, by_hand):
    """The same start and noise for 50 steps: z to 0.0001 beside M in half precision."""
    task, trained = agent
    normal, uniform, actions = noise_and_actions(task, 1, by_hand)
    page.open("v")
    given = normal.tolist(), uniform.tolist(), temperature, [None] * STEPS if actions is None else actions.tolist()
    seen = page.driver.execute_async_script(DREAM, task.name, START, *given)
    zs, taken = np.array(seen["z"]), np.array(seen["action"])

    with half_precision(trained.rnn):
        expected, expected_actions = in_python(task, trained, normal, uniform, temperature, actions)
    np.testing.assert_allclose(zs, expected, atol=1e-4)
    np.testing.assert_allclose(taken, expected_actions, atol=1e-4)
    picture = decode(trained.vae, np.float32(zs[-1:]))[0]
    assert np.abs(np.reshape(seen["picture"], (64, 64, 4))[..., :3] - picture).max() <= 1 and picture.std() > 5


@DREAMS
def test_half_precision_changes_little_in_most_dreams(agent, temperature, by_hand):
    """A number that falls between two roundings of a share chooses another component. A dream goes on from there."""
    task, trained = agent
    distances = []
    for seed in range(1, 6):
        normal, uniform, actions = noise_and_actions(task, seed, by_hand)
        with half_precision(trained.rnn):
            zs = in_python(task, trained, normal, uniform, temperature, actions)[0]
        distances.append(np.abs(zs - in_python(task, trained, normal, uniform, temperature, actions)[0]))
    middle, most = (np.quantile(distances, share, axis=(1, 2)) for share in (0.5, 0.95))  # of each dream
    assert np.median(middle) < 0.001 and np.median(most) < 0.02


def test_folder_holds_12_megabytes_at_most(folder):
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= 12e6


def test_c_plays_until_a_key_is_pressed_and_again_at_the_switch(page):
    page.open("carracing")
    first, frame = page.picture(), page.frame()
    page.until(lambda: page.frame() > frame + 5)
    assert (page.picture() != first).any() and page.plays()
    page.key("keydown", "ArrowLeft")
    page.key("keydown", "KeyW")
    page.until(lambda: [page.bar(number) for number in range(2)] == [["0%", "50%"], ["0%", "100%"]])
    assert not page.plays()
    page.key("keyup", "ArrowLeft")
    page.key("keydown", "KeyD")
    page.until(lambda: page.bar(0) == ["50%", "50%"])
    page.find(".switch").click()
    assert page.plays()
    page.until(lambda: page.bar(0) != ["50%", "50%"])


def test_temperature_pause_and_restart_are_at_hand(page):
    page.open("carracing")
    slider, value = page.find(".temperature input"), page.find(".temperature output")
    assert value.text == "1.00"
    for key, temperature in ((Keys.HOME, "0.10"), (Keys.END, "2.00"), (Keys.ARROW_LEFT, "1.95")):
        slider.send_keys(key)
        assert value.text == temperature
    assert page.plays()  # the slider's arrows are no steering
    page.until(lambda: page.frame() > 30)
    page.find(".pause").click()
    time.sleep(0.5)
    still, frame = page.picture(), page.frame()
    time.sleep(0.5)
    assert page.frame() == frame and (page.picture() == still).all()
    page.key("keydown", "KeyR")
    page.until(lambda: page.frame() < frame)


def test_a_doom_dream_ends_and_the_next_one_begins(page):
    page.open("doomrnn")
    page.find(".switch").click()  # who stands still is hit soon
    page.until(lambda: page.find("#dream-page .notice").is_displayed())
    length = page.frame()
    assert f"The dream ended after {length} frames." in page.find("#dream-page .notice").text and 10 < length < 2100
    page.find(".again").click()
    page.until(lambda: 0 < page.frame() < length)
    assert not page.find("#dream-page .notice").is_displayed()


@pytest.mark.parametrize("width, height", [(390, 844), (844, 390)], ids=["upright", "on its side"])
def test_fingers_play_on_a_phone(page, width, height):
    size = {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": True}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    page.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    try:
        page.open("doomrnn")
        assert page.driver.execute_script("return document.documentElement.scrollWidth") == width
        where = "return document.querySelector(arguments[0]).getBoundingClientRect()"
        picture, box = (page.driver.execute_script(where, name) for name in (".picture", "[data-hold=right]"))
        assert picture["bottom"] < height and box["bottom"] < height  # on one screen, without scrolling
        point = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        page.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
        page.until(lambda: page.bar(0) == ["50%", "50%"] and not page.plays())
        page.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        page.until(lambda: page.bar(0) == ["50%", "0%"])
    finally:
        page.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("task", [CARRACING, DOOM], ids=lambda task: task.name)
def test_v_draws_real_frames_again_and_what_the_sliders_say(page, task):
    page.open("v")
    page.find(f"[data-task={task.name}]").click()
    page.until(lambda: len(page.all(".sliders input")) == task.z_size)
    page.all(".thumbs button")[-1].click()
    page.until(lambda: np.abs(page.picture(".real") - page.picture(".made")).mean() < 15)
    before = page.picture(".made")
    page.all(".first input")[0].send_keys(Keys.END)
    page.until(lambda: np.abs(page.picture(".made") - before).mean() > 1)
    page.find(".back").click()
    page.until(lambda: (page.picture(".made") == before).all())
