"""Proposes changes with the shipped `write_code` and `write_documentation`: the real Claude Code, git and tea.

    tests/peers/install claude tea
    cargo build --release
    python3 tests/peers/write_code.py [--gitea] [CASE...]

Claude Code is pointed at a stand-in for the model (`model.py`), which makes it edit files as a case says. The
repositories are served over HTTP with a token: by a stand-in for Gitea (`forge.py`), or with `--gitea` by the real one
(`gitea.py`). The tools are the shipped ones, with their sandboxes; what differs is where the
programs lie, the port of the model in one list and, in the cases that wait for a limit, the limit.

After each case it looks what the repository has (branches, files, drafts) and what was left behind: files in the
temporary folder, processes. It prints a table, every difference from what is expected, and exits with 1 if there was
one. `--tolkien`, `--bin` and `--root` are as in `corpus.py`; CASE is the beginning of a name.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import corpus
from forge import OWNER, Forge, free_port, git
from gitea import Gitea
from model import Broken, Cut, Failure, Model, Silence, Stop, text, use, wait_until

VALUES = "apps/sonarr/values.yaml"
FIRST = {
    "README.md": "# valinor\n",
    VALUES: "replicas: 1\n",
    "apps/tolkien/config.yaml": "name: tolkien\n",
    "homelab/index.md": "# Index\n",
}
SCOPE = "`scope` (5 of 12) ended the call: only files below apps/, manifests/, ansible/ and terraform/"

# What to do and what must come of it. `script`: what the model says. `code` and `says`: how the call ends. `files`: what
# the new branch changes, or nothing at all. `limits`: texts of the tool that this case replaces. `prepare` changes the
# repository before, `meanwhile` is done while Claude Code runs.
Case = collections.namedtuple(
    "Case",
    "name script code says files title task tool limits prepare meanwhile",
    defaults=("Add a probe", "Do it.", "write_code", {}, None, None),
)


def edit(path=VALUES, old="1", new="2"):
    """Reads a file, then changes it, then ends."""

    def script(replies, folder):
        if replies == 0:
            return [text("I look."), use("Read", file_path=f"{folder}/{path}")]
        if replies == 1:
            return [use("Edit", file_path=f"{folder}/{path}", old_string=old, new_string=new)]
        return [text("Done: one more replica.")]

    return script


def write(files, first=()):
    """Writes files (a path that begins with `/` or `..` leaves the folder), after reading some."""

    def script(replies, folder):
        if replies == 0 and first:
            return [use("Read", file_path=f"{folder}/{path}") for path in first]
        if replies == bool(first):
            return [use("Write", file_path=os.path.join(folder, path), content=content) for path, content in files.items()]
        return [text("Done.")]

    return script


def then(last):
    """Changes a file, and then says something that is not the end."""

    def script(replies, folder):
        return last if replies >= 2 else edit()(replies, folder)

    return script


def always(said):
    """Says the same to every request."""
    return lambda replies, folder: said(replies, folder) if callable(said) else said


def reading(replies, folder):
    """Reads the same file for ever, at leisure."""
    time.sleep(1)
    return [text(f"Again, {replies}."), use("Read", file_path=f"{folder}/{VALUES}")]


def signalled(number):
    """Sends a signal to Claude Code as soon as it waits for the model."""

    def meanwhile(run):
        if wait_until(lambda: run.asked(2), 120):
            for pid in run.processes("claude"):
                os.kill(pid, number)

    return meanwhile


def link(target):
    """Commits a symbolic link to somewhere else."""
    return lambda work: (work / "apps/sonarr/link").symlink_to(target)


def submodule(work):
    """Commits a submodule, of which the clone has an empty folder."""
    commit = git(work, "rev-parse", "HEAD").strip()
    git(work, "update-index", "--add", "--cacheinfo", f"160000,{commit},apps/sub")
    (work / "apps/sub").mkdir()


RETRY_ONCE = {'DISABLE_AUTOUPDATER: "1"': 'DISABLE_AUTOUPDATER: "1"\n        CLAUDE_CODE_MAX_RETRIES: "1"'}
CLAUDE = "`claude` (3 of 12) ended the call"
HOSTILE_TASK = "Say \"hello\", $(reboot) and `id`;\n\n'single' \\ back\n--title=x\n%s ${HOME} & | > < \u00e9\u4e2d\U0001f600"


def api_error(status, kind):
    """The server of the model refuses, also the second time."""
    failed = then(Failure(status, kind))
    return Case(f"API error {status}", failed, 1, CLAUDE, None, limits=RETRY_ONCE)


PLANTED = {
    ".git": "gitdir: ../evil\n",
    ".git/config": "[core]\n\tfsmonitor = touch apps/mark\n",
    ".git/hooks/pre-commit": "#!/bin/sh\ntouch apps/mark\n",
    "../git/hooks/pre-commit": "#!/bin/sh\ntouch apps/mark\n",
    "../git/config": "[core]\n\tfsmonitor = touch apps/mark\n\thooksPath = /tmp\n",
    "../home/.gitconfig": "[core]\n\tfsmonitor = touch apps/mark\n",
    VALUES: "replicas: 2\n",
}
NESTED = {
    "apps/new/.git/HEAD": "ref: refs/heads/main\n",
    "apps/new/.git/config": "[core]\n\trepositoryformatversion = 0\n\tfsmonitor = touch ../mark\n",
    "apps/new/.git/objects/info/none": "",
    "apps/new/.git/refs/heads/main": "0123456789012345678901234567890123456789\n",
    "apps/new/values.yaml": "a: 1\n",
}
# Without Claude Code's own guards, so that nothing but the sandbox is left.
UNGUARDED = {
    "--restricted, ": "",
    '"--tools=Read,Grep,Glob,Edit,Write"': '"--tools=Read,Grep,Glob,Edit,Write,Bash", "--allowedTools=Bash,Read,Edit,Write", "--add-dir={{ workspace }}"',
}


def unguarded(replies, folder):
    """Tries what only the kernel refuses: a hook, the settings of git, a shell."""
    outside = pathlib.Path(folder).parent
    if replies == 0:
        return [use("Read", file_path=f"{folder}/{VALUES}"), use("Read", file_path=f"{outside}/git/config")]
    if replies == 1:
        command = f"touch {folder}/apps/mark; cp /usr/bin/true {outside}/git/hooks/pre-commit"
        hook = use("Write", file_path=f"{outside}/git/hooks/pre-push", content="#!/bin/sh\ntouch apps/mark\n")
        return [hook, use("Bash", command=command), use("Write", file_path=f"{folder}/{VALUES}", content="replicas: 2\n")]
    return [text("Done.")]


CASES = [
    Case("success", edit(), 0, "", [VALUES]),
    Case("success, new files", write({"apps/new/values.yaml": "a: 1\n", "terraform/new.tf": "# new\n"}), 0, "", ["apps/new/values.yaml", "terraform/new.tf"]),
    Case("task of quotes, newlines and $(…)", edit(), 0, "", [VALUES], 'Add a probe: "it\'s" (#12)', HOSTILE_TASK),
    Case("no change", always([text("It cannot be done.")]), 1, SCOPE, None),
    Case("change outside of the folders", write({"README.md": "x\n"}, ["README.md"]), 1, SCOPE, None),
    Case("one inside, one outside", write({"apps/a.yaml": "a\n", "é x.md": "x\n"}), 1, SCOPE, None),
    Case("change of its own tools", write({"apps/tolkien/config.yaml": "x\n"}, ["apps/tolkien/config.yaml"]), 1, "`own` (6 of 12) ended the call: the agent does not change its own", None),
    Case("its own tools in capitals", write({"apps/TOLKIEN/x.yaml": "x\n"}), 1, "`own` (6 of 12)", None),
    Case("planted hooks and settings", write(PLANTED, [VALUES]), 0, "", [VALUES]),
    Case("planted repository", write(NESTED), 0, "", ["apps/new/values.yaml"]),
    Case("unguarded: hooks, settings, a shell", unguarded, 0, "", [VALUES], limits=UNGUARDED),
    Case("through a link out of the clone", write({"apps/sonarr/link": "evil\n"}, ["apps/sonarr/link"]), 1, SCOPE, None, prepare=link("../../../git/config")),
    Case("through a link to the system", write({"apps/sonarr/link": "evil\n"}, ["apps/sonarr/link"]), 1, SCOPE, None, prepare=link("/etc/hostname")),
    Case("file in a submodule", write({"apps/sub/x.yaml": "x\n"}), 1, SCOPE, None, prepare=submodule),
    api_error(400, "invalid_request_error"),
    api_error(401, "authentication_error"),
    api_error(429, "rate_limit_error"),
    api_error(500, "api_error"),
    api_error(529, "overloaded_error"),
    Case("stream cut", then(Cut([text("I was about")])), 1, CLAUDE, None, limits=RETRY_ONCE),
    Case("error in the stream", then(Broken()), 1, CLAUDE, None, limits=RETRY_ONCE),
    Case("refusal", then(Stop([text("I will not.")], "refusal")), 1, CLAUDE, None),
    Case("too many turns", always(reading), 1, CLAUDE, None, limits={"--max-turns=80": "--max-turns=2"}),
    Case("budget spent", then(Stop([use("Glob", pattern="*")], "tool_use")), 1, CLAUDE, None, limits={"--max-budget-usd=5": "--max-budget-usd=0.001"}),
    Case("SIGTERM", then(Silence()), 1, CLAUDE, None, meanwhile=signalled(signal.SIGTERM)),
    Case("SIGINT", then(Silence()), 1, CLAUDE, None, meanwhile=signalled(signal.SIGINT)),
    Case("crash", then(Silence()), 1, CLAUDE, None, meanwhile=signalled(signal.SIGSEGV)),
    Case("hang: no byte", then(Silence()), 1, "it had written nothing for", None, limits={"idle_timeout: 6m": "idle_timeout: 45s"}),
    Case("hang: the clock", always(reading), 1, "it had not finished after", None, limits={"timeout: 15m": "timeout: 45s"}),
    Case("documentation", write({"homelab/restore.md": "# Restore\n", "homelab/um á.md": "x\n"}), 0, "", ["homelab/restore.md", "homelab/um á.md"], tool="write_documentation"),
    Case("documentation: no page", write({"homelab/run.sh": "x\n"}), 1, "only pages and pictures", None, tool="write_documentation"),
]


class Run:
    """A case with its own servers, folder and configuration."""

    def __init__(self, chosen, case, gitea):
        self.case, self.chosen = case, chosen
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tolkien-write-"))
        self.model = Model()
        self.model.scripts[case.title] = case.script
        self.name = "docs" if case.tool == "write_documentation" else "valinor"
        work = self.folder / "work"
        for path, content in FIRST.items():
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_text(content)
        git(work, "init", "--quiet", "--initial-branch=main")
        git(work, "add", "--all")
        git(work, "commit", "--quiet", "--message=first")
        if case.prepare:
            case.prepare(work)
            git(work, "add", "--all", "--", "apps/sonarr")
            git(work, "commit", "--quiet", "--message=second")
        (self.folder / "served").mkdir()
        self.forge = gitea or Forge(self.folder / "served")
        self.forge.create(self.name, work)
        self.main = git(self.forge.bare(self.name), "rev-parse", "refs/heads/main")
        self.configure()

    def configure(self):
        """Writes the configuration: the shipped one, with the addresses of this run."""
        root, shipped, forge = self.folder / "config", self.chosen.root, self.forge
        for name in ("tools.d", "prompts"):
            (root / name).mkdir(parents=True)
        tool = (shipped / f"tools.d/{self.case.tool}.yaml").read_text()
        port = forge.host.rsplit(":", 1)[1]
        replaced = {"connect: [53, 443]\n": f"connect: [53, 443, {self.model.port}]\n", "443, 3000]": f"443, {port}]"}
        replaced |= {f"[{name}, ": f"[{self.chosen.bin / name}, " for name in ("claude", "tea")}
        for old, new in (replaced | self.case.limits).items():
            if old not in tool:
                raise RuntimeError(f"the tool has no `{old}`")
            tool = tool.replace(old, new)
        (root / f"tools.d/{self.case.tool}.yaml").write_text(tool)
        shutil.copy(shipped / f"prompts/{self.case.tool}.md", root / "prompts")
        (root / "prompts/system.md").write_text("You are a test.\n")
        own = {
            "VALINOR_URL": f"{forge.url}/{OWNER}/valinor",
            "DOCS_URL": f"{forge.url}/{OWNER}/docs",
            "VALINOR_REPO": f"{OWNER}/valinor",
            "DOCS_REPO": f"{OWNER}/docs",
            "GITEA_HOST": forge.host,
            "GITEA_INSTANCE_URL": forge.url,
            "CLAUDE_CODE_BASE_URL": f"http://127.0.0.1:{self.model.port}",
        }
        secrets = {name: {"env": name} for name in ("GITEA_TOKEN", "CLAUDE_CODE_API_KEY")}
        (root / "tolkien.yaml").write_text(json.dumps({"environment": own, "secrets": secrets}))
        (self.folder / "scratch").mkdir()

    def call(self, title=None):
        """One call; answers its exit code and what it printed."""
        given = json.dumps({"title": title or self.case.title, "task": self.case.task})
        environment = {
            "PATH": corpus.SYSTEM_PATH,
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "scratch"),
            "GITEA_TOKEN": self.forge.token,
            "CLAUDE_CODE_API_KEY": "claude-key-of-the-test",
        }
        words = [self.chosen.tolkien, "--config", self.folder / "config", "call", "--yes", self.case.tool, given]
        done = subprocess.run(words, env=environment, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
        return done.returncode, done.stdout, done.stderr

    def asked(self, count):
        """Whether the model was asked more than so many times."""
        return len(self.model.requests) > count

    def processes(self, name=""):
        """The processes of this run that are alive, or those of one program."""
        scratch, found = str(self.folder / "scratch").encode(), []
        for process in pathlib.Path("/proc").iterdir():
            if process.name.isdigit():
                try:
                    about = process.joinpath("cmdline").read_bytes() + process.joinpath("environ").read_bytes()
                    about += os.readlink(process / "cwd").encode()
                    program = os.path.basename(os.readlink(process / "exe"))
                except OSError:
                    continue
                if scratch in about and program.startswith(name):
                    found.append(int(process.name))
        return found

    def branches(self):
        """What the branches beside main change: name, author and subject, files."""
        bare, found = self.forge.bare(self.name), {}
        for ref in git(bare, "for-each-ref", "--format=%(refname)", "refs/heads").split():
            if ref != "refs/heads/main":
                files = git(bare, "-c", "core.quotePath=false", "diff", "--name-only", "main", ref).splitlines()
                commits = git(bare, "rev-list", "--count", f"main..{ref}").strip()
                found[ref.removeprefix("refs/heads/")] = (commits, files, git(bare, "log", "-1", "--format=%an|%B", ref).strip())
        return found

    def branch(self, title=None):
        """The branch of a title, as the tools name it."""
        name = (title or self.case.title).lower().replace(" ", "-")
        kind = "docs" if self.case.tool == "write_documentation" else "code"
        return f"tolkien/{kind}-" + "".join(c for c in name if re.match("[a-z0-9-]", c))[:60]

    def proposal(self, title=None):
        """What a success leaves in the repository."""
        title = title or self.case.title
        message = f"Tolkien|{title}\n\n{self.case.task}"
        return {self.branch(title): ("1", self.case.files, message)}

    def told(self):
        """Whether the model saw the token of the forge."""
        return any(self.forge.token in json.dumps(request[3:]) for request in self.model.requests)

    def left(self):
        """What was left behind, in words."""
        wait_until(lambda: not self.processes(), 3)
        files = sorted(path.name for path in (self.folder / "scratch").rglob("*"))
        processes = self.processes()
        told = [f"files {files}"] * bool(files) + [f"processes {processes}"] * bool(processes)
        if git(self.forge.bare(self.name), "rev-parse", "refs/heads/main") != self.main:
            told.append("main has moved")
        if (self.folder / "work/apps/mark").exists():
            told.append("a planted program ran")
        return told

    def close(self):
        """Away with it."""
        self.model.close()
        if isinstance(self.forge, Forge):
            self.forge.close()
        shutil.rmtree(self.folder)


def attempt(run):
    """Tries a case; answers its line of the table and what differs."""
    case = run.case
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        beside = pool.submit(case.meanwhile, run) if case.meanwhile else None
        ran = run.call()
        if beside:
            beside.result()
    return judge(run, ran, run.proposal() if case.files is not None else {})


def judge(run, ran, branches, drafts=None, says=None):
    """Holds what is there against what is expected: of the drafts the branches, where they are not all of them."""
    code, out, err = ran
    drafts = list(branches) if drafts is None else drafts
    wrong, wanted = [], 0 if says is None and run.case.code == 0 else 1
    said = ((out if code == 0 else err).strip().splitlines() or [""])[-1]
    if code == 0:
        said = next((line for line in out.splitlines() if line.startswith("http")), said)
    found, pulls, left = run.branches(), run.forge.drafts(run.name), run.left()
    texts = [(f"WIP: {branches[name][2].split('|')[1].splitlines()[0]}", name, run.case.task) for name in drafts]
    for what, is_there, expected in (
        ("exit code", code, wanted),
        ("branches", found, branches),
        ("drafts", sorted(pulls), sorted(texts)),
        ("left behind", left, []),
        ("the model saw the token", run.told(), False),
    ):
        if is_there != expected:
            wrong.append(f"{what}: {is_there!r} instead of {expected!r}")
    if run.case.limits is UNGUARDED and "EACCES: permission denied" not in run.model.requests[-1][2]:
        wrong.append("the kernel refused nothing")
    if (run.case.says if says is None else says) not in err + out:
        wrong.append(f"said: {said}")
    if wrong:
        wrong += ["out: " + out[-1500:], "err: " + err[-1500:]]
    said = re.sub(r"127[.]0[.]0[.]1:\d+", "HOST", said)
    return [run.case.name, code, f"{len(found)} / {len(pulls)}", "; ".join(left) or "nothing", said[:120]], wrong


def rejected(run):
    """The server refuses the branch."""
    run.forge.reject(run.name, "the branch is protected")
    yield judge(run, run.call(), {}, says="the branch is protected")


def again(run):
    """The same proposal twice; then without the branch, while its draft is still open."""
    first, proposal = run.call(), run.proposal()
    yield judge(run, first, proposal)
    yield judge(run, run.call(), proposal, says="`push` (10 of 12) ended the call")
    run.forge.forget(run.name, run.branch())
    yield judge(run, run.call(), proposal, says="pull request already exists")


def at_once(run):
    """Two proposals at the same time, with names of their own, then two of the same name."""
    names = [run.case.title, "Second of two"]
    run.model.scripts[names[1]] = edit(new="3")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        both = list(pool.map(run.call, names))
    proposals = run.proposal() | run.proposal(names[1])
    for ran in both:
        yield judge(run, ran, proposals)
    same = "Third"
    run.model.scripts[same] = edit(new="4")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        both = sorted(pool.map(run.call, [same, same]), key=lambda ran: ran[0])
    proposals |= run.proposal(same)
    yield judge(run, both[0], proposals)
    # The push is refused; or, with the same commit in the same second, it is none, and the draft is refused.
    yield judge(run, both[1], proposals, says=" of 12) ended the call: it failed with exit code 1")


SEVERAL = [
    (Case("push rejected", edit(), 0, "", [VALUES]), rejected),
    (Case("draft that exists", edit(), 0, "", [VALUES]), again),
    (Case("two at once", edit(), 0, "", [VALUES], "First of two"), at_once),
]


def tried(chosen, gitea):
    """The lines of the table with what differs, of all cases that are wanted."""
    for case, several in [(case, None) for case in CASES] + SEVERAL:
        if chosen.cases and not any(case.name.startswith(name) for name in chosen.cases):
            continue
        run = Run(chosen, case, gitea)
        try:
            yield from several(run) if several else [attempt(run)]
        finally:
            run.close()


def main():
    """Tries all cases; answers the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    corpus.arguments(parser)
    parser.add_argument("--gitea", action="store_true", help="with the real Gitea")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="these only")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tolkien-gitea-") as folder:
        gitea = Gitea(pathlib.Path(folder), chosen.bin, free_port()) if chosen.gitea else None
        try:
            return tell(tried(chosen, gitea))
        finally:
            if gitea:
                gitea.close()


def tell(lines):
    """Prints the table; answers the exit code."""
    failed = False
    print("| case | exit | branches / drafts | left behind | said |\n| --- | --: | --- | --- | --- |")
    for line, wrong in lines:
        print("| {} | {} | {} | {} | {} |".format(*line), flush=True)
        for difference in wrong:
            failed = True
            print("    " + difference.replace("\n", "\n    "), flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
