"""A fake model provider on the standard library: scripted failures and a record of every request.

Speaks just enough of each dialect for the SDKs; what it answers to a path is a function that tests replace.
"""

import json
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


class Seen:
    """One request as it arrived."""

    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body = method, path, headers, body

    def json(self):
        return json.loads(self.body)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do(self):
        body = self.read_body()
        seen = Seen(self.command, self.path, self.headers, body)
        with self.server.lock:
            self.server.seen.append(seen)
            number = len(self.server.seen)
        answer = self.server.script(seen, number)
        try:
            answer(self)
        except (BrokenPipeError, ConnectionResetError):
            self.server.gone.append(time.monotonic())
            self.close_connection = True

    do_GET = do_POST = do_DELETE = do

    def read_body(self):
        if self.headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return body
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def log_message(self, *_):
        pass

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def head(self, status, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


class FakeVendor(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.reset()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def reset(self):
        self.seen, self.gone, self.script = [], [], by_dialect

    def always(self, answer):
        self.script = lambda seen, number: answer

    def first(self, count, answer):
        """`answer` to the first `count` requests, the usual one from then on."""
        self.script = lambda seen, number: answer if number <= count else by_dialect(seen, number)


def reply(status, body, **headers):
    data = json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def answer(handler):
        handler.head(status, {"content-type": "application/json", "content-length": str(len(data)), **named})
        handler.wfile.write(data)

    return answer


def stream(events, end="proper", gap=0.0):
    """Events as chunks; `end`: proper, cut (connection reset without the last chunk) or stall."""

    def answer(handler):
        handler.head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"})
        for event in events:
            handler.chunk(event.encode())
            time.sleep(gap)
        if end == "proper":
            handler.wfile.write(b"0\r\n\r\n")
        elif end == "cut":
            linger = struct.pack("ii", 1, 0)
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            handler.close_connection = True
            handler.connection.close()
        else:
            handler.connection.settimeout(15)
            if handler.rfile.read(1) == b"":
                handler.server.gone.append(time.monotonic())
            handler.close_connection = True

    return answer


def error(status, code="scripted", **headers):
    body = {"error": {"message": f"scripted {status}", "type": "scripted", "param": None, "code": code}}
    return reply(status, body, **headers)


def chat_body(text):
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "up", "choices": [choice], "usage": USAGE}


def chat_events(words, usage=False):
    def chunk(delta, finish=None):
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        value = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "up", "choices": [choice]}
        return f"data: {json.dumps(value)}\n\n"

    events = [chunk({"role": "assistant", "content": ""})]
    events += [chunk({"content": word}) for word in words]
    events.append(chunk({}, "stop"))
    if usage:
        value = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "up", "choices": [], "usage": USAGE}
        events.append(f"data: {json.dumps(value)}\n\n")
    return [*events, "data: [DONE]\n\n"]


def message_body(text):
    usage = {"input_tokens": 8, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 0, "output_tokens": 7}
    content = [{"type": "text", "text": text}]
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": "up", "content": content,
            "stop_reason": "end_turn", "stop_sequence": None, "usage": usage}


def message_events(words):
    def event(kind, **fields):
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n"

    start = {**message_body(""), "content": [], "stop_reason": None}
    events = [event("message_start", message=start),
              event("content_block_start", index=0, content_block={"type": "text", "text": ""}), event("ping")]
    events += [event("content_block_delta", index=0, delta={"type": "text_delta", "text": word}) for word in words]
    events.append(event("content_block_stop", index=0))
    events.append(event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 7}))
    return [*events, event("message_stop")]


def gemini_body(text):
    candidate = {"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [{"text": text}]}}
    return {"candidates": [candidate], "modelVersion": "up",
            "usageMetadata": {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18}}


def by_dialect(seen, _number):
    """The usual answer, by path."""
    path = seen.path.split("?")[0]
    asked = json.loads(seen.body) if seen.body[:1] == b"{" else {}
    if path.endswith("/chat/completions"):
        if asked.get("stream"):
            return stream(chat_events(["Hel", "lo"], (asked.get("stream_options") or {}).get("include_usage", False)))
        return reply(200, chat_body("Hello"), x_request_id="req-of-vendor")
    if path.endswith("/count_tokens"):
        return reply(200, {"input_tokens": 5})
    if path.endswith("/messages"):
        return stream(message_events(["Hel", "lo"])) if asked.get("stream") else reply(200, message_body("Hello"))
    if path.endswith(":generateContent"):
        return reply(200, gemini_body("Hello"))
    if path.endswith(":streamGenerateContent"):
        return stream([f"data: {json.dumps(gemini_body(word))}\r\n\r\n" for word in ["Hel", "lo"]])
    if path.endswith("/files"):
        return reply(200, {"id": "file-1", "object": "file", "bytes": len(seen.body), "created_at": 1,
                           "filename": "a.jsonl", "purpose": "batch", "status": "processed"})
    if path.endswith("/audio/transcriptions"):
        return reply(200, {"text": "spoken"})
    return error(404, "not_scripted")
