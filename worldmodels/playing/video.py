"""Pictures side by side with captions, and video files of them."""

import contextlib
import errno
import functools
import subprocess
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from worldmodels.files.writing import atomic_path, make_folder
from worldmodels.scripts.cli import UserError

HEIGHT = 400  # small pictures are enlarged to at most this
MARGIN, CAPTION = 8, 24  # pixels

# yuv420p is what browsers play; it wants even sizes.
MP4 = ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-c:v", "libx264", "-preset", "veryfast", "-crf", "23"]
MP4 += ["-pix_fmt", "yuv420p", "-movflags", "+faststart"]
# Half the size, 25 frames a second, and a palette for each frame: one for all would need all frames in memory.
PALETTE = "split[a][b];[a]palettegen=stats_mode=single[p];[b][p]paletteuse=new=1:dither=none"
GIF = ["-vf", f"fps=25,scale=iw/2:-1:flags=area,{PALETTE}"]
FORMATS = {".mp4": MP4, ".gif": GIF}


def side_by_side(panels):
    """[(caption, (h, w, 3) uint8), ...] -> one picture (H, W, 3) uint8; small ones are enlarged by whole factors."""
    height = max(HEIGHT, *(image.shape[0] for _, image in panels))
    columns = []
    for caption, image in panels:
        image = enlarge(image, height // image.shape[0])
        column = np.zeros((CAPTION + height + MARGIN, image.shape[1] + 2 * MARGIN, 3), np.uint8)
        top = CAPTION + (height - image.shape[0]) // 2
        column[top : top + image.shape[0], MARGIN:-MARGIN] = image
        column[:CAPTION] = _caption(caption, column.shape[1])
        columns.append(column)
    return np.concatenate(columns, axis=1)


def enlarge(image, factor):
    """(h, w, 3) -> (factor * h, factor * w, 3), every pixel a square."""
    return image.repeat(factor, 0).repeat(factor, 1)


@functools.lru_cache(maxsize=16)
def _caption(text, width):
    strip = Image.new("RGB", (width, CAPTION))
    ImageDraw.Draw(strip).text((MARGIN, 4), text, "white", ImageFont.load_default(14))
    return np.asarray(strip)


def check_video(path):
    """UserError unless a video can be written to `path`: found out before hours of work, not after."""
    if Path(path).suffix.lower() not in FORMATS:
        raise UserError(f"{path}: a video's name has to end in {' or '.join(FORMATS)}")
    if Path(path).is_dir():
        raise UserError(f"{path} is a folder: choose another name for the video")
    if not Path(path).parent.is_dir():
        raise UserError(f"{path}: there is no folder {Path(path).parent}: make it, or choose another one for the video")
    make_folder(Path(path).parent)  # which may be one that cannot be written to


@contextlib.contextmanager
def write_video(path, fps):
    """Yield write(picture), which adds an (H, W, 3) uint8 picture to the file; all have the same size.

    The frames go to ffmpeg one by one. The file appears when the block has ended well, and not at all otherwise.
    """
    check_video(path)
    with atomic_path(path) as temporary:
        encoder = _Encoder(temporary, fps)
        try:
            yield encoder.write
            encoder.finish()
        finally:
            encoder.stop()


class _Encoder:
    """ffmpeg, fed with raw frames. OSError with its own words if it fails."""

    def __init__(self, path, fps):
        self.path, self.fps, self.process = path, fps, None

    def write(self, picture):
        if self.process is None:
            self._start(picture.shape)
        try:
            self.process.stdin.write(np.ascontiguousarray(picture).data)
        except BrokenPipeError:
            self.finish()

    def _start(self, shape):
        import imageio_ffmpeg  # a wheel that brings ffmpeg along

        size = f"{shape[1]}x{shape[0]}"
        raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", str(self.fps), "-i", "-"]
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", *raw]
        command += [*FORMATS[self.path.suffix.lower()], f"file:{self.path}"]
        # In a session of its own, so that a Ctrl-C reaches only us.
        pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen(command, **pipes, start_new_session=True)

    def finish(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        said = self.process.stderr.read().decode(errors="replace").strip()
        if code := self.process.wait():
            full = "No space left" in said
            reason = said.splitlines()[-1] if said else f"ended with code {code}"
            raise OSError(errno.ENOSPC if full else errno.EIO, f"ffmpeg: {reason}")

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stderr):
                with contextlib.suppress(OSError):
                    pipe.close()
