"""A policy's folder: what was saved is loaded; whatever else lies there is refused in one line; it chooses legally."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from poser import policies
from poser.actions import ActionSet
from poser.learned import network, policy_file
from poser.learned.embedders import HashEmbedder
from poser.learned.observation import Encoder, Observer
from poser.learning.train_config import DQN, PAPER, TrainConfig
from poser.policies.dqn import DqnPolicy, of_folder
from poser.rollout import rollout
from poser.types import PoserError, State, Task
from tests.poser.world import make

MDP = make()
TASKS = [Task(f"Draw {k} cats. Make them blue. Add a hat.", seed=k) for k in range(6)]


def observe(config: TrainConfig, actions: ActionSet) -> Observer:
    encoder = Encoder(HashEmbedder(), config.extras, config.remaining)
    return Observer(encoder, actions.only(config.allowed), {"elsewhere": {"add": 0.5}}, config.cards == "identity")


def shape_of(config: TrainConfig, observer: Observer) -> network.NetworkShape:
    return network.NetworkShape(
        kind=config.network,
        state_columns=observer.encoder.dim,
        card_columns=len(observer.names),
        slots=len(observer.actions.slots),
        hidden_size=16,
        text_columns=128,
    )


def write(folder: Path, config: TrainConfig = DQN, actions: ActionSet = MDP.actions, **more: Any) -> Path:
    """A policy of random weights."""
    torch.manual_seed(0)
    observer = observe(config, actions)
    shape = shape_of(config, observer)
    about = policy_file.describe(shape, observer) | {"train_config": config.model_dump(), **more}
    return policy_file.save(folder, network.build(shape).state_dict(), about)


def states() -> list[State]:
    """The first states, and some with a picture."""
    found = MDP.start(TASKS)
    later = [step.after for step in MDP.step(found, [int(row.argmax()) for row in MDP.mask(found)])]
    return found + [state for state in later if not state.ended]


def test_what_was_saved_is_loaded(tmp_path):
    folder = write(tmp_path / "p", fallback="fixed:a+b", calibration={"error": float("nan")})
    about, tensors = policy_file.load(folder)
    assert about["fallback"] == "fixed:a+b" and about["calibration"] == {"error": None}
    assert about["train_config"] == json.loads(TrainConfig().model_dump_json())
    torch.manual_seed(0)
    again = network.build(network.NetworkShape(**about["network"])).state_dict()
    assert all(torch.equal(tensors[name], value) for name, value in again.items()) and set(again) == set(tensors)
    assert sorted(path.name for path in folder.iterdir()) == ["policy.json", "policy.safetensors"]


def test_the_policy_is_that_of_the_network(tmp_path):
    policy, some = of_folder(str(write(tmp_path / "p")), MDP.actions), states()
    mask = MDP.mask(some)
    about, tensors = policy_file.load(tmp_path / "p")
    seen = observe(TrainConfig(), MDP.actions)(some, mask)
    net = network.restore(network.NetworkShape(**about["network"]), tensors)
    with torch.no_grad():
        wanted = net(torch.as_tensor(seen["state"]), torch.as_tensor(seen["cards"])).numpy()
    found = policy.values(some, mask)
    assert found.shape == mask.shape and np.isneginf(found[~mask]).all()
    np.testing.assert_allclose(found[mask], wanted[mask], rtol=1e-4, atol=1e-5)
    assert policy(some, mask) == [int(slot) for slot in found.argmax(axis=1)]
    assert policy.id == f"dqn:p@{about['sha256'][:8]}" and policy([], mask[:0]) == []


def test_of_gives_the_same_policy_without_a_file(tmp_path):
    loaded, some = of_folder(str(write(tmp_path / "p")), MDP.actions), states()
    about, tensors = policy_file.load(tmp_path / "p")
    made = DqnPolicy.of(network.NetworkShape(**about["network"]), tensors, loaded.observer)
    assert made(some, MDP.mask(some)) == loaded(some, MDP.mask(some)) and made.id == "dqn"


@settings(max_examples=25)
@given(st.permutations(range(12)), st.integers(1, 11))
def test_a_choice_does_not_depend_on_the_batch(policy_folder, order, cut):
    policy, some = of_folder(str(policy_folder), MDP.actions), states()[:12]
    assert len(some) == 12
    mask = MDP.mask(some)
    whole = policy.values(some, mask)
    moved = [some[k] for k in order]
    parts = [policy.values(rows, MDP.mask(rows)) for rows in (moved[:cut], moved[cut:])]
    assert np.array_equal(np.concatenate(parts), whole[list(order)])


@pytest.fixture(scope="module")
def policy_folder(tmp_path_factory):
    return write(tmp_path_factory.mktemp("policy") / "p")


def test_permuting_the_experts_permutes_values(policy_folder):
    """Law 9 through the file."""
    other = ActionSet.of(list(MDP.actions.cards.values())[::-1])
    one, two = of_folder(str(policy_folder), MDP.actions), of_folder(str(policy_folder), other)
    some = states()
    found, moved = one.values(some, MDP.mask(some)), two.values(some, other.mask(some))
    places = [other.slots.index(slot) for slot in MDP.actions.slots]
    np.testing.assert_allclose(moved[:, places], found, atol=1e-8)


def test_equal_experts_have_equal_values_and_the_first_is_chosen(policy_folder):
    cards = list(MDP.actions.cards.values())
    actions = ActionSet.of([*cards, *(replace(card, id=f"{card.id}-twin") for card in cards)])
    policy, some = of_folder(str(policy_folder), actions), states()
    values, half = policy.values(some, actions.mask(some))[:, 1:], 2 * len(cards)
    first = [k for k, state in enumerate(some) if state.last is None]  # later, the twins differ in what they did
    assert np.array_equal(values[first, :half], values[first, half:])
    assert all(slot <= half for slot in policy([some[k] for k in first], actions.mask([some[k] for k in first])))


def test_a_slot_policy_serves_any_number_of_experts(policy_folder):
    mdp = make(1, 4)
    whole = dict(rollout(mdp, of_folder(str(policy_folder), mdp.actions), TASKS))
    assert len(whole) == len(TASKS) and all(one.steps for one in whole.values())


def test_slots_that_the_training_forbade_are_not_chosen(tmp_path):
    narrow = TrainConfig(scopes=("current",), stop=False)
    policy, some = of_folder(str(write(tmp_path / "p", narrow)), MDP.actions), states()
    mask = MDP.mask(some)
    values = policy.values(some, mask)
    closed = [k for k, slot in enumerate(MDP.actions.slots) if slot.scope != "current"]
    assert mask[:, closed].any() and np.isneginf(values[:, closed]).all()
    only_stop = np.zeros_like(mask)
    only_stop[:, 0] = True
    assert policy(some, only_stop) == [0] * len(some)


def test_a_flat_policy_finds_its_slots_by_name_and_refuses_other_experts(tmp_path):
    config = PAPER.model_copy(update={"hidden_size": 16})
    narrow = ActionSet.of(MDP.actions.cards.values(), scopes=("current",))
    folder = write(tmp_path / "p", config, narrow)
    some = states()
    one, two = policies.load(f"paper-dqn:{folder}", MDP.actions), of_folder(str(folder), narrow)
    chosen = [str(MDP.actions.slots[k]) for k in one(some, MDP.mask(some))]
    assert chosen == [str(narrow.slots[k]) for k in two(some, narrow.mask(some))]
    assert one.id.startswith("paper-dqn:p@")
    with pytest.raises(PoserError, match="knows only its own experts") as caught:
        of_folder(str(folder), make(2, 3).actions)
    assert "\n" not in str(caught.value)


def test_paper_dqn_is_a_name_and_wants_a_fixed_head(policy_folder):
    assert {"dqn", "paper-dqn"} <= set(policies.names()) and "paper_dqn" not in policies.names()
    with pytest.raises(PoserError, match="no fixed head"):
        policies.load(f"paper-dqn:{policy_folder}", MDP.actions)


def test_no_such_policy_is_one_line(tmp_path):
    for name in ("dqn:nowhere", f"dqn:{tmp_path}", "paper-dqn"):
        with pytest.raises(PoserError) as caught:
            policies.load(name, MDP.actions)
        assert "\n" not in str(caught.value)


def edit(folder: Path, where: str, value: Any) -> None:
    about = json.loads((folder / "policy.json").read_text())
    *path, last = where.split(".")
    inner = about
    for key in path:
        inner = inner[key]
    inner[last] = value
    (folder / "policy.json").write_text(json.dumps(about))


@pytest.mark.parametrize(
    "where, value, told",
    [
        ("format", 2, "format is 2, this version reads 3); train it again"),
        ("sha256", "0" * 64, "is not the file"),
        ("network.hidden_size", 10**9, "network.hidden_size"),
        ("network.hidden_size", "16", "network.hidden_size"),
        ("network.hidden_size", 32, "another network"),
        ("network.kind", "pickle", "network.kind"),
        ("network", None, "network"),
        ("network.identity_columns", 60_000, "columns 60000"),
        ("network.score_column", 60_000, "columns 0, 60000"),
        ("actions.allowed", ["everything"], "actions.allowed"),
        ("observer.extras", ["no such"], "no extra"),
        ("observer.digest", "0", "other observations"),
        ("observer.embedder.name", "none", "no embedder"),
        ("observer.scores", [1], "observer.scores"),
    ],
)
def test_a_wrong_entry_is_one_line(tmp_path, where, value, told):
    folder = write(tmp_path / "p")
    edit(folder, where, value)
    with pytest.raises(PoserError) as caught:
        of_folder(str(folder), MDP.actions)
    assert told in str(caught.value) and "\n" not in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"null", b"{", b"\xff\xfe", b"[" * 100_000, b" " * (policy_file.MAX_ABOUT + 1), b'{"format": 1}'],
)
def test_any_json_but_a_policys_is_refused(tmp_path, data):
    folder = write(tmp_path / "p")
    (folder / "policy.json").write_bytes(data)
    with pytest.raises(PoserError) as caught:
        policy_file.load(folder)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize("harm", ["cut", "gone", "large", "nan", "half"])
def test_damaged_weights_are_refused(tmp_path, harm):
    folder = write(tmp_path / "p")
    about, tensors = policy_file.load(folder)
    file = folder / "policy.safetensors"
    if harm == "cut":
        file.write_bytes(file.read_bytes()[:-9])
    elif harm == "gone":
        file.unlink()
    elif harm == "large":
        with open(file, "ab") as end:
            end.truncate(policy_file.MAX_WEIGHTS + 1)
    else:
        first = next(iter(tensors))
        tensors[first] = tensors[first].half() if harm == "half" else tensors[first] * float("nan")
        policy_file.save(folder, tensors, about)
    with pytest.raises(PoserError) as caught:
        policy_file.load(folder)
    assert "\n" not in str(caught.value)


def test_a_safetensors_header_that_lies_is_refused(tmp_path):
    import hashlib

    folder = write(tmp_path / "p")
    for data in (b"", b"\xff" * 64, (10**15).to_bytes(8, "little") + b"{}", (2).to_bytes(8, "little") + b"{}" + b"x"):
        (folder / "policy.safetensors").write_bytes(data)
        edit(folder, "sha256", hashlib.sha256(data).hexdigest())
        with pytest.raises(PoserError, match="is damaged"):
            policy_file.load(folder)


def test_running_a_policy_needs_no_stable_baselines(policy_folder):
    code = (
        "import sys; sys.modules['stable_baselines3'] = None\n"
        "from tests.poser.world import make; from poser.types import Task; from poser.policies import load\n"
        f"mdp = make(); policy = load('dqn:{policy_folder}', mdp.actions); states = mdp.start([Task('A cat.')])\n"
        "assert policy(states, mdp.mask(states))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_save_that_is_cut_off_leaves_one_whole_policy(tmp_path, monkeypatch):
    """Killed before each file of the second save, and between them; and the next save goes on from there."""
    folder = write(tmp_path / "policy")
    first = policy_file.load(folder)[0]["sha256"]
    for cut in range(3):
        done: list[Path] = []

        def counted(call, cut=cut, done=done):
            def counting(*given):
                if len(done) == cut:
                    raise KeyboardInterrupt
                done.append(Path(given[0]))
                return call(*given)

            return counting

        with monkeypatch.context() as patch:
            patch.setattr(policy_file, "write_whole", counted(policy_file.write_whole))
            patch.setattr(policy_file.os, "replace", counted(policy_file.os.replace))
            with pytest.raises(KeyboardInterrupt):
                write(folder, DQN.model_copy(update={"gamma": 0.1 * cut}), calls=cut)
        assert policy_file.load(folder)[0]["sha256"] == first
    policy_file.save(folder, {"a": torch.zeros(1)}, policy_file.load(folder)[0])
    assert policy_file.load(folder)[1].keys() == {"a"}
    assert sorted(path.name for path in folder.iterdir()) == ["policy.json", "policy.safetensors"]


@pytest.mark.parametrize(
    ("model", "harm", "words"),
    [
        ("nobody/knows-it", "", "neither a folder here nor a known hub id"),
        ("", "pytorch_model.bin", "may hold code"),
        ("", "modeling.py", "may hold code"),
        ("", "config.json", "asks for code of its own"),
        ("", "modules.json", "names modules"),
    ],
)
def test_a_policy_cannot_name_an_embedder_that_is_more_than_data(tmp_path, model, harm, words):
    strange = tmp_path / "embedder"
    strange.mkdir()
    if harm:
        text = {"config.json": '{"auto_map": {"AutoModel": "x--y.Z"}}', "modules.json": '[{"type": "os.system"}]'}
        (strange / harm).write_text(text.get(harm, "boom"))
    folder = write(tmp_path / "policy")
    about = json.loads((folder / "policy.json").read_text())
    about["observer"]["embedder"] = {"name": "minilm", "model": model or str(strange), "id": "x"}
    (folder / "policy.json").write_text(json.dumps(about))
    with pytest.raises(PoserError, match=words) as caught:
        of_folder(str(folder), MDP.actions)
    assert "\n" not in str(caught.value)
