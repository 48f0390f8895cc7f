"""Streams one answer through Tollgate with the plain OpenAI SDK.

    TEAM_A_KEY=... python client.py "Why is the sky blue?"
"""

import os
import sys

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("TOLLGATE_URL", "http://127.0.0.1:8080") + "/v1",
    api_key=os.environ["TEAM_A_KEY"],
)

question = " ".join(sys.argv[1:]) or "Say hello in five languages."
answer = client.chat.completions.with_raw_response.create(
    model=os.environ.get("MODEL", "gpt-4o"),
    messages=[{"role": "user", "content": question}],
    stream=True,
    stream_options={"include_usage": True},
)
print(f"[{answer.headers.get('x-tollgate-backend')}, request {answer.headers.get('x-request-id')}]")
for chunk in answer.parse():
    if chunk.choices and chunk.choices[0].delta.content:
        print(chunk.choices[0].delta.content, end="", flush=True)
    if chunk.usage:
        print(f"\n[{chunk.usage.prompt_tokens} tokens in, {chunk.usage.completion_tokens} out]")
