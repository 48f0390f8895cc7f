"""AzureOpenAI of the openai SDK: deployment paths, `api-key`, the same models."""

import openai
import pytest

from conftest import BACKEND_KEY, KEY

SAY = [{"role": "user", "content": "prompt-canary says hello"}]


@pytest.fixture
def client(gateway):
    with openai.AzureOpenAI(azure_endpoint=gateway.url, api_key=KEY, api_version="2024-10-21", max_retries=0) as client:
        yield client


def test_chat_on_the_simulator(client):
    assert client.chat.completions.create(model="sim-echo", messages=SAY).choices[0].message.content == SAY[0]["content"]


def test_chat_reaches_the_deployment(client, vendor):
    assert client.chat.completions.create(model="azure-gpt", messages=SAY).choices[0].message.content == "Hello"
    seen = vendor.seen[0]
    assert seen.path == "/openai/deployments/deployment-1/chat/completions?api-version=2024-10-21"
    assert seen.headers.get_all("api-key") == [BACKEND_KEY] and seen.headers.get("authorization") is None


def test_stream(client):
    chunks = client.chat.completions.create(model="azure-gpt", messages=SAY, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Hello"


def test_embeddings(client):
    assert len(client.embeddings.create(model="sim-embed", input="a").data[0].embedding) > 0


def test_responses(client):
    assert client.responses.create(model="sim-echo", input="hello there").output_text == "hello there"


def test_errors(gateway, client):
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="no-such-model", messages=SAY)
    wrong = openai.AzureOpenAI(azure_endpoint=gateway.url, api_key="wrong-key-of-nobody", api_version="2024-10-21", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        wrong.chat.completions.create(model="sim-echo", messages=SAY)
