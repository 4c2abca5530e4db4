"""Secrets do not reach logs and events; everything else does."""

from __future__ import annotations

import base64
import json
import string
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from olivine_schemas.redact import redact

ALPHANUMERIC = string.ascii_letters + string.digits
hf_tokens = st.text(ALPHANUMERIC, min_size=34, max_size=37).map("hf_{}".format)
storage_keys = st.binary(min_size=64, max_size=64).map(lambda key: base64.b64encode(key).decode())
signatures = st.binary(min_size=32, max_size=32).map(
    lambda key: base64.b64encode(key).decode().replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
)
web_tokens = st.tuples(*[st.binary(min_size=20, max_size=60)] * 2).map(
    lambda parts: ".".join(
        ["eyJhbGciOiJSUzI1NiJ9", *(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)]
    )
)
surroundings = st.text(st.sampled_from(" \n\"'():,[]{}äß→"), max_size=8)


@given(surroundings, hf_tokens | storage_keys | web_tokens, surroundings)
def test_hides_a_secret_that_is_known_by_its_form(before: str, secret: str, after: str) -> None:
    assert redact(f"{before}{secret}{after}") == f"{before}***{after}"


@given(signatures, storage_keys, hf_tokens)
def test_hides_a_secret_that_is_known_by_its_name(signature: str, key: str, token: str) -> None:
    texts = [
        f"https://account.blob.core.windows.net/data/train.json?sv=2024-11-04&se=2026-01-01&sr=b&sig={signature}&sp=r",
        f"DefaultEndpointsProtocol=https;AccountName=account;AccountKey={key};EndpointSuffix=core.windows.net",
        f"HF_TOKEN={token} olivine run",
        json.dumps({"api_key": key, "Authorization": f"Bearer {token}"}),
        f"Authorization: Basic {key}",
        f"curl -H 'authorization: bearer {key}'",
        f"https://someone:{token}@huggingface.co/api",
    ]
    for text in texts:
        assert not any(secret in redact(text) for secret in (signature, key, token)), text


@given(signatures, storage_keys, hf_tokens, web_tokens)
def test_hides_a_secret_however_it_was_quoted(signature: str, key: str, token: str, web_token: str) -> None:
    """Six letters of a secret are more than chance leaves."""
    opaque = token.removeprefix("hf_")
    shared = f"https://account.blob.core.windows.net/data/train.json?sv=2024-11-04&sig={signature}&sp=r"
    texts = [
        *(repr(f"one\n{secret}") for secret in (token, key, web_token)),
        f"\x1b[32m{token}\x1b[0m",
        quote(f"token={token}", safe=""),
        quote(shared, safe=""),
        json.dumps(shared).replace("&", "\\u0026"),
        json.dumps(f"AccountKey={key};").replace("+", "\\u002B"),
        str({"sig": [signature], "sp": ["r"]}),
        json.dumps(json.dumps({"access_token": opaque, "api_key": opaque})),
        json.dumps(json.dumps({"Authorization": f"Bearer {opaque}"})),
        str({b"authorization": f"Bearer {opaque}".encode()}),
        f"GET / HTTP/1.1\\r\\nOcp-Apim-Subscription-Key: {opaque}\\r\\n",
        f"grant_type=refresh_token&refresh_token={opaque}&scope=x",
        f"Bearer%20{opaque}",
        f"environ['HF_TOKEN'] = '{opaque}'",
        f"https://{opaque}@pkgs.dev.azure.com/feed",
        f"az login --service-principal -u app -p abc8Q~{opaque[:34]}",
    ]
    secrets = (signature, key, opaque, web_token[21:])
    pieces = {secret[at : at + 6] for secret in secrets for at in range(len(secret) - 5)}
    for text in texts:
        hidden = redact(text)
        assert not [piece for piece in pieces if piece in hidden], hidden


def test_keeps_what_names_the_secret() -> None:
    text = "AccountName=store;AccountKey=c2VjcmV0IHNlY3JldA==;EndpointSuffix=core"
    assert redact(text) == "AccountName=store;AccountKey=***;EndpointSuffix=core"


@given(hf_tokens)
def test_hiding_twice_changes_nothing_more(token: str) -> None:
    once = redact(f"token={token}&sig={token}")
    assert redact(once) == once


@pytest.mark.parametrize(
    "text",
    [
        "Basic fine-tuning of microsoft/Phi-3-mini-4k-instruct",
        "hf_token: true needs a login; see hf_config",
        "password: must be given",
        "config=olive-config.json significance=0.05",
        "keyvault_name is not set",
        "artifact 3f2a9c0d7be14c55a1f09d3c7d2b8e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b1c0d",
        "https://huggingface.co/microsoft/phi-2 is gated: ask for access@huggingface.co",
        r"C:\Users\sig\models: there is no such folder",
        '{"eos_token": "<|endoftext|>", "pad_token_id": 50256, "keyed": "monkey"}',
        "half_precision_of_everything elf_abcdefghijklmnopqrstuvwxyz",
        "https://huggingface.co:443/microsoft/phi-2 by someone@huggingface.co",
        "access_token: ask the person who keeps it",
    ],
)
def test_leaves_other_text_alone(text: str) -> None:
    assert redact(text) == text
