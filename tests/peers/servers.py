"""Calls the shipped tools with real programs and real servers, and counts what reaches the servers.

    tests/peers/install
    cargo build --release
    python3 tests/peers/servers.py [--all] [TOOL...]

kubectl asks a kube-apiserver with etcd and objects (`cluster.py`), as its administrator; vault a server in
memory, with its root token; tea a Gitea (`gitea.py`), argocd the server of Argo CD with such a cluster, both as one who may do everything there. So nothing but the rules of the tools keeps a
call from what it must not do. Every case of the corpus that must be let through is called (with `--all` the cases of
the tools' own `tests:` too) by `tolkien call`, and then every case that must be denied: the server's own log says that no
request came. A line of the table for each tool:

answered: the program ended well. (Then the two tools that write at Gitea do so.) told: it ended with an error that is an answer (no such object). failed: anything
else. requests: of the calls that were let through. denied: cases that must be. reached: requests of those. It prints
what failed, and exits with 1 if anything failed or reached, or if a request was none that reads.
"""

import argparse
import json
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import urllib.request

import corpus
from cluster import ArgoCD, Cluster
from forge import OWNER, free_port, git
from gitea import Gitea
from model import wait_until

# Errors that are an answer of the server.
# Without a controller nothing of an application is known; tea looks for an owner among organizations only.
ANSWERS = re.compile(r"error getting cached app|Could not find owner|\(NotFound\)|No value found|not found|doesn't have a resource type|No resources found|^no$", re.M)
READS = {"get", "list", "watch"}
ROOT_TOKEN = "root-token-of-the-test"


class Kubernetes:
    """kubectl's server."""

    def __init__(self, folder, bin):
        self.cluster = Cluster(folder, bin)
        self.port, self.environment = self.cluster.port, {"KUBECONFIG": str(self.cluster.kubeconfig())}
        self.close, self.requests = self.cluster.close, self.cluster.requests

    def harmless(self, request):
        """Whether a request only reads, and no secret (a question about permissions is a kind of creation)."""
        verb, resource = request
        return resource.startswith("selfsubject") or verb in READS and resource != "secrets"


class Vault:
    """vault's server, in memory, with what the corpus lists."""

    PATHS = "tolkien/telegram tolkien/api apps/immich apps/paperless apps/sonarr minio/volsync cloudflare/api top"

    def __init__(self, folder, bin):
        self.folder, self.port = folder, free_port()
        url = f"http://127.0.0.1:{self.port}"
        self.environment = {"VAULT_ADDR": url, "VAULT_TOKEN": ROOT_TOKEN}
        words = [bin / "vault", "server", "-dev", f"-dev-listen-address=127.0.0.1:{self.port}", f"-dev-root-token-id={ROOT_TOKEN}"]
        with open(folder / "vault.log", "w") as log:
            self.process = subprocess.Popen(words, cwd=folder, env={"HOME": str(folder)}, stdout=log, stderr=log)
        if not wait_until(lambda: self.ask("GET", "sys/health"), 60):
            raise RuntimeError((folder / "vault.log").read_text()[-2000:])
        for path in self.PATHS.split():
            self.ask("POST", f"secret/data/{path}", {"data": {"password": "value-of-a-secret"}})
        self.ask("PUT", "sys/audit/file", {"type": "file", "options": {"file_path": str(folder / "vault-audit.log")}})

    def ask(self, method, path, body=None):
        """One request of the root."""
        content = json.dumps(body).encode() if body else None
        url = f"{self.environment['VAULT_ADDR']}/v1/{path}"
        request = urllib.request.Request(url, content, {"X-Vault-Token": ROOT_TOKEN}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.read() or b"{}"
        except OSError:
            return None

    def close(self):
        """Ends the server."""
        self.process.terminate()
        self.process.wait(30)

    def requests(self):
        """What the audit device wrote since it was there: operation and path."""
        events = [json.loads(line) for line in (self.folder / "vault-audit.log").read_text().splitlines()]
        events = [event["request"] for event in events if event["type"] == "request"]
        return [(event["operation"], event["path"]) for event in events if not event["path"].startswith("sys/audit")]

    def harmless(self, request):
        """Whether a request lists names or reads what is known of a secret (before it asks what the mount is)."""
        operation, path = request
        return operation in ("list", "read") and path.startswith(("secret/metadata/", "sys/internal/ui/mounts/"))


class Argo:
    """argocd's server: it keeps nothing but objects of Kubernetes, and has neither controller nor repository server."""

    def __init__(self, folder, bin):
        self.server = ArgoCD(folder, bin)
        self.port, self.close, self.requests = self.server.served, self.server.close, self.server.requests
        self.environment = {"ARGOCD_SERVER": f"127.0.0.1:{self.port}", "ARGOCD_AUTH_TOKEN": "e30.e30.e30"}
        # Its certificate is one that nobody knows.
        authority = folder / "tls.crt"
        self.replaced = {"    HOME: .\n": f"    HOME: .\n    SSL_CERT_FILE: {authority}\n", '["@system"]\n  write': f'["@system", {authority}]\n  write'}

    def harmless(self, request):
        """Whether a request reads, and refreshes nothing."""
        method, given = request
        return method.startswith(("List", "Get", "Version", "ResourceTree", "ManagedResources", "PodLogs", "Watch")) and '"refresh": "' not in given


class Forge:
    """tea's server: Gitea, with what the corpus lists."""

    def __init__(self, folder, bin):
        self.port = free_port()
        self.gitea = Gitea(folder, bin, self.port)
        self.environment = {"GITEA_INSTANCE_URL": self.gitea.url, "GITEA_TOKEN": self.gitea.token}
        self.close, self.requests = self.gitea.close, self.gitea.requests
        work = folder / "work"
        work.mkdir()
        (work / "README.md").write_text("# A repository\n")
        git(work, "init", "--quiet", "--initial-branch=main")
        git(work, "add", "--all")
        git(work, "commit", "--quiet", "--message=first")
        for name in ("valinor", "tolkien"):
            self.gitea.create(name, work)
            here = f"repos/{OWNER}/{name}"
            self.gitea.ask("POST", f"{here}/labels", {"name": "bug", "color": "#ee0701"})
            self.gitea.ask("POST", f"{here}/milestones", {"title": "v1"})
            self.gitea.ask("POST", f"{here}/releases", {"tag_name": "v1", "name": "One", "target_commitish": "main"})
            for number in range(12):
                self.gitea.ask("POST", f"{here}/issues", {"title": f"Issue {number + 1}", "body": "Text."})
            self.gitea.ask("POST", f"{here}/issues/12/comments", {"body": "A comment."})

    def harmless(self, request):
        """Whether a request reads."""
        return request[0] == "GET"

    def writes(self, engine):
        """What is wrong after an issue and a draft were made, with a body of every kind."""
        wrong = []
        for number, body in enumerate(("", " \n", "- \"quoted\", $(id)\n\n--title=x", "-x")):
            title = f"Títle {number}: \"it's\" $(id)"
            git(self.gitea.bare("valinor"), "branch", f"fix/{number}", "main")
            issue = {"repo": f"{OWNER}/valinor", "title": title, "body": body, "labels": ["bug"]}
            pull = {"repo": f"{OWNER}/valinor", "head": f"fix/{number}", "base": "main", "title": title, "body": body}
            for writer, value in (("gitea_issue_create", issue), ("gitea_pr_create", pull)):
                failed, text = engine.call(value, writer)
                wrong += [f"{writer} {json.dumps(value)}: {text}"] if failed else []
            here = f"repos/{OWNER}/valinor/issues?state=open&limit=2&type="
            made = [self.gitea.ask("GET", here + kind)[0] for kind in ("issues", "pulls")]
            told = [(one["title"], one["body"], [label["name"] for label in one["labels"]]) for one in made]
            body = body if body.strip() else "<!-- -->"
            if told != [(title, body, ["bug"]), (f"WIP: {title}", body, [])]:
                wrong.append(f"made: {told}")
        return wrong


SERVERS = {"argocd": (Argo, "8080]", "argocd"), "kubectl": (Kubernetes, "6443]", "kubectl"), "vault": (Vault, "8200]", "vault"), "gitea": (Forge, "3000]", "tea")}


class Engine:
    """`tolkien call` with a shipped tool and the policies that name it, the server's address, and the program of a folder."""

    def __init__(self, chosen, folder, tool, server):
        import yaml

        self.folder, self.tolkien, self.tool = folder, chosen.tolkien, tool
        self.root = folder / "config"
        for name in ("tools.d", "policies", "prompts"):
            (self.root / name).mkdir(parents=True)
        _, port, program = SERVERS[tool]
        for path in (chosen.root / "tools.d").glob(f"{tool}*.yaml"):
            text = path.read_text().replace(port, f"{server.port}]").replace(f"[{program}, ", f"[{chosen.bin / program}, ")
            text = text.replace(f" - {program}\n", f" - {chosen.bin / program}\n")
            for old, new in getattr(server, "replaced", {}).items():
                assert old in text, old
                text = text.replace(old, new)
            (self.root / "tools.d" / path.name).write_text(text)
        for path in (chosen.root / "policies").glob("*.yaml"):
            if f"{tool}*" in yaml.safe_load(path.read_text()).get("applies_to", {}).get("tools", []):
                shutil.copy(path, self.root / "policies")
        (self.root / "prompts/system.md").write_text("You are a test.\n")
        settings = (chosen.root / "tolkien.yaml").read_text()
        settings = settings.replace("{file: /run/secrets/vault-token}", "{env: VAULT_TOKEN}")
        (self.root / "tolkien.yaml").write_text(settings)
        self.environment = {"PATH": corpus.SYSTEM_PATH, "HOME": str(folder), **server.environment}

    def call(self, value, writer=None):
        """One call, of this tool or of one that writes: whether it failed, and its text."""
        words = [self.tolkien, "--config", self.root, "call", *(["--yes", writer] if writer else [self.tool]), json.dumps(value)]
        done = subprocess.run(words, env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode not in (0, 1):
            raise RuntimeError(f"tolkien call ended with {done.returncode}: {done.stderr[-3000:]}")
        return done.returncode != 0, done.stdout + done.stderr


def cases(chosen, tool):
    """The inputs that must be let through, and those that must be denied."""
    import yaml

    found = {True: {}, False: {}}
    lines = (chosen.root / f"tests/fixtures/corpus/{tool}.jsonl").read_text().splitlines()
    for case in map(json.loads, lines):
        found[case["expect"] == "allow"][json.dumps(case["input"])] = None
    own = yaml.safe_load((chosen.root / f"tools.d/{tool}.yaml").read_text())["tests"] if chosen.all else []
    for case in own:
        value = case.get("allow", case.get("deny"))
        value = {"args": shlex.split(value)} if isinstance(value, str) else value
        found["allow" in case][json.dumps(value)] = None
    return [[json.loads(text) for text in found[kind]] for kind in (True, False)]


def tried(chosen, engine, tool, server):
    """The line of a tool, and what is wrong."""
    allowed, denied = cases(chosen, tool)
    counts, wrong = {"answered": 0, "told": 0, "failed": 0}, []
    before = len(server.requests())
    for value in allowed:
        failed, text = engine.call(value)
        kind = "answered" if not failed else "told" if ANSWERS.search(text) else "failed"
        counts[kind] += 1
        if kind == "failed" or "value-of-a-secret" in text:
            wrong.append(f"{json.dumps(value)}: {text[:600]}")
    requests = server.requests()[before:]
    wrong += [f"a request that does not only read: {request}" for request in set(requests) if not server.harmless(request)]
    for value in denied:
        failed, text = engine.call(value)
        if not failed or not text.startswith("deny"):
            wrong.append(f"not denied: {json.dumps(value)}: {text[:300]}")
    reached = server.requests()[before + len(requests) :]
    wrong += [f"reached: {request}" for request in reached]
    wrong += server.writes(engine) if hasattr(server, "writes") else []
    return [tool, len(allowed), *counts.values(), len(requests), len(denied), len(reached)], wrong


def main():
    """Starts the servers, tries the tools, and ends all; answers the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    corpus.arguments(parser)
    parser.add_argument("--all", action="store_true", help="the cases of the tools' own tests too")
    parser.add_argument("tools", nargs="*", metavar="TOOL", choices=[[], *SERVERS], help="these only")
    chosen = parser.parse_args()
    corpus.with_yaml(__file__)
    failed = False
    print("| tool | cases | answered | told | failed | requests | denied | reached |")
    print("| --- | --: | --: | --: | --: | --: | --: | --: |")
    for tool in chosen.tools or SERVERS:
        with tempfile.TemporaryDirectory(prefix="tolkien-servers-") as name:
            folder = pathlib.Path(name)
            server = SERVERS[tool][0](folder, chosen.bin)
            try:
                line, wrong = tried(chosen, Engine(chosen, folder, tool, server), tool, server)
            finally:
                server.close()
        print("|", " | ".join(map(str, line)), "|", flush=True)
        for difference in wrong:
            failed = True
            print("    " + difference.replace("\n", "\n    "), flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
