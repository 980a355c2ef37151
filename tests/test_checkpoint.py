"""The checkpoint of an evolution: going on from it is going on bit for bit, and it is never more than numbers."""

import copyreg
import io
import itertools
import pickle
import zipfile

import numpy as np
import pytest
from damage import with_a_wrong_byte
from local_evolution import NAME, LocalQueue, checkpoint, evolve, killed_again_and_again, outcome, read
from quadratic_evolution import NUM_PARAMS

from worldmodels.evolving.log import Log
from worldmodels.evolving.state import State, load_state, save_state
from worldmodels.evolving.strategy import CMAES
from worldmodels.files import plain
from worldmodels.files.sealed import save_sealed
from worldmodels.scripts import cli
from worldmodels.scripts.cli import UserError

pytestmark = pytest.mark.usefixtures("no_pictures")


def whitening(start):
    return np.diag(np.linspace(1, 3, len(start)))


GIVEN = {"whitened": {"whitening": whitening}, "imitated": {"imitation": lambda: np.linspace(-1, 1, 20)}}


@pytest.mark.parametrize("words", ["", "-o sep_cma --seeds mirrored --mean_rate 0.5", "--average 3", *GIVEN])
def test_killed_anywhere_is_the_same_as_never_killed_bit_for_bit(tmp_path, words):
    name = NAME.replace("cma", "sep_cma") if "sep_cma" in words else NAME
    words, given = ("", GIVEN[words]) if words in GIVEN else (words.split(), {})
    evolve(tmp_path / "whole", *words, **given)
    killed_again_and_again(tmp_path / "parts", *words, **given)
    assert outcome(tmp_path / "parts", name) == outcome(tmp_path / "whole", name)


def generations(strategy, count):
    """So many of them on a quadratic function. Returns the last candidates."""
    for _ in range(count):
        solutions = strategy.ask()
        strategy.tell(solutions, [float(np.sum(np.square(x - 1))) for x in solutions])
    return solutions


OPTIONS = {"optimizer": ("sep_cma", "cma"), "mirrored": (True, False), "constant_sigma": (True, False)}
MORE = {"mean_rate": (0.5, 1.0), "whitening": (whitening, None)}


@pytest.mark.parametrize(
    ("size", "options"),
    [
        (20, OPTIONS | MORE),
        (320, OPTIONS),  # from 300 parameters on cma adapts its step size in another way
        (867, {}),  # as the car has; cma then decomposes its covariance only every 10 generations or so
    ],
)
def test_every_variant_of_cma_goes_on_bit_for_bit_after_many_generations(tmp_path, size, options):
    for values in itertools.product(*options.values()):
        variant = dict(zip(options, values, strict=True))
        whole, resumed = (CMAES(np.zeros(size), 0.1, 16, seed=0, **variant) for _ in range(2))
        whole.begin()
        generations(whole, 31)
        save_state(tmp_path / "c.npz", State({}, whole, facts={}))
        resumed.whitening = None  # no episodes are played for it again
        load_state(tmp_path / "c.npz", resumed, {})
        assert np.array_equal(generations(whole, 12), generations(resumed, 12)), variant
        assert np.array_equal(whole.mean, resumed.mean) and whole.sigma == resumed.sigma, variant


def test_a_generation_under_way_at_the_kill_is_played_again_with_the_same_candidates_and_seeds(tmp_path):
    queues = [LocalQueue(stop_after=18), LocalQueue()]  # 12 episodes a generation: in the second
    with pytest.raises(KeyboardInterrupt):
        evolve(tmp_path, queue=queues[0])
    evolve(tmp_path, queue=queues[1])
    before, after = queues[0].rounds[-1], queues[1].rounds[0]
    assert [job.seed for job in before] == [job.seed for job in after]
    assert all(np.array_equal(a.params, b.params) for a, b in zip(before, after, strict=True))


def test_essential_options_may_not_change_and_the_others_may(tmp_path):
    evolve(tmp_path)
    with pytest.raises(UserError, match=r"--sigma_init 0.1, not 0.2, --seed 0, not 3: use the same"):
        evolve(tmp_path, "--sigma_init", "0.2", "--seed", "3")
    with pytest.raises(UserError, match="vae changed"):
        evolve(tmp_path, queue=LocalQueue(vae="another"))
    evolve(tmp_path, "--generations", "6", "--eval_steps", "3", "--patience", "9", "-n", "5", "--slots", "3")
    assert len(read(tmp_path, "hist.json")) == 6


@pytest.fixture
def path(tmp_path):
    """The checkpoint of an evolution after 2 generations."""
    evolve(tmp_path, "--generations", "2")
    return tmp_path / "checkpoints" / f"{NAME}.npz"


def refused(path, capsys):
    """The line that the evolution ends with. It has to leave every file as it was."""
    capsys.readouterr()
    folder = path.parents[1]
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    with pytest.raises(SystemExit) as end:
        cli.run(lambda: evolve(folder))
    error = capsys.readouterr().err
    assert end.value.code == 2 and error.startswith("error: ") and error.count("\n") == 1, error
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before
    return error


def changed(path, change):
    """Write the checkpoint anew, with a checksum that is right, after change(its content)."""
    content = checkpoint(path.parents[1])
    change(content)
    save_sealed(path, *plain.pack(content))


def pickles(command):
    """Pickles that run a command of the shell when they are loaded, by every way that pickle has to call something."""
    text = b"V" + command.encode() + b"\n"
    short = b"\x8c" + bytes([len(command)]) + command.encode()
    code = f"__import__('os').system({command!r})".encode()
    copyreg.add_extension("os", "system", 200)
    return {
        "GLOBAL": b"cos\nsystem\n(" + text + b"tR.",
        "STACK_GLOBAL": b"\x80\x04\x8c\x02os\x8c\x06system\x93" + short + b"\x85R.",
        "a dotted name": b"\x80\x04\x8c\x17worldmodels.scripts.cli\x8c\x09os.system\x93" + short + b"\x85R.",
        "eval": b"cbuiltins\neval\n(V" + code + b"\ntR.",
        "INST": b"(" + text + b"ios\nsystem\n.",
        "OBJ": b"(cos\nsystem\n" + text + b"o.",
        "EXT1": b"\x80\x02\x82\xc8" + text + b"\x85R.",
        "NEWOBJ_EX": b"\x80\x04cbuiltins\nfrozenset\ncbuiltins\nmap\ncos\nsystem\n(" + text + b"l\x86}\x92\x85}\x92.",
        "BUILD": b"\x80\x02cargparse\nNamespace\n)\x81}V__setstate__\ncos\nsystem\nsb" + text + b"b.",
    }


def object_array(evil):
    """An .npy file of Python objects, the pickle of which is given."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": (1,)})
    return file.getvalue() + evil


@pytest.mark.parametrize("way", pickles(""))
def test_a_pickle_in_its_place_or_inside_it_runs_nothing(path, tmp_path, capsys, way):
    mark = tmp_path / "ran"
    evil = pickles(f"touch {mark}")[way]
    pickle.loads(evil)
    assert mark.exists()  # so it is one that does run when somebody loads it
    mark.unlink()
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}

    for content in (evil, object_array(evil)):
        path.write_bytes(content)
        assert "is damaged" in refused(path, capsys)
    for name in members:
        with zipfile.ZipFile(path, "w") as archive:
            for member, content in members.items():
                archive.writestr(member, object_array(evil) if member == name else content)
        assert "is damaged" in refused(path, capsys)
    assert not mark.exists()


CODE = "__import__('os').system('touch ran')"


@pytest.mark.parametrize(
    "hostile",
    [
        {"sigma": CODE},
        {"mean": [CODE] * NUM_PARAMS},
        {"mean": np.array([CODE] * NUM_PARAMS)},
        {"opts": {"tolx": CODE, "signals_filename": "theirs"}},  # cma evaluates its options
        {"sm.randn": CODE},
        {"callbackstop": [CODE]},
        {"mean": np.full(NUM_PARAMS, np.nan)},
        {"mean": np.zeros(NUM_PARAMS, complex)},
        {"mean": np.zeros(NUM_PARAMS + 1)},
        {"sm.C": np.ones(NUM_PARAMS)},
        {"countiter": 2.0},
        {"countiter": 2**200},
        {"sm.D": None},
        {"sm.count_tell": True},
        {"pop_injection_directions": [CODE]},
    ],
    ids=repr,
)
def test_in_the_place_of_a_number_of_cmas_only_such_a_number_is_taken(path, capsys, hostile):
    changed(path, lambda content: content["strategy"]["es"].update(hostile))
    assert "is damaged" in refused(path, capsys)


@pytest.mark.parametrize("part", ["matrix", "random", "es"])
@pytest.mark.parametrize(
    "wrong", [CODE, 5, {"a": 1}, np.zeros(3), np.zeros((20, 20)), np.random.Generator(np.random.SFC64(0))]
)
def test_parts_of_the_strategy_of_a_wrong_type_are_one_line(path, capsys, part, wrong):
    changed(path, lambda content: content["strategy"].update({part: wrong}))
    assert "is damaged" in refused(path, capsys)


def test_a_part_that_is_missing_is_one_line(path, capsys):
    content = checkpoint(path.parents[1])
    for inside in (content, content["strategy"], content["strategy"]["es"]):
        for name in list(inside):
            value = inside.pop(name)
            save_sealed(path, *plain.pack(content))
            assert "is damaged" in refused(path, capsys), name
            inside[name] = value


@pytest.mark.parametrize("wrong", [CODE, [CODE], [None], {"a": CODE}, np.array([1j]), ((),)], ids=repr)
def test_a_part_of_a_wrong_type_is_one_line(path, capsys, wrong):
    content = checkpoint(path.parents[1])
    for name in content:
        save_sealed(path, *plain.pack(content | {name: wrong}))
        error = refused(path, capsys)
        assert "is damaged" in error or "is of a run with" in error or "changed since" in error, name


def test_a_checkpoint_of_before_an_option_was_there_goes_on_without_it(path, tmp_path):
    content = checkpoint(tmp_path)
    assert content["essential"].pop("--midway") is False
    save_sealed(path, *plain.pack(content))
    evolve(tmp_path, "--generations", "3")
    assert len(read(tmp_path, "hist.json")) == 3


def test_wrong_bytes_anywhere_are_one_line_or_change_nothing(path, tmp_path):
    before = outcome(tmp_path)
    log = Log(tmp_path, NAME)
    essential = checkpoint(tmp_path)["essential"]
    for _ in with_a_wrong_byte(path, step=41):
        try:
            log.resume(CMAES(np.zeros(NUM_PARAMS), 0.1, 6, seed=0), essential)
            assert outcome(tmp_path) == before
        except UserError as error:
            assert "\n" not in str(error) and "is damaged" in str(error)


def test_other_files_in_its_place_are_one_line(path, capsys):
    whole = path.read_bytes()
    for size in (0, 10, 1000, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert "is damaged" in refused(path, capsys)
    save_sealed(path, {"step": 7, "stream": {}}, {"model0": np.zeros(3)})  # the checkpoint of a training
    assert "is damaged" in refused(path, capsys)
    np.savez(path, obs=np.zeros(3))
    assert "no checksum" in refused(path, capsys)
    path.write_bytes(b"[1, 2]")
    assert "is damaged" in refused(path, capsys)


def test_a_checkpoint_of_another_evolution_is_one_line(path, tmp_path, capsys):
    evolve(tmp_path / "other", "-o", "sep_cma", "--generations", "2")
    (tmp_path / "other" / "checkpoints" / "quadratic.sep_cma.2.6.npz").rename(path)
    assert "--optimizer sep_cma, not cma" in refused(path, capsys)
