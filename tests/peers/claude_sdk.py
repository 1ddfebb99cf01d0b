"""Holds the fake of the Messages API against the vendor's own Python SDK.

The fake is written from documentation; this asks an independent reader of the wire format whether
it would do. It starts the fake, makes a virtual environment in a temporary folder, installs the
SDK there, and talks through it: streamed and whole, with tools and thinking, with errors.

    cargo build --example fake-claude
    python3 tests/peers/claude_sdk.py [PATH-OF-THE-FAKE]

It prints one line a check and exits with 1 if any failed. With anthropic 2.12.0 all pass; worth
knowing: the SDK tells spend limits from rate limits by `details.error_code` as we do, reports an
`error` event as an error of status 200, and takes a stream without `message_stop` for complete,
which we do not. `--sdk-python PATH` uses an environment
that has the SDK already.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

SDK = "anthropic==2.12.0"
ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = [
    {
        "name": "echo",
        "description": "Says it again.",
        "input_schema": {"type": "object", "properties": {"text": {"type": "string"}}},
    }
]


def main():
    """Prepares the environment, then runs this file in it as the client."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fake", nargs="?", default=ROOT / "target/debug/examples/fake-claude")
    parser.add_argument("--sdk-python", help="a Python that has the SDK")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        python = arguments.sdk_python
        if not python:
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            python = f"{folder}/bin/python"
            subprocess.run([python, "-m", "pip", "--quiet", "install", SDK], check=True)
        command = [python, __file__, "--as-client", str(arguments.fake)]
        return subprocess.run(command, check=False).returncode


class Fake:
    """The running fake."""

    def __init__(self, program, *flags):
        self.process = subprocess.Popen([program, *flags], stdout=subprocess.PIPE, text=True)
        self.base_url = self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.refused = self.process.stdout.read().strip()
        self.process.wait()


def converse(client, ask):
    """Rounds of calls until the model ends its turn; what is replayed is what the SDK renders."""
    messages = [{"role": "user", "content": "What is wrong?"}]
    replies = []
    while True:
        reply = ask(client, messages)
        replies.append(reply)
        messages.append({"role": "assistant", "content": reply.content})
        if reply.stop_reason != "tool_use":
            return replies
        results = [
            {"type": "tool_result", "tool_use_id": block.id, "content": str(block.input) * 50}
            for block in reply.content
            if block.type == "tool_use"
        ]
        messages.append({"role": "user", "content": results})


def request(messages, **more):
    system = [{"type": "text", "text": "Be brief. " * 300, "cache_control": {"type": "ephemeral"}}]
    return {
        "model": "claude-opus-5-5",
        "max_tokens": 1000,
        "system": system,
        "tools": TOOLS,
        "messages": messages,
        "cache_control": {"type": "ephemeral"},
        **more,
    }


def streamed(client, messages):
    with client.messages.stream(**request(messages)) as stream:
        for _ in stream:
            pass
        return stream.get_final_message()


def whole(client, messages):
    return client.messages.create(**request(messages))


def client_main(program):
    """The checks; runs inside the environment that has the SDK."""
    import anthropic

    failed = []

    def check(name, got, wanted):
        good = got == wanted
        print(f"{'ok  ' if good else 'FAIL'} {name}: {got!r}" + ("" if good else f", not {wanted!r}"))
        if not good:
            failed.append(name)

    def connect(fake, **options):
        options = {"api_key": "sk-fake", "max_retries": 0, **options}
        return anthropic.Anthropic(base_url=fake.base_url, **options)

    print(f"     anthropic {anthropic.__version__}")
    for how in (streamed, whole):
        with Fake(program, "--thinking", "--by-meaning") as fake:
            replies = converse(connect(fake), how)
            name = how.__name__
            shapes = [[block.type for block in reply.content] for reply in replies]
            rounds = [["thinking"] + ["tool_use"] * 4] * 3 + [["thinking", "text"]]
            check(f"{name}: blocks", shapes, rounds)
            stops = [reply.stop_reason for reply in replies]
            check(f"{name}: stops", stops, ["tool_use"] * 3 + ["end_turn"])
            check(f"{name}: input", replies[0].content[1].input, {"text": "hello"})
            check(f"{name}: thinking", replies[0].content[0].thinking, "The next step is clear.")
            check(f"{name}: signed", all(reply.content[0].signature for reply in replies), True)
            check(f"{name}: text", replies[-1].content[-1].text, "done")
            usage = [reply.usage for reply in replies]
            check(f"{name}: first round writes", usage[0].cache_creation_input_tokens > 700, True)
            read = [later.cache_read_input_tokens for later in usage[1:]]
            wrote = [
                each.cache_read_input_tokens + each.cache_creation_input_tokens for each in usage
            ]
            check(f"{name}: later rounds read it", read, wrote[:-1])
        check(f"{name}: refused", fake.refused, "")

    with Fake(program, "--rounds", "0", "--thinking", "--by-meaning") as fake:
        client = connect(fake)
        first = whole(client, [{"role": "user", "content": "one"}])
        edited = [
            {"role": "user", "content": "another one"},
            {"role": "assistant", "content": first.content},
            {"role": "user", "content": "two"},
        ]
        for name, messages, more, wanted in [
            ("edited history", edited, {}, "messages.1.content.0: Invalid `signature`"),
            ("prefill", edited[:2], {}, "This model does not support assistant message prefill"),
            ("empty text", [{"role": "user", "content": ""}], {}, "messages: text content blocks"),
            ("forced tool", edited[:1], {"tool_choice": {"type": "any"}}, "tool_choice: forced"),
            ("sampling", edited[:1], {"extra_body": {"top_k": 5}}, "top_k: Extra inputs"),
        ]:
            try:
                client.messages.create(**request(messages, **more))
                said = "nothing"
            except anthropic.BadRequestError as error:
                said = error.body["error"]["message"]
                check(f"400 {name}: id", error.request_id.startswith("req_fake_"), True)
            check(f"400 {name}", said[: len(wanted)], wanted)
        try:
            client.models.list()
            said = "nothing"
        except anthropic.NotFoundError as error:
            said = error.body["error"]["type"]
        check("404", said, "not_found_error")

    for how, first, wanted in [
        (whole, "rate-limit", "RateLimitError 429 rate_limit_error"),
        (whole, "spend-limit", "EnforcedSpendLimitReachedError 429 rate_limit_error"),
        (whole, "overloaded", "OverloadedError 529 overloaded_error"),
        (whole, "internal", "InternalServerError 500 api_error"),
        (whole, "html", "InternalServerError 502 None"),
        (streamed, "error-event", "APIStatusError 200 overloaded_error"),
        (streamed, "cut", "RemoteProtocolError"),
        (streamed, "no-message-stop", "end_turn ['text']"),
        (streamed, "unknown", "end_turn ['text', 'novel_block']"),
        (streamed, "byte-by-byte", "end_turn ['text']"),
        (streamed, "refusal", "refusal []"),
        (streamed, "pause-turn", "pause_turn ['text']"),
        (streamed, "max-tokens", "max_tokens ['text']"),
        (streamed, "truncated-call", "tool_use ['tool_use']"),
    ]:
        with Fake(program, "--rounds", "0", "--first", first, "--by-meaning") as fake:
            try:
                reply = how(connect(fake), [{"role": "user", "content": "one"}])
                said = f"{reply.stop_reason} {[block.type for block in reply.content]}"
            except anthropic.APIStatusError as error:
                body = error.body if isinstance(error.body, dict) else {}
                kind = body.get("error", {}).get("type")
                said = f"{type(error).__name__} {error.status_code} {kind}"
            except Exception as error:
                said = type(error).__name__
            check(f"{how.__name__} {first}", said, wanted)
    with Fake(program, "--rounds", "0", "--first", "rate-limit-after", "--by-meaning") as fake:
        client = connect(fake, max_retries=1)
        reply = whole(client, [{"role": "user", "content": "one"}])
        check("retry-after, then the answer", reply.content[0].text, "done")

    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(client_main(sys.argv[2]) if sys.argv[1:2] == ["--as-client"] else main())
