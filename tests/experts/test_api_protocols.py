"""What each service is sent, what is made of its answers, what they cost."""

from __future__ import annotations

import hashlib

import pytest
from PIL import Image

from experts.api._faults import Fault, HttpStatus, fault_of
from experts.api._http import _address
from experts.api._terms import Prices
from experts.registry import builtin
from experts.types import Request
from tests.experts import api_world
from tests.experts.api_world import (
    KINDS,
    SERVICES,
    USD,
    loopback_server,  # noqa: F401
    picture,
    requests,
)
from tests.experts.fault_plan import script
from tests.experts.loopback import Loopback

PRICES = Prices(text_in=5.0, image_in=8.0, text_out=10.0, image_out=30.0)


def fingerprint(image: Image.Image) -> list[object]:
    return [image.mode, image.size, hashlib.sha256(image.tobytes()).hexdigest()]


def test_openai_generate_sends_the_card_s_params_and_a_size_it_can_take(server: Loopback) -> None:
    expert = api_world.expert("openai", server, params={"quality": "medium"})
    (result,) = expert([Request("a poster", size=(500, 300), params={"quality": "low"})])
    sent = server.book.asked[0]
    width, height = map(int, sent["size"].split("x"))
    assert width % 16 == height % 16 == 0 and width * height >= 655_360 and abs(width / height - 5 / 3) < 0.05
    rest = {"model": "gpt-image-2.6-flare", "prompt": "a poster", "n": 1, "quality": "low"}
    assert sent == {**rest, "size": sent["size"]} and server.book.paths == ["/v1/images/generations"]
    assert result.image is not None and result.image.size == (500, 300)
    assert result.notes == ("seed ignored", f"drawn at {width}x{height} px, scaled and cut to 500x300 px")


def test_openai_edit_sends_pictures_and_a_mask_that_is_transparent_where_to_paint(server: Loopback) -> None:
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (0, 0, 32, 64))
    pictures = (picture("red"), picture("blue"))
    (result,) = api_world.expert("openai-edit", server)([Request("greener", pictures, mask)])
    sent = server.book.asked[0]
    assert server.book.paths == ["/v1/images/edits"] and result.image is not None and result.image.size == (64, 64)
    assert sent["image"] == [fingerprint(image) for image in pictures]
    wanted = Image.new("RGBA", (64, 64), (0, 0, 0, 255))
    wanted.paste((0, 0, 0, 0), (0, 0, 32, 64))
    assert sent["mask"] == [fingerprint(wanted)]


@pytest.mark.parametrize("kind", ["compatible", "compatible-edit"])
def test_compatible_servers_get_knobs_and_seed(kind: str, server: Loopback) -> None:
    knobs = {"steps": 4, "guidance": 2.5, "negative_prompt": "blur", "cfg_rescale": 0.5}
    expert = api_world.expert(kind, server, params=knobs)
    (result,) = expert([Request("x", requests(kind, 1)[0].images, size=(64, 48), seed=7)])
    sent = {name: str(value) for name, value in server.book.asked[0].items()}
    named = {"num_inference_steps": "4", "guidance_scale": "2.5", "negative_prompt": "blur", "cfg_rescale": "0.5"}
    assert {**named, "seed": "7", "size": "64x48", "response_format": "b64_json"}.items() <= sent.items()
    assert result.notes == () and result.image is not None and result.image.size == (64, 48)


def test_compatible_servers_get_the_names_that_they_know(server: Loopback) -> None:
    """LocalAI calls steps `step`; some servers refuse `response_format`."""
    fields = {"steps": "step", "response_format": ""}
    expert = api_world.expert("compatible", server, params={"steps": 4}, fields=fields)
    (result,) = expert([Request("x", size=(64, 48), seed=7)])
    sent = server.book.asked[0]
    assert result.failure is None and sent["step"] == 4 and "response_format" not in sent


@pytest.mark.parametrize("fidelity", [{}, {"input_fidelity": "high"}])
def test_input_fidelity_is_for_models_before_gpt_image_2(fidelity: dict[str, str], server: Loopback) -> None:
    expert = api_world.expert("openai-edit", server, params={"quality": "low", **fidelity})
    (result,) = expert([Request("greener", (picture("red"),))])
    assert result.failure is None and "input_fidelity" not in server.book.asked[0]


def test_gemini_s_wide_pictures_are_for_the_models_that_draw_them() -> None:
    from experts.api.gemini import SERVICE

    card = builtin()["gemini-3-pro-image"].card
    wanted = {"gemini-nano-banana-2.1": "8:1", "gemini-3-pro-image": "21:9"}
    assert {model: SERVICE.sizes(model, card).nearest((1600, 200)).words for model in wanted} == wanted


def test_gemini_sends_words_pictures_and_proportions(server: Loopback) -> None:
    expert = api_world.expert("gemini-edit", server, params={"resolution": "1K"})
    (result,) = expert([Request("greener", (picture(size=(160, 90)),))])
    sent = server.book.asked[0]
    assert server.book.paths == ["/v1beta/models/gemini-nano-banana-2.1:generateContent"]
    assert [list(part) for part in sent["contents"][0]["parts"]] == [["text"], ["inlineData"]]
    image_config = {"aspectRatio": "16:9", "imageSize": "1K"}
    assert sent["generationConfig"] == {"responseModalities": ["IMAGE"], "imageConfig": image_config}
    assert result.image is not None and result.image.size == (160, 90)


@pytest.mark.parametrize("shape", ["inline", "markdown", "link"])
def test_gemini_s_picture_is_found_in_every_shape(shape: str, server: Loopback) -> None:
    server.shape = shape
    (result,) = api_world.expert("gemini", server)(requests("gemini", 1))
    assert result.image is not None and server.book.fetched == (shape == "link")


def test_replicate_waits_looks_and_fetches(server: Loopback) -> None:
    server.looks = 3
    expert = api_world.expert("replicate-edit", server, params={"output_format": "png"}, timeout=20.0)
    (result,) = expert([Request("greener", (picture(size=(90, 160)),))])
    assert result.image is not None and result.image.size == (90, 160)
    assert server.book.paths[0] == "/v1/models/black-forest-labs/flux-schnell/predictions"
    assert server.book.headers[0]["prefer"] == "wait=19"
    sent = server.book.asked[0]["input"]
    assert sent["aspect_ratio"] == "9:16" and sent["output_format"] == "png" and "seed" not in sent
    assert sent["input_image"].startswith("data:image/png;base64,")
    assert len(server.book.paths) == 6 and expert.line.clock.slept == [1.0] * 4
    totals = expert.line.ledger.totals
    assert (totals.requests, totals.bought, totals.usd, result.usd) == (6, 1, USD, USD)


def test_replicate_is_cancelled_at_the_deadline(server: Loopback) -> None:
    server.looks = 10**6
    expert = api_world.expert("replicate", server, deadline=8.0)
    (result,) = expert(requests("replicate", 1))
    assert result.failure and result.failure.kind == "timeout" and result.usd == USD
    assert server.book.cancelled == 1 and server.book.requests == expert.line.ledger.totals.requests


@pytest.mark.parametrize("looks", [0, 2])
def test_replicate_s_hardware_is_charged_by_the_second(looks: int, server: Loopback) -> None:
    server.looks = looks
    expert = api_world.expert("replicate", server, Prices(second=0.001))
    (result,) = expert(requests("replicate", 1))
    assert result.usd == expert.line.ledger.totals.usd == pytest.approx(2.0 * 0.001)
    assert expert.line.ledger.charges[0].usd == pytest.approx(0.002)


@pytest.mark.parametrize(
    "where", ["https://evil.example/x.png", "http://replicate.delivery/x.png", "https://u@replicate.delivery/x"]
)
def test_pictures_elsewhere_are_not_fetched(where: str, server: Loopback) -> None:
    server.output = where
    (result,) = api_world.expert("replicate", server)(requests("replicate", 1))
    assert result.failure and "not fetched" in result.failure.message and result.usd == USD


def test_hosts_that_may_be_fetched_from() -> None:
    hosts, base = ("replicate.delivery",), "https://api.replicate.com/v1"
    for url in ("https://replicate.delivery/a", "https://pbxt.replicate.delivery/a", "https://api.replicate.com/a"):
        _address(url, base, hosts)
    for url in (
        "https://xreplicate.delivery/a",
        "https://replicate.delivery:8443/a",
        "file:///etc/passwd",
        "//evil.example/a",
        "http://localhost/a",
        "http://0.0.0.0/a",
        "http://169.254.169.254/latest/meta-data",
        "https://[x",
    ):
        with pytest.raises(Fault):
            _address(url, base, hosts)


@pytest.mark.parametrize("kind", ["openai", "compatible-edit"])
def test_addresses_of_the_server_itself_are_fetched(kind: str, server: Loopback) -> None:
    server.output = "address"
    (result,) = api_world.expert(kind, server)(requests(kind, 1))
    assert result.image is not None and server.book.fetched == 1


@pytest.mark.parametrize(
    ("kind", "usd"),
    [
        ("openai", (50 * 5 + 100 * 8 + 1000 * 30) / 1e6),
        ("compatible", (50 * 5 + 100 * 8 + 1000 * 30) / 1e6),
        ("gemini", (50 * 5 + 200 * 10 + 1000 * 30) / 1e6),
    ],
)
def test_the_reported_usage_is_the_price(kind: str, usd: float, server: Loopback) -> None:
    expert = api_world.expert(kind, server, PRICES)
    (result,) = expert(requests(kind, 1))
    assert result.usd == pytest.approx(usd) and expert.line.ledger.totals.usd == pytest.approx(usd)
    assert expert.line.ledger.charges[0].certain


def test_without_usage_the_card_s_price_counts(server: Loopback) -> None:
    server.usage = False
    (result,) = api_world.expert("openai", server, PRICES)(requests("openai", 1))
    assert result.usd == USD


def test_a_damaged_picture_with_usage_is_charged_by_its_usage(server: Loopback) -> None:
    server.fault = script("cut-picture")
    expert = api_world.expert("openai", server, PRICES)
    (result,) = expert(requests("openai", 1))
    assert result.usd == pytest.approx((50 * 5 + 100 * 8 + 1000 * 30) / 1e6)
    assert expert.line.ledger.totals.assumed == 0 and expert.line.ledger.totals.bought == 1


@pytest.mark.parametrize("kind", ["openai", "compatible"])
def test_an_answer_without_pictures_is_a_refusal(kind: str, server: Loopback) -> None:
    server.fault = script("empty")
    (result,) = api_world.expert(kind, server)(requests(kind, 1))
    assert result.failure and result.failure.kind == "refused" and len(server.book.asked) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_service_cannot_take_is_said_before_any_request(kind: str, server: Loopback) -> None:
    expert = api_world.expert(kind, server)
    most = expert.service.most_images
    edits = kind.endswith("-edit")
    wrong = [Request("x", (picture(),) * (most + 1))] if edits else [Request("x", (picture(),))]
    wrong += [Request("x", (picture(),) if edits else (), Image.new("L", (9, 9)), size=(64, 64))]
    wrong += [Request("x", (picture(),) if edits else (), params={"zzz": 1})]
    assert [r.failure.kind for r in expert(wrong) if r.failure] == ["unsupported"] * 3
    assert server.book.requests == 0


@pytest.mark.parametrize(
    ("status", "body", "kind", "again"),
    [
        (400, {"error": {"message": "x", "code": "content_policy_violation"}}, "refused", False),
        (400, {"error": {"message": "x", "details": [{"reason": "PUBLIC_ERROR_UNSAFE_GENERATION"}]}}, "refused", False),
        (400, {"error": {"message": "invalid value for moderation"}}, "unsupported", False),
        (400, {"error": {"message": "API key not valid."}}, "unavailable", False),
        (401, {"detail": "Unauthenticated"}, "unavailable", False),
        (402, {"detail": "Insufficient credit"}, "unavailable", False),
        (404, {"error": {"message": "no such model"}}, "unavailable", False),
        (422, {"detail": "size"}, "unsupported", False),
        (429, {"error": {"message": "x", "code": "insufficient_quota"}}, "unavailable", False),
        (429, {"error": {"message": "x", "code": "rate_limit_exceeded"}}, "rate_limited", True),
        (503, "<html>", "unavailable", True),
        (302, "", "broken", False),
    ],
)
def test_statuses(status: int, body: object, kind: str, again: bool) -> None:
    fault = fault_of(HttpStatus(status, {}, body), str)
    assert (fault.kind, fault.again, fault.bought) == (kind, again, False)
    assert "\n" not in fault.message and str(status) in fault.message


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"retry-after": "7"}, "", 7.0),
        ({"retry-after": "0.5"}, "", 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, "", 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, "", 0.0),
        ({}, {"error": {"details": [{"@type": "RetryInfo", "retryDelay": "31s"}]}}, 31.0),
        ({"retry-after": "soon"}, "", None),
        ({"retry-after": "nan"}, "", None),
        ({}, "", None),
    ],
)
def test_retry_after_in_every_form(headers: dict[str, str], body: object, seconds: float | None) -> None:
    assert fault_of(HttpStatus(429, headers, body), str).retry_after == seconds


def test_every_service_is_covered_here() -> None:
    import experts.registry as registry

    assert {family for family, *_ in SERVICES.values()} == set(registry._files("api"))


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1:8001/a", "http://169.254.169.254/a", "http://10.0.0.7:8000/a", "ftp://localhost:8000/a"),
        *(
            "http://u@localhost:8000/a",
            "http://evil.example:8000/a",
            "http://localhost/a",
            "file:///etc/passwd",
            "http://[x",
        ),
    ],
)
def test_a_server_near_by_is_asked_for_its_own_pictures_alone(url: str) -> None:
    with pytest.raises(Fault, match="not fetched"):
        _address(url, "http://127.0.0.1:8000/v1", ())
    for own in ("http://localhost:8000/a?b", "http://0.0.0.0:1/a?b", "http://vllm:8000/a?b", "/a?b", "../a?b"):
        assert _address(own, "http://127.0.0.1:8000/v1", ()) == "http://127.0.0.1:8000/a?b"
