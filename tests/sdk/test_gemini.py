"""The google-genai SDK against the gateway (its default version segment and v1beta)."""

import pytest
from google import genai
from google.genai import errors, types

from conftest import BACKEND_KEY, KEY


@pytest.fixture(params=["v1", "v1beta"])
def client(gateway, request):
    options = types.HttpOptions(base_url=gateway.url, api_version=request.param)
    return genai.Client(api_key=KEY, http_options=options)


def test_generate_on_the_simulator(client):
    assert client.models.generate_content(model="sim-echo", contents="prompt-canary hello").text == "prompt-canary hello"


def test_generate_upstream(client, vendor):
    assert client.models.generate_content(model="gemini-pro", contents="prompt-canary").text == "Hello"
    seen = vendor.seen[0]
    assert seen.path.endswith("/models/gemini-upstream:generateContent")
    assert seen.headers.get_all("x-goog-api-key") == [BACKEND_KEY] and KEY not in str(seen.headers)


def test_stream(client):
    pieces = client.models.generate_content_stream(model="gemini-pro", contents="prompt-canary")
    assert "".join(piece.text for piece in pieces) == "Hello"


def test_list_of_models(client):
    assert "models/gemini-pro" in [model.name for model in client.models.list()]
    assert client.models.get(model="gemini-pro").name == "models/gemini-pro"


def test_errors(gateway, client):
    with pytest.raises(errors.ClientError) as caught:
        client.models.generate_content(model="no-such-model", contents="x")
    assert caught.value.code == 404
    wrong = genai.Client(api_key="wrong-key-of-nobody", http_options=types.HttpOptions(base_url=gateway.url))
    with pytest.raises(errors.ClientError) as caught:
        wrong.models.generate_content(model="gemini-pro", contents="x")
    assert caught.value.code == 401
