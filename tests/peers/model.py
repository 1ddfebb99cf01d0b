"""A stand-in for the server of the model: it speaks the Messages API, and says what a script says.

A script is a function of the number of replies already in the conversation and of the folder that the
client works in; it answers a list of content blocks, which is a reply, or one of the failures below.
Nothing is kept between two requests, so that any number of clients may talk at once. The script of a
request is found by the first line that begins with `# ` in what the client was asked to do.
"""

import http.server
import itertools
import json
import re
import sys
import threading
import time

TITLE = re.compile(r"(?:^|\n)# ([^\n]*)\n\n")
FOLDER = re.compile(r"(?:working directory|cwd)[^/\n]{0,20}(/[^\s\"'<`]+)", re.I)
NUMBERS = itertools.count(1)


class Server(http.server.ThreadingHTTPServer):
    """One that does not tell of clients that go before their answer."""

    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Failure:
    """A status other than 200, with the body that the real server sends."""

    def __init__(self, status, kind, message="No."):
        self.status, self.kind, self.message = status, kind, message


class Stop:
    """A reply that ends for another reason than its blocks."""

    def __init__(self, blocks, reason):
        self.blocks, self.reason = blocks, reason


class Cut:
    """A reply whose stream ends before its time."""

    def __init__(self, blocks):
        self.blocks = blocks


class Broken:
    """An error in the middle of a stream that began well."""


class Silence:
    """No byte, until the client has gone."""


def text(words):
    """A block of text."""
    return {"type": "text", "text": words}


def use(name, **given):
    """A block that uses a tool."""
    return {"type": "tool_use", "id": f"toolu_{next(NUMBERS):024}", "name": name, "input": given}


class Model:
    """The server, on a free port of loopback."""

    def __init__(self):
        self.scripts, self.requests, self.unknown = {}, [], []
        self.closing = threading.Event()
        model = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                model.answer(self, json.loads(body or b"{}"))

            def do_GET(self):
                model.unknown.append(f"{self.command} {self.path}")
                model.refuse(self, Failure(404, "not_found_error"))

            do_HEAD = do_GET

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        """Ends the server."""
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    def answer(self, handler, body):
        """Answers one request."""
        if not handler.path.startswith("/v1/messages") or "count_tokens" in handler.path:
            self.unknown.append(f"POST {handler.path}")
            return self.refuse(handler, Failure(404, "not_found_error"))
        asked = json.dumps(body.get("messages", []), ensure_ascii=False)
        first = flat(body["messages"])
        title = TITLE.search(first)
        script = self.scripts.get(title[1] if title else None)
        folder = FOLDER.search(flat(body.get("system", "")) + "\n" + first)
        replies = sum(message["role"] == "assistant" for message in body["messages"])
        self.requests.append((title[1] if title else None, replies, asked, dict(handler.headers), body))
        if script is None or not folder:
            return self.refuse(handler, Failure(400, "invalid_request_error", "no script, or no folder"))
        said = script(replies, folder[1].rstrip("."))
        if isinstance(said, Failure):
            return self.refuse(handler, said)
        if isinstance(said, Silence):
            self.closing.wait(120)
            handler.close_connection = True
            return None
        return self.stream(handler, body, said)

    def refuse(self, handler, failure):
        """Answers with an error."""
        error = {"type": "error", "error": {"type": failure.kind, "message": failure.message}, "request_id": "req_1"}
        content = json.dumps(error).encode()
        handler.send_response(failure.status)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(content)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(content)

    def stream(self, handler, body, said):
        """Writes a reply as server-sent events."""
        blocks = said if isinstance(said, list) else getattr(said, "blocks", [text("I begin.")])
        reason = "tool_use" if any(block["type"] == "tool_use" for block in blocks) else "end_turn"
        reason = getattr(said, "reason", reason)
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.send_header("connection", "close")
        handler.end_headers()
        handler.close_connection = True

        def event(kind, **fields):
            handler.wfile.write(f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode())
            handler.wfile.flush()

        usage = {"input_tokens": 100, "output_tokens": 1}
        message = {"id": f"msg_{next(NUMBERS):024}", "type": "message", "role": "assistant", "content": []}
        message |= {"model": body["model"], "stop_reason": None, "stop_sequence": None, "usage": usage}
        event("message_start", message=message)
        for index, block in enumerate(blocks):
            if block["type"] == "text":
                event("content_block_start", index=index, content_block={"type": "text", "text": ""})
                delta = {"type": "text_delta", "text": block["text"]}
            else:
                event("content_block_start", index=index, content_block={**block, "input": {}})
                delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
            event("content_block_delta", index=index, delta=delta)
            if isinstance(said, Cut):
                return
            if isinstance(said, Broken):
                event("error", error={"type": "overloaded_error", "message": "Overloaded"})
                return
            event("content_block_stop", index=index)
        spent = {"output_tokens": getattr(said, "tokens", 20)}
        event("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage=spent)
        event("message_stop")


def flat(content):
    """All text in messages, or in a system prompt."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        return flat(content.get("content", "")) if "role" in content else content.get("text", "")
    return "\n".join(flat(part) for part in content)


def wait_until(holds, seconds=20):
    """Whether something holds within a time."""
    for _ in range(seconds * 20):
        if holds():
            return True
        time.sleep(0.05)
    return holds()
