"""Plug-ins: every kind from the package, another package or a file; whatever is wrong with one is one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, get_args

import pytest
from PIL import Image

from experts.memory import Residency
from experts.pool import Pool
from experts.registry import GROUP, builtin, from_config, from_plugins
from experts.types import Job, Request
from poser import cli, critics, plugins, policies
from poser.agent import Poser
from poser.config import Config
from poser.plugins import Context
from poser.roster import registry_of
from poser.types import PoserError
from poser.wording.plain import Plain

KINDS = get_args(plugins.Kind)
SHIPPED = [(kind, name) for kind in KINDS for name in plugins.names(kind)]
ECHO = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Loaded:
    settings: dict
    attempts: int

def load(settings, context):
    return Loaded(dict(settings), context.attempts)
"""
POLICY = """
class First:
    def __init__(self, id):
        self.id = id
    def __call__(self, states, mask):
        return [int(row.argmax()) for row in mask]

def load(settings, context):
    context.slots
    return First("first:" + settings["argument"])
"""
GREY = """
from experts.types import Result

class Grey:
    def __init__(self, card, strength):
        self.card, self.strength = card, strength
    def __call__(self, requests):
        return [Result(request.images[0].convert("L").convert("RGB")) for request in requests]

def load(settings, context):
    return Grey(context.card, settings["strength"])
"""
ENTRIES = """
from experts.fake import fake_entries

def entries():
    return fake_entries(1, 1)
"""
CARD = {"mode": "image-to-image", "description": "Takes the colour away."}


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], None]:
    """Installs another package: a module of that text, under a name in a group of entry points."""
    points: dict[str, list[EntryPoint]] = {}
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(
        plugins.importlib.metadata, "entry_points", lambda **wanted: points.get(wanted.get("group", ""), [])
    )

    def install(group: str, name: str, text: str, value: str = "") -> None:
        module = f"theirs_{tmp_path.name}_{len(points)}_{len(points.get(group, []))}".replace("-", "_")
        (tmp_path / f"{module}.py").write_text(text)
        points.setdefault(group, []).append(EntryPoint(name, module + value, group))

    return install


def one_line(problem: pytest.ExceptionInfo[BaseException], *words: str) -> None:
    line = str(problem.value)
    assert "\n" not in line
    for word in words:
        assert word in line


@pytest.mark.parametrize(("kind", "name"), SHIPPED, ids=[f"{kind}-{name}" for kind, name in SHIPPED])
def test_every_shipped_name_loads(kind: plugins.Kind, name: str) -> None:
    assert callable(plugins.find(kind, name).load)


def test_the_shipped_names_are_the_files() -> None:
    assert plugins.names("critic") == ("cascade", "chat", "clip", "decisions", "ensemble", "vqa")
    assert plugins.names("extractor") == ("llm", "poster", "rules")
    assert plugins.names("wording") == ("llm", "plain", "poster")
    assert {"greedy", "fixed", "paper-dqn", "random"} <= set(plugins.names("policy"))


@pytest.mark.parametrize("kind", KINDS)
def test_from_a_file(kind: plugins.Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(ECHO)
    monkeypatch.chdir(tmp_path)
    mine = plugins.load(kind, "./mine.py", {"a": 1}, Context(attempts=7))
    assert (mine.settings, mine.attempts) == ({"a": 1}, 7)
    again = plugins.load(kind, str(tmp_path / "mine.py"))
    assert type(again) is type(mine) and again.settings == {}  # the file is run once
    assert not any("mine" in name for name in plugins.names(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_from_another_package(kind: plugins.Kind, elsewhere: Callable[..., None]) -> None:
    elsewhere(plugins.GROUPS[kind], "theirs", ECHO)
    assert plugins.names(kind)[-1] == "theirs"
    assert plugins.load(kind, "theirs", {"a": 1}).settings == {"a": 1}
    for other in KINDS:
        assert other == kind or "theirs" not in plugins.names(other)


def test_another_package_does_not_take_a_shipped_name(elsewhere: Callable[..., None]) -> None:
    elsewhere(plugins.GROUPS["wording"], "plain", ECHO)
    assert plugins.names("wording") == ("llm", "plain", "poster")
    assert isinstance(plugins.load("wording", "plain"), Plain)


def test_two_files_of_one_name_are_two_plugins(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(f"def load(settings, context):\n    return {folder!r}\n")
    assert [plugins.load("critic", str(tmp_path / folder / "mine.py")) for folder in ("one", "two")] == ["one", "two"]


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("critic", "vqaa", ["no such critic 'vqaa'", "did you mean 'vqa'?"]),
        ("policy", "greedi", ["no such policy 'greedi'", "did you mean 'greedy'?"]),
        ("extractor", "rule", ["no such extractor 'rule'", "did you mean 'rules'?"]),
        ("wording", "plane", ["no such wording 'plane'", "did you mean 'plain'?"]),
        ("critic", "zzz", ["critics: cascade, chat"]),
        ("policy", "zzz", ["policies: bandit"]),
    ],
)
def test_unknown_names(kind: plugins.Kind, name: str, words: list[str]) -> None:
    with pytest.raises(PoserError) as problem:
        plugins.load(kind, name)
    one_line(problem, *words)


def test_the_nearest_name_may_be_another_packages(elsewhere: Callable[..., None]) -> None:
    elsewhere(plugins.GROUPS["critic"], "aesthetic", ECHO)
    with pytest.raises(PoserError, match="did you mean 'aesthetic'"):
        plugins.load("critic", "asthetic")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\n", ["cannot be used", "it defines no load(settings, context)"]),
        ("load = 3\n", ["it defines no load(settings, context)"]),
        ("def load(settings, context)\n    return 1\n", ["cannot be used (SyntaxError: expected ':'"]),
        ("import no_such_package_here\n", ["ModuleNotFoundError: No module named 'no_such_package_here'"]),
        ("raise RuntimeError('two\\nlines')\n", ["RuntimeError: two lines"]),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_files_that_cannot_be_used(kind: plugins.Kind, text: str, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(PoserError) as problem:
        plugins.load(kind, str(tmp_path / "mine.py"))
    one_line(problem, kind, "mine.py", *words)
    (tmp_path / "mine.py").write_text(ECHO)  # mended, it loads: nothing of the failure stays
    assert plugins.load(kind, str(tmp_path / "mine.py")).settings == {}


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_not_there(kind: plugins.Kind, tmp_path: Path) -> None:
    (tmp_path / "folder.py").mkdir()
    for name in ("absent.py", "folder.py"):
        with pytest.raises(PoserError) as problem:
            plugins.load(kind, str(tmp_path / name))
        one_line(problem, f"{kind}: there is no file", name, "defines load()")


RAISES = "def load(settings, context):\n    raise KeyError('first\\nsecond')\n"
KNOWS = """
KEYS = ("share",)

def load(settings, context):
    return settings
"""


@pytest.mark.parametrize("kind", KINDS)
def test_a_plugin_that_raises(kind: plugins.Kind, tmp_path: Path, elsewhere: Callable[..., None]) -> None:
    (tmp_path / "mine.py").write_text(RAISES)
    with pytest.raises(PoserError) as problem:
        plugins.load(kind, str(tmp_path / "mine.py"))
    one_line(problem, f"{kind} ", "mine.py", "cannot be loaded (KeyError")
    elsewhere(plugins.GROUPS[kind], "raises", RAISES)
    elsewhere(plugins.GROUPS[kind], "broken", "1 / 0\n")
    elsewhere(plugins.GROUPS[kind], "empty", "x = 1\n")
    elsewhere(plugins.GROUPS[kind], "absent", ECHO, ":no_such_object")
    for name, word in (("raises", "KeyError"), ("broken", "ZeroDivisionError"), ("empty", "no attribute 'load'")):
        with pytest.raises(PoserError) as problem:
            plugins.load(kind, name)
        one_line(problem, kind, repr(name), "cannot be loaded", word)
    with pytest.raises(PoserError) as problem:
        plugins.load(kind, "absent")
    one_line(problem, "'absent' of theirs_", "AttributeError")


@pytest.mark.parametrize(
    ("kind", "name", "key", "words"),
    [
        ("critic", "vqa", "modell", "critic vqa: no such key 'modell'; keys are model"),
        ("critic", "cascade", "frist", "no such key 'frist'"),
        ("extractor", "rules", "merging", "extractor rules: no such key 'merging'; keys are reorder, requeue, merge"),
        ("extractor", "poster", "merge", "extractor poster: no such key 'merge'"),
        ("wording", "plain", "style", "wording plain: no such key 'style'; keys are none"),
        ("wording", "llm", "stile", "'stile'"),
    ],
)
def test_unknown_settings(kind: plugins.Kind, name: str, key: str, words: str) -> None:
    with pytest.raises(PoserError) as problem:
        plugins.load(kind, name, {key: 1})
    one_line(problem, words)


def test_settings_that_a_file_does_not_name_are_refused_for_it(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(KNOWS)
    assert plugins.load("critic", str(tmp_path / "mine.py"), {"share": 1}) == {"share": 1}
    with pytest.raises(PoserError) as problem:
        plugins.load("critic", str(tmp_path / "mine.py"), {"shore": 1})
    one_line(problem, "critic mine: no such key 'shore'; keys are share")


@pytest.mark.parametrize(("keys", "expected"), [("KEYS = ('answers',)\n", {"answers"}), ("", set())])
def test_answers_are_kept_for_those_that_know_the_setting(keys: str, expected: set[str], tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(keys + ECHO)
    settings = plugins.load("critic", str(tmp_path / "mine.py"), {}, Context(folder=tmp_path)).settings
    assert set(settings) == expected and set(settings.values()) <= {str(tmp_path / plugins.ANSWERS)}


@pytest.mark.parametrize("policy", ["greedy:foo", "random:foo"])
def test_an_argument_that_nobody_reads_is_refused(policy: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "A red star.", "--policy", policy, "--quiet"]) == 2
    assert f"policy '{policy}': '{policy.partition(':')[0]}' takes nothing behind a colon" in capsys.readouterr().err


def test_a_policy_needs_actions() -> None:
    with pytest.raises(PoserError, match="give Context\\(actions=...\\)"):
        plugins.load("policy", "greedy", {"argument": ""})


def test_a_critic_inside_another_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("class C:\n    id = 'mine'\ndef load(settings, context):\n    return C()\n")
    several = critics.load("ensemble", {"members": [{"name": str(tmp_path / "mine.py")}, {"name": "vqa"}]})
    assert "mine" in several.id and "vqa" in several.id


def test_an_agent_made_of_files(tmp_path: Path) -> None:
    (tmp_path / "first.py").write_text(POLICY)
    (tmp_path / "grey.py").write_text(GREY)
    (tmp_path / "mine.yaml").write_text(
        "extends: poster\npolicy: ./first.py:abc\nexperts:\n  - poster-sd\n"
        "  - grey: {file: ./grey.py, settings: {strength: 1}, card: {mode: image-to-image, description: Grey.}}\n"
    )
    agent = Poser.from_pretrained(tmp_path / "mine.yaml")
    assert agent.policy_id == "first:abc" and list(agent.registry) == ["poster-sd", "grey"]
    assert policies.load(f"{tmp_path / 'first.py'}:x", agent.mdp.actions).id == "first:x"
    again = Poser.from_config(Config.model_validate(agent.config.dump()))
    assert again.mdp.actions.digest == agent.mdp.actions.digest


def test_the_shell_says_it_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.py").write_text("def load(:\n")
    for policy in (str(tmp_path / "mine.py"), str(tmp_path / "absent.py"), "greedi"):
        code = cli.main(["run", "A red star.", "--policy", policy, "--out", str(tmp_path / "out"), "--quiet"])
        error = capsys.readouterr().err
        assert code == 2 and error.startswith("poser: ") and error.count("\n") == 1, error
    assert not (tmp_path / "out").exists()


def expert(file: Path, settings: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"mine": {"file": str(file), "settings": settings or {}, "card": CARD}}


def test_an_expert_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "grey.py").write_text(GREY)
    pool = Pool(from_config(expert(tmp_path / "grey.py", {"strength": 1})), Residency("cpu"))
    red = Image.new("RGB", (64, 64), "red")
    (result,) = pool.run([Job("mine", Request("grey", (red,)))])
    assert result.image is not None and len(set(result.image.getpixel((0, 0)))) == 1
    assert pool.expert("mine").strength == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "not on this machine"),
        ("def load(:\n", "SyntaxError"),
        ("x = 1\n", "it defines no load(settings, context)"),
        ("raise RuntimeError('two\\nlines')\n", "RuntimeError: two lines"),
        (GREY, "KeyError: 'strength'"),
        ("def load(settings, context):\n    return lambda requests: []\n", "mine gave 0 results for 1 requests"),
        ("def load(settings, context):\n    return 3\n", "not callable"),
    ],
)
def test_an_expert_that_cannot_be_loaded_is_a_failure(text: str | None, words: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "mine.py").write_text(text)
    pool = Pool(from_config(expert(tmp_path / "mine.py")), Residency("cpu"))
    (result,) = pool.run([Job("mine", Request("grey", (Image.new("RGB", (64, 64)),)))])
    assert result.failure is not None and words in result.failure.message and "\n" not in result.failure.message


def test_experts_from_another_package(elsewhere: Callable[..., None]) -> None:
    elsewhere(GROUP, "theirs", ENTRIES, ":entries")
    assert list(from_plugins()) == ["fake-draw-1", "fake-tint-1"]
    assert list(registry_of(Config(experts=["fake-draw-1", "fake-tint-1"]))) == ["fake-draw-1", "fake-tint-1"]
    with pytest.raises(PoserError, match="did you mean 'fake-tint-1'"):
        registry_of(Config(experts=["fake-draw-1", "fake-tint-9"]))


def test_a_list_mixes_ids_of_every_source_and_entries(elsewhere: Callable[..., None], tmp_path: Path) -> None:
    elsewhere(GROUP, "theirs", ENTRIES, ":entries")
    mixed = Config(experts=["poster-sd", "fake-tint-1", expert(tmp_path / "grey.py")], wording="poster")
    found = registry_of(mixed)
    assert list(found) == ["poster-sd", "fake-tint-1", "mine"]
    assert found["poster-sd"].card == builtin()["poster-sd"].card
    with pytest.raises(PoserError, match="did you mean 'fake-tint-1'"):
        registry_of(Config(experts=["poster-sd", "fake-tint-9", expert(tmp_path / "grey.py")], wording="poster"))


def test_a_package_whose_experts_fail_takes_no_other_down(elsewhere: Callable[..., None]) -> None:
    elsewhere(GROUP, "broken", "def entries():\n    return 1 / 0\n", ":entries")
    elsewhere(GROUP, "theirs", ENTRIES, ":entries")
    with pytest.warns(UserWarning, match="plugin 'broken' .* is left out: division by zero"):
        assert list(from_plugins()) == ["fake-draw-1", "fake-tint-1"]
