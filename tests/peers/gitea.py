"""The real Gitea on loopback, with a database in a file: what `forge.py` stands in for."""

import getpass
import json
import subprocess
import urllib.error
import urllib.request

from forge import OWNER, git
from model import wait_until

CONFIGURATION = """
RUN_USER = {user}
RUN_MODE = prod
[server]
PROTOCOL = http
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {port}
DOMAIN = 127.0.0.1
ROOT_URL = {url}/
STATIC_ROOT_PATH = {assets}
DISABLE_SSH = true
OFFLINE_MODE = true
[database]
DB_TYPE = sqlite3
PATH = {folder}/gitea.db
[repository]
ROOT = {folder}/repositories
[security]
INSTALL_LOCK = true
SECRET_KEY = secret-of-the-test
[service]
DISABLE_REGISTRATION = true
[log]
MODE = file
LEVEL = Info
ROOT_PATH = {folder}/log
logger.access.MODE = access
[log.access]
MODE = file
FILE_NAME = access.log
ACCESS = file
[actions]
ENABLED = true
"""


class Gitea:
    """The server, in a folder: the methods of `forge.Forge`."""

    def __init__(self, folder, bin, port):
        self.folder = folder / "gitea"
        self.folder.mkdir()
        self.host = f"127.0.0.1:{port}"
        self.url = f"http://{self.host}"
        self.command = [bin / "gitea", "--config", self.folder / "app.ini", "--work-path", self.folder]
        values = {"user": getpass.getuser(), "port": port, "url": self.url, "folder": self.folder}
        (self.folder / "app.ini").write_text(CONFIGURATION.format(assets=bin.parent / "gitea", **values))
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "USER": getpass.getuser()}
        self.environment["GITEA_I_AM_BEING_UNSAFE_RUNNING_AS_ROOT"] = "true"
        with open(self.folder / "gitea.log", "w") as log:
            words = [*self.command, "web"]
            self.process = subprocess.Popen(words, env=self.environment, cwd=self.folder, stdout=log, stderr=log)
        try:
            self.set_up()
        except BaseException:
            self.close()
            raise

    def set_up(self):
        """Makes the user and the token."""
        self.token = None
        if not wait_until(lambda: self.ask("GET", "version", quiet=True), 120):
            raise RuntimeError((self.folder / "gitea.log").read_text()[-2000:])
        user = ["--username", OWNER, "--email", "o@example.com", "--password", "password-of-the-test", "--must-change-password=false"]
        self.administer("create", *user, "--admin")
        token = self.administer("generate-access-token", "--username", OWNER, "--token-name", "test", "--raw", "--scopes", "all")
        self.token = token.split()[-1]

    def administer(self, *words):
        """A command of Gitea on its users."""
        done = subprocess.run([*self.command, "admin", "user", *words], env=self.environment, cwd=self.folder, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        return done.stdout

    def ask(self, method, path, body=None, quiet=False):
        """One request to the API."""
        headers = {"content-type": "application/json", "user-agent": "filling"}
        headers |= {"authorization": f"token {self.token}"} if self.token else {}
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", json.dumps(body).encode() if body else None, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            if quiet:
                return None
            raise RuntimeError(f"{method} {path}: {error.read().decode()[:500]}") from error
        except OSError:
            return None

    def close(self):
        """Ends the server."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def bare(self, name):
        """Where a repository lies."""
        return self.folder / "repositories" / OWNER / f"{name}.git"

    def create(self, name, work):
        """Makes a repository of a folder with commits; one of that name is gone before."""
        self.ask("DELETE", f"repos/{OWNER}/{name}", quiet=True)
        self.ask("POST", "user/repos", {"name": name, "default_branch": "main"})
        git(work, "push", "--quiet", self.url.replace("//", f"//{OWNER}:{self.token}@") + f"/{OWNER}/{name}", "main")
        wait_until(lambda: not self.ask("GET", f"repos/{OWNER}/{name}")["empty"])

    def reject(self, name, words):
        """Lets the repository refuse what is pushed."""
        hook = self.bare(name) / "hooks/pre-receive.d/refuse"
        hook.write_text(f"#!/bin/sh\necho '{words}' >&2\nexit 1\n")
        hook.chmod(0o755)

    def forget(self, name, branch):
        """Takes a branch away, behind the server's back."""
        git(self.bare(name), "update-ref", "-d", f"refs/heads/{branch}")

    def drafts(self, name):
        """The pull requests of a repository: title, branch, text."""
        found = self.ask("GET", f"repos/{OWNER}/{name}/pulls?state=all")
        return [(pull["title"], pull["head"]["ref"], pull["body"]) for pull in found if pull["draft"]]

    def requests(self):
        """What others than this file asked: method and path."""
        log = self.folder / "log/access.log"
        lines = log.read_text().splitlines() if log.exists() else []
        found = [line.split('"')[1].split() for line in lines if "filling" not in line and '"' in line]
        return [(words[0], words[1].split("?")[0]) for words in found if words[1].startswith("/api/v1/")]
