"""How fast the browser dreams, on one core, in Chromium without a window: make web, then

    python -m web.speed

C plays. "computed" is as fast as it goes: C, M, V's decoder and the canvas. "shown" is what the page does, which keeps
to the game's own pace. Chromium, this script and the server share the core.
"""

import json
import os
import statistics
import time
from pathlib import Path

from web.browser import answer, open_page
from web.build import DIST, HERE
from worldmodels.files.provenance import origin
from worldmodels.files.writing import save_json
from worldmodels.scripts.cli import Parser, UserError, positive_int, run

RESULT = Path(__file__).resolve().parents[1] / "results" / "web_speed.json"
COMPUTE = """
const [name, steps, done] = arguments;
const compute = async () => {
  const [{ loadAgent }, { Dream }] = await Promise.all([import("./agent.js"), import("./dream.js")]);
  const context = document.createElement("canvas").getContext("2d");
  const agent = await loadAgent(name);
  const dream = new Dream(agent);
  const frame = async () => {
    await dream.step(agent.about.temperature);
    context.putImageData(await agent.picture(dream.state.z), 0, 0);
    if (dream.ended) dream.restart();
  };
  for (let t = 0; t < 30; t++) await frame();
  const start = performance.now();
  for (let t = 0; t < steps; t++) await frame();
  return (1000 * steps) / (performance.now() - start);
};
compute().then(done, (error) => done(String(error)));
"""
LONGEST = 15  # seconds to watch
FRAME = "return Number(document.querySelector('.count').textContent.split(' ')[1]?.replace(',', ''))"


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=positive_int, default=500, help="frames a turn")
    parser.add_argument("--turns", type=positive_int, default=5, help="their median counts")
    parser.add_argument("--seconds", type=positive_int, default=10, help="how long to watch the page")
    options = parser.parse_args()
    if options.seconds > LONGEST:
        raise UserError(f"--seconds: a dream of the car ends after 20, so at most {LONGEST}")
    measure(**vars(options))


def measure(*, steps, turns, seconds):
    about = origin()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # Chromium inherits it
    with open_page(DIST) as (driver, address):
        driver.set_script_timeout(600)
        speeds = {}
        for name in ("carracing", "doomrnn"):
            driver.get(f"{address}#v")  # where no dream runs
            computed = [answer(driver, COMPUTE, name, steps) for _ in range(turns)]
            driver.get(f"{address}#{name}")
            speeds[name] = {"computed": computed, "shown": watch(driver, seconds)}
            print(f"{name:10} {statistics.median(computed):6.0f} frames/s computed, {speeds[name]['shown']:.0f} shown")
        version = json.loads((HERE / "package.json").read_text())["dependencies"]["onnxruntime-web"]
        browser = {"chromium": driver.capabilities["browserVersion"], "onnxruntime-web": version}
    data = {**about, **browser, "seconds": seconds, "steps": steps, "frames_per_second": speeds}
    save_json(RESULT, data, indent=1)


def watch(driver, seconds):
    """Frames/s of the page, over so many seconds of one dream."""
    while True:
        driver.find_element("css selector", ".restart").click()
        time.sleep(2)
        start, first = time.perf_counter(), driver.execute_script(FRAME)
        time.sleep(seconds)
        last, elapsed = driver.execute_script(FRAME), time.perf_counter() - start
        if not driver.find_element("css selector", "#dream-page .notice").is_displayed():
            return (last - first) / elapsed


if __name__ == "__main__":
    run(main)
