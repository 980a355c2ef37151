"""The page's pictures in the README: python -m web.pictures  ->  docs/web.png, docs/<task>_dream.gif"""

import base64
import io
import time
from pathlib import Path

import numpy as np
from PIL import Image

from web.browser import answer, open_page
from web.build import DIST
from worldmodels.files.writing import atomic_path
from worldmodels.playing.video import enlarge, write_video
from worldmodels.scripts.cli import Parser, run

DOCS = Path(__file__).resolve().parents[1] / "docs"
SCREEN = {"width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": False}
SECONDS = 4  # of a dream
SCALE = 6  # write_video halves the size of a GIF
FRAMES = """
const [name, seconds, done] = arguments;
const record = async () => {
  const [{ loadAgent }, { Dream }] = await Promise.all([import("./agent.js"), import("./dream.js")]);
  const agent = await loadAgent(name);
  const dream = new Dream(agent);
  const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 64 });
  const frames = [];
  for (let t = 0; frames.length < seconds * agent.about.fps; t++) {
    await dream.step(agent.about.temperature);
    canvas.getContext("2d").putImageData(await agent.picture(dream.state.z), 0, 0);
    if (t > 2 * agent.about.fps) frames.push(canvas.toDataURL().split(",")[1]); // the beginning is slow
    if (dream.ended) dream.restart();
  }
  return { frames, fps: agent.about.fps };
};
record().then(done, (error) => done(String(error)));
"""


def main():
    Parser(description=__doc__.splitlines()[0]).parse_args()
    with open_page(DIST) as (driver, address):
        driver.set_script_timeout(600)
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", SCREEN)
        driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
        driver.get(f"{address}#carracing")
        time.sleep(10)
        with atomic_path(DOCS / "web.png") as temporary:
            temporary.write_bytes(driver.get_screenshot_as_png())
        print(f"wrote {DOCS / 'web.png'}")
        driver.get(f"{address}#v")
        for name in ("carracing", "doomrnn"):
            recorded = answer(driver, FRAMES, name, SECONDS)
            path = DOCS / f"{name}_dream.gif"
            with write_video(path, recorded["fps"]) as write:
                for frame in recorded["frames"]:
                    picture = Image.open(io.BytesIO(base64.b64decode(frame))).convert("RGB")
                    write(enlarge(np.array(picture), SCALE))
            print(f"wrote {path}")


if __name__ == "__main__":
    run(main)
