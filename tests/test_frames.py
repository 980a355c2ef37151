"""The stream of frames that V learns from."""

import pytest
from records import make_record, names_of

from worldmodels.data import frames
from worldmodels.data.frames import FrameStream, some_frames
from worldmodels.scripts.cli import UserError

SMALL = 12 * frames.FRAME_BYTES  # bytes: two chunks of six frames


def test_some_frames_come_from_all_over(tmp_path):
    assert names_of(some_frames(make_record(tmp_path, [10, 3]), 6)) == [(0, 0), (0, 4), (0, 9), (1, 0), (1, 1), (1, 2)]


def test_an_epoch_gives_every_frame_once_and_the_next_in_another_order(tmp_path):
    stream = FrameStream(make_record(tmp_path, [3, 3, 3, 3, 3, 3]), 3, seed=0, memory=SMALL)
    first = [names_of(next(stream)) for _ in range(stream.steps_per_epoch)]
    assert sorted(name for batch in first for name in batch) == [(n, t) for n in range(6) for t in range(3)]
    assert stream.epoch == 1
    second = [names_of(next(stream)) for _ in range(stream.steps_per_epoch)]
    assert sorted(name for batch in second for name in batch) == sorted(name for batch in first for name in batch)
    assert second != first
    assert any(len({n for n, _ in batch}) > 1 for batch in first)  # episodes are mixed


@pytest.mark.parametrize("memory", [SMALL, 1e9])
def test_stream_depends_on_its_seed_alone(tmp_path, memory):
    episodes = make_record(tmp_path, [4, 5, 2, 4])
    streams = [FrameStream(episodes, 3, seed, memory) for seed in (1, 1, 2)]
    one, same, other = ([names_of(next(stream)) for _ in range(12)] for stream in streams)
    assert one == same != other


@pytest.mark.parametrize("memory", [SMALL, 1e9])
def test_stream_goes_on_where_its_state_was_taken(tmp_path, memory):
    episodes = make_record(tmp_path, [4, 5, 2, 4])
    stream = FrameStream(episodes, 3, seed=0, memory=memory)
    for steps in range(12):
        resumed = FrameStream(episodes, 3, seed=0, memory=memory)
        assert resumed.restore(stream.state)
        assert names_of(next(resumed)) == names_of(next(stream)), steps


def test_stream_holds_two_chunks_of_bounded_size(tmp_path):
    stream = FrameStream(make_record(tmp_path, [3] * 9), 3, seed=0, memory=SMALL)
    for _ in range(20):
        next(stream)
        waiting = stream._next[1].result()
        assert stream._loaded[1].nbytes + waiting.nbytes <= SMALL


def test_data_that_fits_is_read_once(tmp_path):
    episodes = make_record(tmp_path, [3, 3])
    stream = FrameStream(episodes, 2, seed=0)
    next(stream)
    for path in episodes.files:
        path.unlink()
    for _ in range(4 * stream.steps_per_epoch):
        next(stream)


def test_batches_are_full_even_where_frames_are_few(tmp_path):
    stream = FrameStream(make_record(tmp_path, [3]), 8, seed=0)
    assert set(names_of(next(stream))) == {(0, 0), (0, 1), (0, 2)}
    assert len(next(stream)) == 8


def test_changed_episodes_start_a_new_epoch(tmp_path):
    stream = FrameStream(make_record(tmp_path, [3, 3]), 2, seed=0)
    next(stream)
    state = stream.state
    grown = FrameStream(make_record(tmp_path, [3, 3, 3]), 2, seed=0)
    assert not grown.restore(state)
    assert (grown.epoch, grown.batch) == (1, 0)


def test_a_file_damaged_after_the_start_stops_the_stream_with_its_name(tmp_path):
    episodes = make_record(tmp_path, [3] * 4)
    stream = FrameStream(episodes, 3, seed=0, memory=SMALL)
    for path in episodes.files:
        path.write_bytes(b"")
    with pytest.raises(UserError, match=r"an episode is damaged, or another kind of file: .*\.npz"):
        next(stream)
