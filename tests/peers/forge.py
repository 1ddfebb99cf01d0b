"""A git forge on loopback: git over HTTP with a token, and the few requests that `tea` makes for a pull request.

Git is the real one (`git http-backend`), behind basic authentication as at Gitea. The requests for issues
and pull requests are answered from memory, in the form that Gitea gives them.
"""

import base64
import http.server
import json
import pathlib
import re
import socket
import subprocess
import threading

from model import Server

OWNER = "jpnadas"
QUIET = {
    "PATH": "/usr/bin:/bin",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "Test",
    "GIT_AUTHOR_EMAIL": "test@example.com",
    "GIT_COMMITTER_NAME": "Test",
    "GIT_COMMITTER_EMAIL": "test@example.com",
}


def git(folder, *words):
    """What git says in a folder."""
    done = subprocess.run(["git", *words], cwd=folder, env=QUIET, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"git {' '.join(words)}: {done.stderr}")
    return done.stdout


class Forge:
    """The stand-in, with its repositories in a folder."""

    def __init__(self, folder, port=0):
        self.folder, self.token = pathlib.Path(folder), "f" * 40
        self.pulls, self.asked = [], []
        forge = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                forge.answer(self)

            do_POST = do_GET

        self.server = Server(("127.0.0.1", port), Handler)
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        self.url = f"http://{self.host}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        """Ends the server."""
        self.server.shutdown()
        self.server.server_close()

    def bare(self, name):
        """Where a repository lies."""
        return self.folder / OWNER / f"{name}.git"

    def create(self, name, work):
        """Makes a repository of a folder with commits."""
        self.bare(name).parent.mkdir(exist_ok=True)
        git(work, "clone", "--quiet", "--bare", ".", self.bare(name))
        git(self.bare(name), "config", "http.receivepack", "true")

    def reject(self, name, words):
        """Lets the repository refuse what is pushed."""
        hook = self.bare(name) / "hooks/pre-receive"
        hook.write_text(f"#!/bin/sh\necho '{words}' >&2\nexit 1\n")
        hook.chmod(0o755)

    def forget(self, name, branch):
        """Takes a branch away, and leaves its pull request."""
        git(self.bare(name), "update-ref", "-d", f"refs/heads/{branch}")

    def answer(self, handler):
        """Answers one request."""
        body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        if handler.headers.get("transfer-encoding") == "chunked":
            body = unchunked(handler.rfile)
        path = handler.path.split("?")[0]
        if re.match(rf"/{OWNER}/\w+(\.git)?/(info/refs|git-\w+-pack)$", path):
            return self.serve_git(handler, path, body)
        self.asked.append(f"{handler.command} {path}")
        if handler.headers.get("authorization") != f"token {self.token}":
            return reply(handler, 401, {"message": "user does not exist"})
        return reply(handler, *self.api(handler.command, path, json.loads(body or b"{}")))

    def api(self, method, path, body):
        """The answer of the API: its status and its body."""
        user = {"id": 1, "login": "tolkien", "full_name": "", "email": "tolkien@example.com"}
        if path == "/api/v1/version":
            return 200, {"version": "1.26.0"}
        if path == "/api/v1/user":
            return 200, user
        found = re.match(rf"/api/v1/repos/({OWNER}/(\w+))(/pulls|/labels)?$", path)
        if not found:
            return 404, {"message": "not found", "url": path}
        repository = {"id": 1, "name": found[2], "full_name": found[1], "default_branch": "main", "owner": user}
        if not found[3]:
            return 200, repository
        if found[3] == "/labels":
            return 200, []
        if method == "GET":
            return 200, [pull for pull in self.pulls if pull["base"]["repo"]["name"] == found[2]]
        same = [pull for pull in self.pulls if (pull["head"]["ref"], pull["base"]["ref"]) == (body["head"], body["base"])]
        if same:
            return 409, {"message": f"pull request already exists for these targets [id: {same[0]['id']}]", "url": path}
        number = len(self.pulls) + 1
        pull = {"id": number, "number": number, "state": "open", "title": body["title"], "body": body["body"], "user": user}
        pull |= {"draft": body["title"].startswith("WIP:"), "mergeable": True, "created_at": "2026-11-23T12:00:00Z"}
        pull["html_url"] = f"{self.url}/{found[1]}/pulls/{number}"
        for side in ("head", "base"):
            pull[side] = {"label": body[side], "ref": body[side], "sha": "0" * 40, "repo_id": 1, "repo": repository}
        self.pulls.append(pull)
        return 201, pull

    def drafts(self, name):
        """The pull requests of a repository: title, branch, text."""
        return [(p["title"], p["head"]["ref"], p["body"]) for p in self.pulls if p["base"]["repo"]["name"] == name]

    def serve_git(self, handler, path, body):
        """Hands a request to git's own server."""
        given = handler.headers.get("authorization", "")
        allowed = base64.b64encode(f"tolkien:{self.token}".encode()).decode()
        if given != f"Basic {allowed}":
            content = b"no"
            handler.send_response(401)
            handler.send_header("www-authenticate", 'Basic realm="forge"')
            handler.send_header("content-length", str(len(content)))
            handler.end_headers()
            return handler.wfile.write(content)
        environment = QUIET | {
            "GIT_PROJECT_ROOT": str(self.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": handler.command,
            "PATH_INFO": path if ".git/" in path else re.sub(rf"^(/{OWNER}/\w+)", r"\1.git", path),
            "QUERY_STRING": handler.path.partition("?")[2],
            "CONTENT_TYPE": handler.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": handler.headers.get("content-encoding", ""),
            "GIT_PROTOCOL": handler.headers.get("git-protocol", ""),
            "REMOTE_USER": "tolkien",
            "REMOTE_ADDR": "127.0.0.1",
        }
        done = subprocess.run(["git", "http-backend"], env=environment, input=body, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = [line.split(": ", 1) for line in head.decode().splitlines() if ": " in line]
        status = next((int(value.split()[0]) for name, value in fields if name == "Status"), 200)
        handler.send_response(status)
        for name, value in fields:
            if name not in ("Status", "Content-Length"):
                handler.send_header(name, value)
        handler.send_header("content-length", str(len(content)))
        handler.end_headers()
        return handler.wfile.write(content)


def unchunked(stream):
    """The content of a chunked body."""
    content = b""
    while size := int(stream.readline().split(b";")[0], 16):
        content += stream.read(size)
        stream.readline()
    stream.readline()
    return content


def reply(handler, status, value):
    """Answers with JSON."""
    content = json.dumps(value).encode()
    handler.send_response(status)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", str(len(content)))
    handler.end_headers()
    return handler.wfile.write(content)


def free_port():
    """A port of loopback that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
