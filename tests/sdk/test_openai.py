"""The openai SDK against the gateway: simulated models, and a fake vendor for what goes wrong."""

import asyncio
import json

import openai
import pytest

from conftest import BACKEND_KEY, KEY, OTHER_KEY, SPENT_KEY, eventually, spend
from fake_vendor import chat_events, error, reply, stream

SAY = [{"role": "user", "content": "prompt-canary says hello"}]


@pytest.fixture
def client(gateway):
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=KEY, max_retries=0, timeout=20) as client:
        yield client


def text_of(chunks):
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_chat(client):
    answer = client.chat.completions.create(model="sim-echo", messages=SAY)
    assert answer.choices[0].message.content == SAY[0]["content"]
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer._request_id


def test_stream(client):
    chunks = list(client.chat.completions.create(model="sim-echo", messages=SAY, stream=True))
    assert text_of(chunks) == SAY[0]["content"]
    assert all(chunk.choices for chunk in chunks), "no usage chunk that was not asked for"
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_stream_with_usage(client):
    chunks = list(client.chat.completions.create(model="sim-echo", messages=SAY, stream=True,
                                                 stream_options={"include_usage": True}))
    assert text_of(chunks) == SAY[0]["content"]
    assert chunks[-1].choices == [] and chunks[-1].usage.total_tokens > 0


def test_tools(client):
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
    tool = {"type": "function", "function": {"name": "weather", "parameters": parameters}}
    answer = client.chat.completions.create(model="sim-json", messages=SAY, tools=[tool], tool_choice="required")
    call = answer.choices[0].message.tool_calls[0]
    assert call.function.name == "weather"
    assert isinstance(json.loads(call.function.arguments)["city"], str)


def test_structured_output(client):
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": True}}
    answer = client.chat.completions.create(model="sim-json", messages=SAY, response_format=wanted)
    assert isinstance(json.loads(answer.choices[0].message.content)["n"], int)


def test_embeddings_by_default_base64(client):
    vectors = client.embeddings.create(model="sim-embed", input=["a", "b", "a"]).data
    assert len(vectors) == 3 and len(vectors[0].embedding) > 0
    assert vectors[0].embedding == vectors[2].embedding != vectors[1].embedding
    floats = client.embeddings.create(model="sim-embed", input="a", encoding_format="float").data[0].embedding
    assert floats == pytest.approx(vectors[0].embedding, abs=1e-6)


def test_responses(client):
    answer = client.responses.create(model="sim-echo", input="hello there")
    assert answer.output_text == "hello there"
    assert answer.usage.total_tokens > 0


def test_responses_stream(client):
    events = list(client.responses.create(model="sim-echo", input="hello there", stream=True))
    assert events[0].type == "response.created" and events[-1].type == "response.completed"
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "hello there"


def test_legacy_completions(client):
    assert client.completions.create(model="sim-echo", prompt="hello").choices[0].text


def test_models(gateway, client):
    names = {model.id for model in client.models.list()}
    assert {"sim-echo", "gpt", "claude"} <= names
    assert client.models.retrieve("sim-echo").id == "sim-echo"
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=OTHER_KEY) as narrow:
        assert [model.id for model in narrow.models.list()] == ["sim-echo"]


def test_the_backends_credential_and_nothing_else_goes_up(client, vendor):
    assert client.chat.completions.create(model="gpt", messages=SAY).choices[0].message.content == "Hello"
    seen = vendor.seen[0]
    assert seen.headers.get_all("authorization") == [f"Bearer {BACKEND_KEY}"]
    assert KEY not in str(seen.headers) and seen.json()["model"] == "gpt-upstream"


def test_upstream_stream(client, vendor):
    chunks = list(client.chat.completions.create(model="gpt", messages=SAY, stream=True))
    assert text_of(chunks) == "Hello" and all(chunk.choices for chunk in chunks)
    assert vendor.seen[0].json()["stream_options"] == {"include_usage": True}


def test_wrong_key(gateway):
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="tg_wrong", max_retries=0)
    with pytest.raises(openai.AuthenticationError) as caught:
        client.chat.completions.create(model="sim-echo", messages=SAY)
    assert caught.value.code == "invalid_api_key" and caught.value.request_id


def test_unknown_model(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="no-such-model", messages=SAY)
    assert caught.value.code == "model_not_found" and caught.value.request_id


def test_model_of_another_dialect(client, vendor):
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="claude", messages=SAY)
    assert vendor.seen == []


@pytest.mark.parametrize(("status", "kind"), [
    (400, openai.BadRequestError), (404, openai.NotFoundError), (409, openai.ConflictError),
    (422, openai.UnprocessableEntityError), (429, openai.RateLimitError),
])
def test_upstream_refusals(client, vendor, status, kind):
    vendor.always(error(status, retry_after="0"))
    with pytest.raises(kind) as caught:
        client.chat.completions.create(model="gpt", messages=SAY)
    assert caught.value.status_code == status and caught.value.request_id


@pytest.mark.parametrize("status", [500, 502, 503, 529])
def test_upstream_failures(client, vendor, status):
    vendor.always(error(status))
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="gpt", messages=SAY)
    assert caught.value.status_code >= 500 and caught.value.request_id
    assert len(vendor.seen) == 1


@pytest.mark.parametrize(("failures", "retries", "requests"), [(1, 2, 2), (2, 2, 3)])
def test_the_sdks_retries_reach_the_vendor_once_each(client, vendor, failures, retries, requests):
    vendor.first(failures, error(500))
    answer = client.with_options(max_retries=retries).chat.completions.create(model="gpt", messages=SAY)
    assert answer.choices[0].message.content == "Hello"
    assert len(vendor.seen) == requests


def test_an_exhausted_quota_is_asked_once(gateway):
    spend(gateway)
    sent = []
    http = openai.DefaultHttpxClient(event_hooks={"request": [sent.append]})
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=SPENT_KEY, http_client=http) as client:
        with pytest.raises(openai.RateLimitError) as caught:
            client.chat.completions.create(model="sim-echo", messages=SAY)
    assert caught.value.code == "insufficient_quota" and len(sent) == 1


def test_should_retry_false_is_relayed(client, vendor):
    vendor.always(error(400, x_should_retry="false"))
    with pytest.raises(openai.BadRequestError):
        client.with_options(max_retries=2).chat.completions.create(model="gpt", messages=SAY)
    assert len(vendor.seen) == 1


@pytest.mark.parametrize("events", range(2, 6))
def test_a_cut_stream_raises(client, vendor, events):
    vendor.always(stream(chat_events(["Hel", "lo", "!"])[:events], end="cut"))
    with pytest.raises(openai.APIError):
        list(client.chat.completions.create(model="gpt", messages=SAY, stream=True))


def test_leaving_a_stream_cancels_upstream(client, vendor):
    vendor.always(stream(chat_events(["Hel", "lo"])[:2], end="stall"))
    chunks = client.chat.completions.create(model="gpt", messages=SAY, stream=True)
    assert text_of([next(chunks), next(chunks)]) == "Hel"
    chunks.close()
    assert eventually(lambda: vendor.gone) < 1.0


def test_multipart_uploads(client, vendor):
    binary = bytes(range(256)) * 64
    assert client.files.create(file=("a.jsonl", binary), purpose="user_data", extra_headers={"x-tollgate-model": "gpt"}).id == "file-1"
    assert binary in vendor.seen[-1].body
    spoken = client.audio.transcriptions.create(model="gpt", file=("a.wav", binary))
    assert spoken.text == "spoken" and binary in vendor.seen[-1].body
    assert b"gpt-upstream" in vendor.seen[-1].body


def test_unknown_fields_and_big_integers(client, vendor):
    client.chat.completions.create(model="gpt", messages=SAY, seed=2**63 - 1, extra_body={"x_unknown": [2**70, {"ä": "☃"}]})
    assert vendor.seen[0].json()["seed"] == 2**63 - 1
    assert vendor.seen[0].json()["x_unknown"] == [2**70, {"ä": "☃"}]


def test_raw_headers(client):
    raw = client.chat.completions.with_raw_response.create(model="sim-echo", messages=SAY)
    assert raw.headers["x-request-id"] == raw.headers["request-id"]
    assert raw.headers.get("x-tollgate-backend") == "sim"


def test_async_and_many_at_once(gateway):
    async def main():
        async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=KEY, max_retries=0) as client:
            async def one(number):
                stream = await client.chat.completions.create(
                    model="sim-echo", messages=[{"role": "user", "content": f"number {number}"}], stream=True)
                return text_of([chunk async for chunk in stream])
            return await asyncio.gather(*(one(number) for number in range(50)))
    assert asyncio.run(main()) == [f"number {number}" for number in range(50)]


def test_stored_responses_belong_to_their_subscription(gateway, client, vendor):
    body = {"id": "resp_sdk1", "object": "response", "created_at": 1, "status": "completed", "model": "up", "output": [],
            "parallel_tool_calls": False, "tool_choice": "auto", "tools": []}
    vendor.always(reply(200, body))
    assert client.responses.create(model="gpt", input="x").id == "resp_sdk1"
    assert client.responses.retrieve("resp_sdk1").id == "resp_sdk1"
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=OTHER_KEY, max_retries=0) as other:
        with pytest.raises(openai.NotFoundError):
            other.responses.retrieve("resp_sdk1")
