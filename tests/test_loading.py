"""The parts of a trained agent: what the note beside C says is followed, and what does not belong together refused."""

import json
import shutil

import pytest

from carracing.task import CARRACING
from worldmodels.playing import loading
from worldmodels.playing.loading import find_agent, load_agent
from worldmodels.playing.worlds import load_world
from worldmodels.scripts.cli import UserError


def change_json(path, change):
    path.write_text(json.dumps(change(json.loads(path.read_text()))))


def note_of(agent):
    return agent.best.with_name("carracing.cma.16.64.run.json")


def note(agent, **facts):
    change_json(note_of(agent), lambda note: note | facts)


def test_it_plays_on_what_it_was_evolved_on(moved):
    note(moved, z="mean", temperature=0.7)
    world, trained = load_world(CARRACING, moved.best, 2, dream=False, weights=moved.weights)
    assert (trained.z, world.agent.reads) == ("mean", "mean")
    world, trained = load_world(CARRACING, moved.best, 2, dream=True, weights=moved.weights)
    assert (trained.temperature, world.graph.temperature) == (0.7, 0.7)


def test_it_plays_on_what_it_is_told_to(moved):
    note(moved, z="mean", temperature=0.7)
    world, _ = load_world(CARRACING, moved.best, 2, dream=False, weights=moved.weights, z="sample")
    assert world.agent.reads == "sample"
    world, _ = load_world(CARRACING, moved.best, 2, dream=True, weights=moved.weights, temperature=1.3)
    assert world.graph.temperature == 1.3


def test_a_note_that_says_neither_is_of_the_time_when_there_was_no_choice(untrained):
    trained = load_agent(CARRACING, untrained.best, untrained.weights)
    assert (trained.z, trained.temperature, trained.controller.kind) == ("sample", CARRACING.temperature, "z_h")


def test_a_note_of_ones_own_needs_to_name_the_kind_alone(moved):
    change_json(moved.best, lambda data: [data[0][:99]])
    note_of(moved).unlink()
    with pytest.raises(
        UserError, match=r'99 parameters where 867 .* \.run\.json .* \{"controller": "z"\} \(one of z, '
    ):
        load_agent(CARRACING, moved.best, moved.weights)
    note_of(moved).write_text('{"controller": "z"}')
    assert load_agent(CARRACING, moved.best, moved.weights).controller.kind == "z"
    with pytest.raises(UserError, match="name their folder with --weights"):
        load_agent(CARRACING, moved.best)


@pytest.mark.parametrize(
    ("fact", "values", "words"),
    [
        ("controller", ["z_x", None, ["z"], 7], "names no known kind of controller"),
        ("z", ["median", None, {}, True], "does not say whether C reads a sample of z or its mean"),
        ("temperature", ["hot", None, 0, -1.5, [1.15]], "names no temperature"),
    ],
)
def test_a_note_that_says_nothing_known_is_one_line(moved, fact, values, words):
    for value in values:
        note(moved, **{fact: value})
        with pytest.raises(UserError, match=rf"run\.json {words}: restore it"):
            load_agent(CARRACING, moved.best, moved.weights)


def test_an_agent_is_found_without_being_loaded(untrained, monkeypatch):
    trained = load_agent(CARRACING, untrained.best, untrained.weights)
    monkeypatch.setattr(loading, "load_agent", lambda *_: pytest.fail("loaded"))
    found = find_agent(CARRACING, untrained.best, untrained.weights)
    assert (found.params == trained.params).all() and found.facts == trained.facts
    assert (found.folder, found.z, found.temperature) == (trained.folder, trained.z, trained.temperature)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1000])


DAMAGES = {
    "the controller is missing": lambda agent: agent.best.unlink(),
    "the controller is damaged": lambda agent: cut(agent.best),
    r"the controller is damaged, or another kind of file: .*\(it holds no list\)": lambda agent: agent.best.write_text(
        '{"a": 1}'
    ),
    "has 99 parameters": lambda agent: change_json(agent.best, lambda data: [data[0][:99], 1]),
    "the note on the run is damaged": lambda agent: note_of(agent).write_text("[]"),
    "no .run.json beside the controller": lambda agent: note_of(agent).unlink(),
    "the file of V's weights is missing": lambda agent: (agent.weights / "vae.weights.h5").unlink(),
    "the file of V's weights is damaged": lambda agent: cut(agent.weights / "vae.weights.h5"),
    "is not of the M beside it: restore them": lambda agent: shutil.copy(
        agent.weights / "vae.weights.h5", agent.weights / "rnn.weights.h5"
    ),
    "trained with another V": lambda agent: change_json(agent.weights / "rnn.json", lambda data: data | {"vae": "0"}),
    "rnn.json in .* is not of the M beside it": lambda agent: (agent.weights / "rnn.json").write_text("{}"),
    "are not those that this controller was trained with": lambda agent: note(agent, vae="0"),
}


@pytest.mark.parametrize("message", DAMAGES)
def test_wrong_files_are_one_line(message, moved):
    DAMAGES[message](moved)
    weights = None if message.startswith("no .run.json") else moved.weights
    for find in (load_agent, find_agent):
        with pytest.raises(UserError, match=message) as error:
            find(CARRACING, moved.best, weights)
        assert "\n" not in str(error.value)


def test_a_pair_of_other_shapes_is_one_line(moved):
    """V's weights in the place of M's, under notes that name them."""
    shutil.copy(moved.weights / "vae.weights.h5", moved.weights / "rnn.weights.h5")
    vae = json.loads(note_of(moved).read_text())["vae"]
    note(moved, rnn=vae)
    change_json(moved.weights / "rnn.json", lambda data: data | {"rnn": vae})
    with pytest.raises(UserError, match="does not fit M"):
        load_agent(CARRACING, moved.best, moved.weights)


def test_a_controller_of_another_task_is_one_line(untrained):
    from doomrnn.task import DOOM

    with pytest.raises(UserError, match=r"867 parameters where .* another task"):
        load_agent(DOOM, untrained.best, untrained.weights)
