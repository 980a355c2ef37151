"""Progress in frames: of all those expected, which episodes that end early make fewer."""

from worldmodels.scripts import progress
from worldmodels.scripts.progress import FrameProgress


def test_a_bar_counts_frames_and_comes_to_its_end(capfd):
    with FrameProgress("playing", 3, 1000) as shown:
        shown.advanced(1500)
        assert shown.bar.total == 3000 and shown.bar.n == 1500
        shown.ended(400)
        assert shown.bar.total == 2400
        for steps in (1000, 1000):
            shown.advanced(300)
            shown.ended(steps)
    assert shown.bar.n == shown.bar.total == 2400
    assert "100%" in capfd.readouterr().err


def test_a_file_gets_a_line_a_minute(monkeypatch, capsys):
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    with FrameProgress("generation 3", 100, 1000, bar=False) as shown:
        for _ in range(130):
            clock[0] += 1
            shown.advanced(500)
        shown.ended(800)
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert len(lines) == 2 and not captured.err
    assert lines[0] == "generation 3: 30,500 of about 100,000 frames, 0 of 100 episodes have ended"


def test_nobody_need_know_how_long_episodes_are(capfd):
    with FrameProgress("playing", 1, None) as shown:
        shown.advanced(70)
        shown.ended(70)
    assert "70.0frame" in capfd.readouterr().err
