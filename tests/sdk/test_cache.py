"""Answers from the model cache through vendors' SDKs: streamed and unstreamed calls share entries, and what an SDK puts
together from a replayed stream is the unstreamed answer."""

import anthropic
import openai
import pytest
from google import genai
from google.genai import types

from conftest import KEY, Gateway
from fake_vendor import FakeVendor

TEXT = "prompt-canary: the quick brown fox, \"quoted\" and\nbroken, jumps over the lazy dog \u2014 twice \U0001f98a"


@pytest.fixture(scope="module")
def caching(tmp_path_factory):
    gateway = Gateway(tmp_path_factory.mktemp("caching"), FakeVendor(), more="cache: {}\n")
    yield gateway
    assert gateway.stop() == 0, (gateway.folder / "output.txt").read_text()


@pytest.fixture
def client(caching):
    with openai.OpenAI(base_url=f"{caching.url}/v1", api_key=KEY, max_retries=0, timeout=20) as client:
        yield client


@pytest.fixture
def claude(caching):
    with anthropic.Anthropic(base_url=caching.url, api_key=KEY, max_retries=0, timeout=20) as client:
        yield client


def outcome(raw):
    return raw.headers["x-tollgate-cache"]


def whole_chat(client, said):
    raw = client.chat.completions.with_raw_response.create(model="sim-echo", messages=said)
    return outcome(raw), raw.parse()


def streamed_chat(client, said):
    raw = client.chat.completions.with_raw_response.create(model="sim-echo", messages=said, stream=True,
                                                           stream_options={"include_usage": True})
    return outcome(raw), list(raw.parse())


def check_chat(whole, chunks):
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == whole.choices[0].message.content
    assert {chunk.id for chunk in chunks} == {whole.id} and {chunk.model for chunk in chunks} == {whole.model}
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == whole.choices[0].finish_reason
    assert chunks[-1].usage == whole.usage and len(chunks) > 4


@pytest.mark.parametrize("streamed_first", [False, True])
def test_chat(client, streamed_first):
    said = [{"role": "user", "content": f"{TEXT} {streamed_first}"}]
    calls = [whole_chat, streamed_chat]
    first, second = [call(client, said) for call in (reversed(calls) if streamed_first else calls)]
    assert (first[0], second[0]) == ("miss", "hit")
    whole, chunks = (second[1], first[1]) if streamed_first else (first[1], second[1])
    assert whole.choices[0].message.content == said[0]["content"]
    check_chat(whole, chunks)
    again, chunks = streamed_chat(client, said)
    assert again == "hit"
    check_chat(whole, chunks)


def test_chat_by_the_stream_helper(client):
    said = [{"role": "user", "content": f"{TEXT} helper"}]
    whole = client.chat.completions.create(model="sim-echo", messages=said)
    with client.chat.completions.stream(model="sim-echo", messages=said) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.content == whole.choices[0].message.content
    assert (final.id, final.choices[0].finish_reason) == (whole.id, "stop")


def test_usage_is_streamed_only_when_asked_for(client):
    said = [{"role": "user", "content": f"{TEXT} usage"}]
    client.chat.completions.create(model="sim-echo", messages=said)
    chunks = list(client.chat.completions.create(model="sim-echo", messages=said, stream=True))
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)


@pytest.mark.parametrize("streamed_first", [False, True])
def test_legacy_completions(client, streamed_first):
    ask = {"model": "sim-echo", "prompt": f"{TEXT} legacy {streamed_first}"}
    whole = lambda: client.completions.create(**ask)
    stream = lambda: list(client.completions.create(**ask, stream=True, stream_options={"include_usage": True}))
    if streamed_first:
        chunks, answer = stream(), whole()
    else:
        answer, chunks = whole(), stream()
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == answer.choices[0].text
    assert {chunk.id for chunk in chunks} == {answer.id} and chunks[-1].usage == answer.usage


@pytest.mark.parametrize("streamed_first", [False, True])
def test_responses(client, streamed_first):
    ask = {"model": "sim-echo", "input": f"{TEXT} responses {streamed_first}"}

    def stream():
        with client.responses.stream(**ask) as stream:
            events = list(stream)
            numbers = [event.sequence_number for event in events if hasattr(event, "sequence_number")]
            assert numbers == sorted(numbers)
            return stream.get_final_response()

    if streamed_first:
        final, whole = stream(), client.responses.create(**ask)
    else:
        whole, final = client.responses.create(**ask), stream()
    assert whole.output_text == final.output_text == ask["input"]
    assert (whole.id, whole.usage, whole.status) == (final.id, final.usage, final.status)


@pytest.mark.parametrize("streamed_first", [False, True])
def test_messages(claude, streamed_first):
    ask = {"model": "sim-echo", "max_tokens": 100, "messages": [{"role": "user", "content": f"{TEXT} claude {streamed_first}"}]}

    def stream():
        with claude.messages.stream(**ask) as stream:
            assert "".join(stream.text_stream) == ask["messages"][0]["content"]
            return stream.get_final_message()

    if streamed_first:
        final, whole = stream(), claude.messages.create(**ask)
    else:
        whole, final = claude.messages.create(**ask), stream()
    assert (whole.id, whole.usage, whole.stop_reason) == (final.id, final.usage, final.stop_reason)
    assert whole.content[0].text == final.content[0].text
    raw = claude.messages.with_raw_response.create(**ask)
    assert outcome(raw) == "hit" and raw.parse() == whole


@pytest.mark.parametrize("streamed_first", [False, True])
def test_gemini(caching, streamed_first):
    client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=caching.url, api_version="v1beta"))
    ask = {"model": "sim-echo", "contents": f"{TEXT} gemini {streamed_first}"}
    stream = lambda: list(client.models.generate_content_stream(**ask))
    whole = lambda: client.models.generate_content(**ask)
    if streamed_first:
        chunks, answer = stream(), whole()
    else:
        answer, chunks = whole(), stream()
    assert "".join(chunk.text or "" for chunk in chunks) == answer.text == ask["contents"]
    assert chunks[-1].usage_metadata.total_token_count == answer.usage_metadata.total_token_count
    assert answer.sdk_http_response.headers["x-tollgate-cache"] == ("hit" if streamed_first else "miss")


@pytest.mark.parametrize("directive, kept", [("no-cache", True), ("no-store", False)])
def test_directives(client, directive, kept):
    said = [{"role": "user", "content": f"{TEXT} {directive}"}]
    raw = client.chat.completions.with_raw_response.create(model="sim-echo", messages=said,
                                                           extra_headers={"Cache-Control": directive})
    assert outcome(raw) == "bypass"
    assert whole_chat(client, said)[0] == ("hit" if kept else "miss")
