"""`engine:` in a config: what may stand there, and that nothing imports ray unless a config asks for it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from poser import config as configs
from poser.agent import Poser
from poser.cli import main
from poser.cluster.settings import Engine, Place
from poser.types import PoserError


def test_models_run_here_unless_a_config_says_otherwise():
    for preset in configs.presets():
        assert configs.load(preset).engine == Engine()


def test_a_name_alone_keeps_the_places_of_a_file(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("extends: poster\nengine: {name: here, timeout: 5, places: [{critic: true, gpus: 0.25}]}\n")
    found = configs.load(file, {"engine": "ray", "engine.address": "10.0.0.1:6379"}).engine
    assert found == Engine(name="ray", timeout=5, address="10.0.0.1:6379", places=(Place(critic=True, gpus=0.25),))
    assert found.places[0].demand == {"CPU": 1, "GPU": 0.25}


def test_settings_can_be_laid_over_a_preset_that_says_here():
    assert configs.load("poster", {"engine.shards": 2}).engine == Engine(shards=2)


def test_a_resolved_config_reads_back():
    config = configs.load("poster", {"engine": {"name": "ray", "places": [{"experts": ["poster-sd"], "replicas": 2}]}})
    assert configs.checked(config.dump(), "x") == config


@pytest.mark.parametrize(
    "value, words",
    [
        ("dask", "engine.name = 'dask'"),
        ({"name": "ray", "place": []}, "unknown key 'engine.place'; did you mean 'places'?"),
        ({"name": "ray", "places": [{"gpus": -1}]}, "engine.places.0.gpus = -1"),
        ({"name": "ray", "timeout": 0}, "engine.timeout = 0"),
    ],
)
def test_what_cannot_be_is_one_line(value, words):
    with pytest.raises(PoserError) as caught:
        configs.load("poster", {"engine": value})
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "no address", "nowhere.invalid:6379"])
def test_without_a_cluster_it_says_at_once_how_to_begin_one(address, capsys, monkeypatch):
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    before = signal.getsignal(signal.SIGTERM)
    start = time.monotonic()
    assert main(["doctor", "--engine", "--set", f"engine.address={address}"]) == 2
    said = capsys.readouterr().err
    assert "ray start --head" in said and said.count("\n") == 1 and time.monotonic() - start < 30
    assert signal.getsignal(signal.SIGTERM) is before


def test_nothing_imports_ray_otherwise():
    code = (
        "import sys; from poser.agent import Poser; import poser.cli; agent = Poser.from_pretrained('poster'); "
        "agent('A red star.', max_steps=1); sys.exit('ray' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_machine_without_ray_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(PoserError, match=r"pip install 'poser\[ray\]'"):
        Poser.from_pretrained("poster", overrides={"engine": "ray"})
