"""Hostile prompts, arguments, settings, records, pictures and policies: one clear line each, nothing run, nothing lost.

Every case goes through the command line in this process. A case is bad where it raises, takes longer than `LIMIT`,
says more than a line, lets a control character through, changes a file that it was refused over, or runs a payload.
"""

from __future__ import annotations

import contextlib
import io
import json
import random
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from benchmarks.reliability import runs, world
from poser.cli import main

USUAL = 2000
LIMIT = 120
"""Seconds of a case."""
PAYLOAD = "CANARY"
"""The file that a payload would write."""
VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 10**400, 1.5, "", "x", "nan", "\ud800", "\x1b]0;x\x07", "../../etc/passwd", "/dev/zero"),
    *([], [[]], {}, {"path": "/etc/passwd", "sha256": "0", "mode": "RGB"}, {"$float": "inf"}, {"$tuple": 3}),
)
"""What is put in the place of any value of a record, a config or a policy's file."""


class Late(BaseException):
    """A case takes too long."""


class Case(NamedTuple):
    """`prepare` makes the files in an empty folder and gives the words of the command."""

    name: str
    prepare: Callable[[Path], list[str]]


def trouble(case: Case, home: Path, made: Callable[[Path], None]) -> str:
    """What is wrong with how a case ends; '' where nothing is."""
    for path in home.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    made(home)
    words = case.prepare(home)
    before = _files(home)
    out, err = io.StringIO(), io.StringIO()

    def late(*_: object) -> None:
        raise Late

    signal.signal(signal.SIGALRM, late)
    signal.alarm(LIMIT)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), contextlib.chdir(home):
            code: Any = main(words)
    except SystemExit as end:
        code = end.code
    except BaseException as error:
        return f"{type(error).__name__}: {error!s:.120}"
    finally:
        signal.alarm(0)
    said = out.getvalue() + err.getvalue()
    if any(not c.isprintable() and c not in "\n\t" for c in said):
        return "a control character reached the terminal"
    if code == 2 and (err.getvalue().count("\n") != 1 or not err.getvalue().startswith("poser: ")):
        return f"not one line: {err.getvalue()[:120]!r}"
    if code not in (0, 1, 2, 3):
        return f"exit code {code}"
    if (home / PAYLOAD).exists():
        return "the payload ran"
    after = _files(home)
    if code == 2 and words[0] != "probe" and after != before:
        return f"refused, and changed {sorted(set(after.items()) ^ set(before.items()))[0][0]}"
    return ""


def _files(home: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in home.rglob("*") if path.is_file() and not path.is_symlink()}


def cases(whole: Path) -> Iterator[Case]:
    """The kinds; `whole`: the folder of a recorded run."""
    yield from _prompts()
    yield from _arguments()
    yield from _settings()
    yield from _pictures()
    yield from _records(whole)
    yield from _policies()


def _said(prompt: str, *more: str) -> Callable[[Path], list[str]]:
    return lambda home: ["run", prompt, "--preset", "world/fake.yaml", "--out", "out", *more]


def _prompts() -> Iterator[Case]:
    for number in (*range(0x20), 0x7F, *range(0x80, 0xA0), 0x202E, 0x2066, 0xFEFF, 0xD800, 0xDCFF, 0x10FFFF):
        yield Case(f"prompt with U+{number:04X}", _said(f"A red{chr(number)}square. Add a {chr(number)}[31mheart."))
    for name, prompt in (
        ("blank", " \n\t "),
        ("20,001 characters", "a" * 20_001),
        ("5 MB", "a red star. " * 400_000),
        ("thousands of commands", "A star. " * 2_400),
        ("a terminal's title", "\x1b]0;owned\x07A red star"),
        ("a sequence of device control", "A red star \x1bP$qm\x1b\\ and \x9b31m"),
        ("HTML", "<script>alert(1)</script> A red star <img src=x onerror=alert(1)>"),
        ("a template", "{{ 7*7 }} {% include '/etc/passwd' %} A red star"),
        ("a format", "%s%n%x {0.__class__} A red star"),
        ("a path", "../../../etc/passwd A red star"),
        ("an option", "--out=/etc A red star"),
        ("combining characters", "A red star" + "\u0301" * 5000),
        ("right to left", "\u202eA red star\u202c"),
        ("one long word", "a" * 19_000),
        ("nested quotes", '"' * 9_000 + "A red star" + "'" * 9_000),
        ("nested brackets", "(" * 9_000 + "A red star" + ")" * 9_000),
        ("numbers", "1. " * 6_000 + "A red star"),
    ):
        yield Case(f"prompt: {name}", _said(prompt) if not prompt.startswith("-") else _option(prompt))


def _words(words: list[str]) -> Callable[[Path], list[str]]:
    return lambda home: words


def _option(prompt: str) -> Callable[[Path], list[str]]:
    return lambda home: ["run", "--preset", "world/fake.yaml", "--out", "out", "--", prompt]


def _arguments() -> Iterator[Case]:
    long, nul = "x" * 300, "a\0b"
    for name, value in (
        *(("too long a name", long), ("a path of 5,000", "d/" * 2500), ("NUL", nul), ("no such user", "~nosuch/x")),
        *(("a byte that is no text", "a\udcff"), ("a device", "/dev/null"), ("a folder of the system", "/proc/x/y")),
        *(("empty", ""), ("an escape", "\x1b[31m"), ("a line break", "a\nb"), ("blanks", "  ")),
    ):
        for option in ("--image", "--preset", "--policy", "--set"):
            yield Case(f"run {option}: {name}", _said("A red star", option, value))
        if name not in ("empty", "an escape", "a line break", "blanks"):  # those are names of folders
            yield Case(f"run --out: {name}", _said("A red star", "--out", value))
        yield Case(f"run --resume: {name}", _words(["run", "--resume", value]))
        yield Case(f"replay: {name}", _words(["replay", value]))
        yield Case(f"train --offline: {name}", _words(["train", "--offline", value or "\n"]))
        yield Case(f"probe --tasks: {name}", _words(["probe", "--tasks", value]))
        yield Case(f"experts --preset: {name}", _words(["experts", "--preset", value]))
    for option, value in (
        *(("--seed", "-1"), ("--seed", str(2**31)), ("--seed", "1e3"), ("--max-steps", "0"), ("--max-steps", "101")),
        *(("--cost-weight", "nan"), ("--cost-weight", "-1"), ("--cost-weight", "[1]"), ("--abstain-below", "2")),
        *(("--set", "rules.steps=1e9"), ("--set", "rules=&a [*a]"), ("--set", "=3"), ("--set", "size=[1,1]")),
        *(("--set", "x.__class__=1"), ("--set", "critic=!!python/object/apply:os.system [touch CANARY]")),
        *(("--set", "name=2020-99-99"), ("--set", "device=/dev/sda"), ("--set", "budget.usd=-1"), ("--out", "world")),
    ):
        yield Case(f"run {option} {value}", _said("A red star", option, value))


def _settings() -> Iterator[Case]:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 12))
    texts = {
        "empty": "",
        "no mapping": "- 1",
        "a tab": "a:\n\t- b",
        "NUL": "a: \0",
        "no UTF-8": "a: \udcff",
        "an alias bomb": bomb,
        "an alias of itself": "experts: &a [*a]",
        "a mapping of itself": "experts: &a {b: *a}",
        "deep": "[" * 5000 + "]" * 5000,
        "deep blocks": "".join(f"{' ' * k}a:\n" for k in range(400)),
        "300 KiB": "a: " + "x" * 300_000,
        "a command": "experts: !!python/object/apply:os.system ['touch CANARY']",
        "a new object": "experts: !!python/object/new:os.system ['touch CANARY']",
        "a name of Python": "experts: !!python/name:os.system",
        "a date that is none": "name: 2020-99-99",
        "a number of 400 digits": "rules: {steps: 1" + "0" * 400 + "}",
        "not a number": "rules: {threshold: .nan}",
        "infinite": "reward: {score: .inf}",
        "a merge of itself": "experts: &a {<<: *a}",
        "extends itself": "extends: ./bad.yaml",
        "extends a folder": "extends: ./world",
        "extends a device": "extends: /dev/zero.yaml",
        "a file that is no Python": "critic: ./bad.yaml.py",
        "two documents": "a: 1\n---\nb: 2",
        "keys that are lists": "? [a, b]\n: 1",
        "twice the same expert": "experts: [poster-sd, poster-sd]",
        "an escape": 'name: "\\e[31m"\nexperts: [nobody]',
    }
    for name, text in texts.items():

        def written(home: Path, text: str = text) -> list[str]:
            (home / "bad.yaml").write_bytes(text.encode("utf-8", "surrogateescape"))
            return ["run", "A red star", "--preset", "bad.yaml", "--out", "out"]

        yield Case(f"settings: {name}", written)
    keys = ("experts", "critic", "extractor", "wording", "policy", "size", "device", "cache", "rules", "reward", "name")
    for key in keys:
        for number, value in enumerate(VALUES):

            def laid(home: Path, key: str = key, value: Any = value) -> list[str]:
                path = home / "bad.yaml"
                text = (home / "world" / "fake.yaml").read_text().replace(f"\n{key}:", f"\nx-{key}:")
                path.write_text(text.replace("./", "./world/") + f"\n{key}: {json.dumps(value)}\n")
                return ["experts", "--preset", "bad.yaml"]

            yield Case(f"settings: {key} is value {number}", laid)


def _pictures() -> Iterator[Case]:
    def picture(kind: str, data: bytes) -> Case:
        def written(home: Path) -> list[str]:
            (home / "in.png").write_bytes(data)
            return _said("Add a heart.", "--image", "in.png")(home)

        return Case(f"picture: {kind}", written)

    good = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(good, "PNG")
    data = good.getvalue()
    yield picture("empty", b"")
    yield picture("text", b"no picture")
    yield picture("a pickle", b"\x80\x04\x95cos\nsystem\n(S'touch CANARY'\ntR.")
    for cut in (8, 20, 33, len(data) // 2, len(data) - 5):
        yield picture(f"cut at byte {cut}", data[:cut])
    for width, height in ((0, 0), (1, 2**31 - 1), (60_000, 60_000), (2**31 - 1, 1)):
        header = data[:16] + width.to_bytes(4, "big") + height.to_bytes(4, "big") + data[24:]
        yield picture(f"{width}x{height}", header)
    for kind in ("SVG", "PS", "PDF", "HTML"):
        yield picture(kind, {"SVG": b"<svg/>", "PS": b"%!PS", "PDF": b"%PDF-1.7", "HTML": b"<html>"}[kind])

    def linked(target: str) -> Callable[[Path], list[str]]:
        def made(home: Path) -> list[str]:
            (home / "in.png").symlink_to(target)
            return _said("Add a heart.", "--image", "in.png")(home)

        return made

    for target in ("/dev/zero", "/etc/passwd", "absent", "in.png", "."):
        yield Case(f"picture: a link to {target}", linked(target))


def _leaves(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The place of every value in JSON data."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in inner:
        yield (*path, key)
        yield from _leaves(value, (*path, key))


def put(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The same data with another value in one place."""
    if not path:
        return value
    copy = dict(data) if isinstance(data, dict) else list(data)
    copy[path[0]] = put(copy[path[0]], path[1:], value)
    return copy


def _records(whole: Path) -> Iterator[Case]:
    log = (whole / "trajectory.jsonl").read_bytes()
    texts: dict[str, bytes] = {
        "empty": b"",
        "half a header": log[:100],
        "half a line": log[: log.find(b"\n") + 300],
        "no line": b"\n",
        "text": b"no record\n",
        "a number": b"3\n",
        "a list": b"[]\n",
        "deep": b'{"record": 1, "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
        "a line of 9 MiB": b'{"record": 1, "x": "' + b"x" * 9 * 2**20 + b'"}\n',
        "100,000 lines": log[: log.find(b"\n") + 1] + b'{"step": 1}\n' * 100_000,
        "bytes that are no text": log[: log.find(b"\n") + 1] + b"\xff\xfe\n",
        "half of a pair": log.replace(b"red square", b"red \\ud800 square"),
        "bare NaN": log.replace(b'"seconds": 0.0', b'"seconds": NaN'),
        "another version": log.replace(b'"record": 1', b'"record": 99'),
        "escapes": log.replace(b"red square", b"\\u001b]0;x\\u0007 square"),
        "carriage returns": log.replace(b"\n", b"\r\n"),
        "lines twice": log + log,
        "no end": log[: log.rfind(b"\n", 0, -1) + 1],
    }
    for name, text in texts.items():
        for how in ("replay", "resume"):
            yield Case(f"record: {name}, {how}", _recorded(whole, text, how))
    lines = [json.loads(line) for line in log.splitlines()]
    shapes = set[tuple[Any, ...]]()
    for number, line in enumerate(lines[:2]):
        for path in _leaves(line):
            shape = (number, *(key if isinstance(key, str) else "#" for key in path))
            if shape in shapes or len(path) > 3:
                continue
            shapes.add(shape)
            value = VALUES[len(shapes) % len(VALUES)]
            text = _joined([*lines[:number], put(line, path, value), *lines[number + 1 : -1]])
            name = ".".join(map(str, path))
            yield Case(f"record: {name} = {value!r:.20}", _recorded(whole, text, ("replay", "resume")[len(shapes) % 2]))


def _joined(lines: list[Any]) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def _recorded(whole: Path, text: bytes, how: str) -> Callable[[Path], list[str]]:
    def made(home: Path) -> list[str]:
        shutil.copytree(whole, home / "run")
        (home / "run" / "trajectory.jsonl").write_bytes(text)
        return ["replay", "run"] if how == "replay" else ["run", "--resume", "run", "--quiet"]

    return made


def _policies() -> Iterator[Case]:
    """Folders that somebody sent: `--policy dqn:sent`."""
    from poser.policies.dqn import SHIPPED

    source = SHIPPED / "poster"
    about = json.loads((source / "policy.json").read_text())
    told = {key: value for key, value in about.items() if key in ("format", "sha256", "network", "observer", "actions")}
    seen = set[tuple[str, ...]]()
    for path in _leaves(told):
        shape = tuple(str(key) for key in path[:3])
        if shape in seen or len(path) > 3 or len(seen) > 60:
            continue
        seen.add(shape)
        value = VALUES[len(seen) % len(VALUES)]
        yield Case(f"policy: {'.'.join(shape)} = {value!r:.20}", _policy(source, json.dumps(put(about, path, value))))
    for name, data in (
        ("empty weights", b""),
        ("a pickle", b"\x80\x04\x95cos\nsystem\n(S'touch CANARY'\ntR."),
        ("a header of 2**60 bytes", (2**60).to_bytes(8, "little") + b"{}"),
        ("cut weights", (source / "policy.safetensors").read_bytes()[:1000]),
    ):
        yield Case(f"policy: {name}", _policy(source, json.dumps(about), data))
    for name, text in (("deep", "[" * 100_000), ("empty", ""), ("a list", "[]"), ("5 MB", '"' + "x" * 5_000_000 + '"')):
        yield Case(f"policy: {name}", _policy(source, text))
    for model in ("nobody/x", "/etc", "../..", "~nosuch/x", "\x1b[31m"):
        strange = put(about, ("observer", "embedder"), {"name": "minilm", "model": model, "id": "x"})
        yield Case(f"policy: embedder {model!r}", _policy(source, json.dumps(strange)))


def _policy(source: Path, text: str, data: bytes | None = None) -> Callable[[Path], list[str]]:
    def made(home: Path) -> list[str]:
        shutil.copytree(source, home / "sent")
        (home / "sent" / "policy.json").write_text(text)
        if data is not None:
            (home / "sent" / "policy.safetensors").write_bytes(data)
        return _said("A red star", "--policy", "dqn:sent", "--quiet")(home)

    return made


def mutated(whole: Path, draws: random.Random) -> Case:
    """A recorded run in which bytes, lines or values were changed at random; or a config."""
    log = (whole / "trajectory.jsonl").read_bytes()
    kind = draws.randrange(4)
    if kind == 0:
        data = bytearray(log)
        for _ in range(draws.choice((1, 2, 8))):
            data[draws.randrange(len(data))] = draws.randrange(256)
        return Case("bytes of a record", _recorded(whole, bytes(data), "replay"))
    lines = [json.loads(line) for line in log.splitlines()]
    if kind == 1:
        draws.shuffle(lines)
        return Case("lines of a record", _recorded(whole, _joined(lines[draws.randrange(3) :]), "replay"))
    if kind == 2:
        at = draws.randrange(len(lines))
        for _ in range(draws.choice((1, 1, 3))):
            lines[at] = put(lines[at], draws.choice(list(_leaves(lines[at]))), draws.choice(VALUES))
        return Case("values of a record", _recorded(whole, _joined(lines), "replay"))

    def settings(home: Path) -> list[str]:
        data = bytearray((home / "world" / "fake.yaml").read_bytes())
        for _ in range(draws.choice((1, 2, 4))):
            at = draws.randrange(len(data))
            data[at : at + draws.randrange(3)] = draws.choice((b"", b"&a", b"*a", b"[", b"{", b"\n", b"\x00", b"!!"))
        (home / "bad.yaml").write_bytes(data)
        return ["experts", "--preset", "bad.yaml"]

    return Case("bytes of settings", settings)


@contextlib.contextmanager
def place() -> Iterator[tuple[Path, Path]]:
    """An empty folder for cases, and the folder of a recorded run."""
    with runs.place(0.0) as (home, _), tempfile.TemporaryDirectory() as folder:
        yield Path(folder), home / "whole"


def prepared(home: Path) -> None:
    """What every case finds."""
    world.preset(home / "world")


def measure(n: int, seed: int) -> dict[str, Any]:
    """Every kind, and `n` mutations."""
    draws, bad, kinds = random.Random(seed), list[tuple[str, str]](), 0
    with place() as (home, whole):
        for case in cases(whole):
            kinds += 1
            wrong = trouble(case, home, prepared)
            bad += [(case.name, wrong)] if wrong else []
        for number in range(n):
            case = mutated(whole, draws)
            wrong = trouble(case, home, prepared)
            bad += [(f"{case.name}, mutation {number}", wrong)] if wrong else []
    return {
        "test": f"hostile prompts, arguments, settings, records, pictures, policies: {kinds} kinds, {n:,} mutations",
        "found": f"{kinds + n - len(bad):,} of {kinds + n:,}: one line or a result, nothing run, nothing changed",
        "kinds": kinds,
        "mutations": n,
        "bad": bad[:20],
    }
