"""The anthropic SDK against the gateway."""

import anthropic
import pytest

from conftest import BACKEND_KEY, KEY, SPENT_KEY, eventually, spend
from fake_vendor import message_events, reply, stream

SAY = [{"role": "user", "content": "prompt-canary says hello"}]


@pytest.fixture
def client(gateway):
    with anthropic.Anthropic(base_url=gateway.url, api_key=KEY, max_retries=0, timeout=20) as client:
        yield client


def refusal(status, kind):
    return reply(status, {"type": "error", "error": {"type": kind, "message": f"scripted {status}"}})


def test_message_on_the_simulator(client):
    answer = client.messages.create(model="sim-echo", max_tokens=100, messages=SAY)
    assert answer.content[0].text == SAY[0]["content"]
    assert answer.usage.output_tokens > 0 and answer._request_id


def test_an_exhausted_quota_is_asked_once(gateway):
    spend(gateway)
    sent = []
    http = anthropic.DefaultHttpxClient(event_hooks={"request": [sent.append]})
    with anthropic.Anthropic(base_url=gateway.url, api_key=SPENT_KEY, http_client=http) as client:
        with pytest.raises(anthropic.RateLimitError):
            client.messages.create(model="sim-echo", max_tokens=100, messages=SAY)
    assert len(sent) == 1


def test_stream_on_the_simulator(client):
    with client.messages.stream(model="sim-echo", max_tokens=100, messages=SAY) as stream_:
        assert "".join(stream_.text_stream) == SAY[0]["content"]
        assert stream_.get_final_message().stop_reason == "end_turn"


def test_tools(client):
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    answer = client.messages.create(model="sim-json", max_tokens=100, messages=SAY, tool_choice={"type": "any"},
                                    tools=[{"name": "weather", "input_schema": schema}])
    call = next(block for block in answer.content if block.type == "tool_use")
    assert call.name == "weather" and isinstance(call.input["city"], str)


def test_upstream_credential(client, vendor):
    assert client.messages.create(model="claude", max_tokens=9, messages=SAY).content[0].text == "Hello"
    seen = vendor.seen[0]
    assert seen.path == "/v1/messages" and seen.json()["model"] == "claude-upstream"
    assert seen.headers.get_all("x-api-key") == [BACKEND_KEY] and seen.headers.get("authorization") is None
    assert seen.headers.get("anthropic-version")


def test_upstream_stream(client):
    with client.messages.stream(model="claude", max_tokens=9, messages=SAY) as stream_:
        assert "".join(stream_.text_stream) == "Hello"


def test_count_tokens(client):
    assert client.messages.count_tokens(model="claude", messages=SAY).input_tokens == 5


def test_models(client):
    names = {model.id for model in client.models.list()}
    assert {"claude", "sim-echo"} <= names


def test_wrong_key(gateway):
    with anthropic.Anthropic(base_url=gateway.url, api_key="wrong-key-of-nobody", max_retries=0) as client:
        with pytest.raises(anthropic.AuthenticationError) as caught:
            client.messages.create(model="claude", max_tokens=9, messages=SAY)
    assert caught.value.body["error"]["type"] == "authentication_error" and caught.value.request_id


def test_unknown_model(client):
    with pytest.raises(anthropic.NotFoundError) as caught:
        client.messages.create(model="no-such-model", max_tokens=9, messages=SAY)
    assert caught.value.body["error"]["type"] == "not_found_error" and caught.value.request_id


@pytest.mark.parametrize(("status", "word", "kind"), [
    (400, "invalid_request_error", anthropic.BadRequestError), (413, "request_too_large", anthropic.APIStatusError),
    (429, "rate_limit_error", anthropic.RateLimitError), (500, "api_error", anthropic.InternalServerError),
    (529, "overloaded_error", anthropic.InternalServerError),
])
def test_upstream_errors(client, vendor, status, word, kind):
    vendor.always(refusal(status, word))
    with pytest.raises(kind):
        client.messages.create(model="claude", max_tokens=9, messages=SAY)


def test_retries(client, vendor):
    vendor.first(2, refusal(500, "api_error"))
    answer = client.with_options(max_retries=2).messages.create(model="claude", max_tokens=9, messages=SAY)
    assert answer.content[0].text == "Hello" and len(vendor.seen) == 3


@pytest.mark.parametrize("events", range(4, 9))
def test_a_cut_stream_raises(client, vendor, events):
    all_events = message_events(["Hel", "lo", "!"])
    assert events < len(all_events)
    vendor.always(stream(all_events[:events], end="cut"))
    with pytest.raises(anthropic.APIError):
        with client.messages.stream(model="claude", max_tokens=9, messages=SAY) as stream_:
            list(stream_)


def test_leaving_a_stream_cancels_upstream(client, vendor):
    vendor.always(stream(message_events(["Hel", "lo"])[:4], end="stall"))
    with client.messages.stream(model="claude", max_tokens=9, messages=SAY) as stream_:
        assert next(iter(stream_.text_stream)) == "Hel"
    assert eventually(lambda: vendor.gone) < 1.0
