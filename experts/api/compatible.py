"""Any endpoint that speaks the OpenAI images protocol: vLLM-Omni, SGLang, LocalAI, a gateway, a server of one's own.

`base_url` says where; `key` names the variable of its key, if it has one. Such servers take a diffusion model's knobs
as further fields: `steps`, `guidance`, `true_guidance` and the seed get the names that vLLM-Omni and SGLang use, any
other param is handed on under its own name. The card's limits are the server's: sizes are not fitted.
Source: docs.vllm.ai/projects/vllm-omni, Image Generation API and Image Edit API.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experts.api._client import Line
from experts.api._expert import Ask, Draw, Service
from experts.api._secret import Secret
from experts.api._sizes import AsWanted
from experts.api._terms import Terms
from experts.api.openai_images import drawing

NAMES = {"steps": "num_inference_steps", "guidance": "guidance_scale", "true_guidance": "true_cfg_scale"}


def connect(terms: Terms, secret: Secret, line: Line) -> Draw:
    """What draws with that model at that address."""
    names = {**NAMES, **terms.fields}

    def extra(ask: Ask) -> Mapping[str, Any]:
        body = {names.get(name, name): value for name, value in ask.params.items() if value is not None}
        if ask.seed is not None:
            body[names.get("seed", "seed")] = ask.seed
        form = names.get("response_format", "response_format")
        return {**({form: "b64_json"} if form else {}), "extra_body": body}

    return drawing(terms, secret, line, extra)


SERVICE = Service(
    name="compatible",
    connect=connect,
    sizes=lambda model, card: AsWanted(),
    most_images=16,
    masks=True,
    card={"licence": "unknown"},
)
