"""Holds the shipped tools against the programs that they run.

A rule may allow what the program does not understand: a flag of another version, a subcommand that is
called otherwise. So every case that must be let through, of the corpus (`tests/fixtures/corpus/`) and
of the tools themselves (`tests:`), is decided by `tolkien check`, and the command line that it tells is
given to the real program, with the environment that the tool gives it. All servers are a closed port of
loopback: who complains of the connection has understood the words.

    tests/peers/install
    cargo build --release
    python3 tests/peers/corpus.py [TOOL...]

`--bin` names the folder with the programs (by default what `install` fills; what is not there is taken
from the system), `--root` another configuration with its corpus, `--tolkien` another build. It needs
PyYAML, and makes a virtual environment in a temporary folder where it is missing. It prints every case
that is not understood with what the program says, then a table, and exits with 1 if there was one.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

PACKAGE = "PyYAML==6.0.3"
ROOT = pathlib.Path(__file__).resolve().parents[2]
PEERS = pathlib.Path(
    os.environ.get("TOLKIEN_PEERS") or pathlib.Path(tempfile.gettempdir()) / "tolkien-peers"
)
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
CLOSED = "127.0.0.1:1"

# How each program tells its version, and what it says when it got as far as its work. Anything else, but
# a success, is a case that it does not understand.
PROGRAMS = {
    "kubectl": (["version", "--client"], r"connection to the server \S+ was refused|connect: connection refused"),
    "vault": (["version"], r"connect: connection refused"),
    "tea": (["--version"], r"connect: connection refused"),
    "argocd": (["version", "--client", "--short"], r"connect: connection refused|connection error: desc"),
    "rg": (["--version"], r"No such file or directory|^$"),  # silent, with code 1: nothing found
    "ls": (["--version"], r"No such file or directory"),
    "cat": (["--version"], r"No such file or directory"),
}

Case = collections.namedtuple("Case", "tool input origin")
Answer = collections.namedtuple("Answer", "code output")


def arguments(parser):
    """The options that the scripts of this folder share."""
    parser.add_argument("--root", type=pathlib.Path, default=ROOT, help="the configuration, with its corpus")
    parser.add_argument("--bin", type=pathlib.Path, default=PEERS / "bin", help="the folder with the programs")
    parser.add_argument("--tolkien", type=pathlib.Path, default=ROOT / "target/release/tolkien")


def with_yaml(script):
    """Runs the script again in an environment that has PyYAML, if this one has not."""
    try:
        import yaml  # noqa: F401

        return
    except ImportError:
        pass
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = f"{folder}/bin/python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", PACKAGE], check=True)
        sys.exit(subprocess.run([python, script, *sys.argv[1:]]).returncode)


class Tools:
    """The tools of a configuration, and how to run what they run."""

    def __init__(self, root, tolkien, bin, values=None):
        import yaml

        self.root, self.tolkien, self.bin = root, tolkien, bin
        self.files = {
            path.stem: yaml.safe_load(path.read_text()) for path in sorted((root / "tools.d").glob("*.yaml"))
        }
        self.values = {
            "ARGOCD_SERVER": CLOSED,
            "GITEA_INSTANCE_URL": f"http://{CLOSED}",
            "VAULT_ADDR": f"http://{CLOSED}",
            "ARGOCD_AUTH_TOKEN": "e30.e30.e30",
            "GITEA_TOKEN": "0" * 40,
            "VAULT_TOKEN": "hvs.none",
            **(values or {}),
        }

    def cases(self, wanted):
        """All cases that must be let through, each once."""
        found = {}

        def add(tool, value, origin):
            runs = self.files.get(tool, {}).get("run", {})
            if "command" in runs and (not wanted or tool in wanted):
                found.setdefault((tool, json.dumps(value)), Case(tool, value, origin))

        for path in sorted((self.root / "tests/fixtures/corpus").rglob("*.jsonl")):
            for line in path.read_text().splitlines():
                case = json.loads(line)
                if case["expect"] in ("allow", "ask"):
                    add(case["tool"], case["input"], path.relative_to(self.root).name)
        for tool, file in self.files.items():
            for case in file["tests"]:
                value = case.get("allow", case.get("ask"))
                if value is not None:
                    value = {"args": shlex.split(value)} if isinstance(value, str) else value
                    add(tool, value, f"{tool}.yaml")
        return list(found.values())

    def words(self, case):
        """The words of a call as the engine would run it, or why it would not."""
        command = [self.tolkien, "--config", self.root, "check", "--format=json", case.tool, json.dumps(case.input)]
        said = subprocess.run(command, capture_output=True, text=True)
        verdict = json.loads(said.stdout) if said.stdout else {}
        if verdict.get("verdict") not in ("allow", "ask"):
            return None, f"{verdict.get('verdict')}: {verdict.get('because', said.stderr)}"
        return shlex.split(verdict["command_line"]), None

    def program(self, name):
        """Where a program lies: among the built ones, else on the system."""
        built = self.bin / name
        return str(built) if built.exists() else shutil.which(name, path=SYSTEM_PATH)

    def run(self, tool, words):
        """Runs the words as the tool would: its environment and nothing else, an empty folder."""
        run = self.files[tool]["run"]

        def render(text):
            return re.sub(r"{{ (?:env|secret)\.(\w+) }}", lambda name: self.values.get(name[1], ""), text)

        environment = {name: render(value) for name, value in run.get("env", {}).items()}
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [self.program(words[0]), *words[1:]],
                cwd=render(run.get("cwd", "")) or folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=300,
            )
        return Answer(done.returncode, done.stdout.decode(errors="replace").strip())


def closed_kubeconfig(folder):
    """A kubeconfig for a server that is not there."""
    path = pathlib.Path(folder) / "kubeconfig"
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "none", "cluster": {"server": f"https://{CLOSED}"}}],
                "users": [{"name": "none", "user": {"token": "none"}}],
                "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none"}}],
                "current-context": "none",
            }
        )
    )
    return str(path)


def understood(name, answer):
    """Whether the program got past its own parser."""
    return answer.code == 0 or bool(re.search(PROGRAMS[name][1], answer.output))


def main():
    """Tries all cases; answers the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments(parser)
    parser.add_argument("tools", nargs="*", metavar="TOOL", help="these only")
    chosen = parser.parse_args()
    with_yaml(__file__)
    with tempfile.TemporaryDirectory() as folder:
        values = {"KUBECONFIG": closed_kubeconfig(folder), "DOCS_DIR": folder, "REPO_DIR": folder}
        tools = Tools(chosen.root, chosen.tolkien, chosen.bin, values)
        unknown = set(chosen.tools) - set(tools.files)
        if unknown:
            parser.error(f"no tool is called {', '.join(sorted(unknown))}")
        return tell(tools, tools.cases(chosen.tools))


def tell(tools, cases):
    """Tries the cases, and prints the refused ones and the table."""

    def attempt(case):
        words, denied = tools.words(case)
        if denied:
            return "denied", denied
        if not tools.program(words[0]):
            return "missing", f"{words[0]} is not installed"
        answer = tools.run(case.tool, words)
        return ("accepted" if understood(words[0], answer) else "refused"), answer.output

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(zip(cases, pool.map(attempt, cases)))
    counts = collections.defaultdict(collections.Counter)
    for case, (outcome, output) in results:
        counts[case.tool][outcome] += 1
        if outcome in ("refused", "denied"):
            print(f"{outcome} {case.tool} {json.dumps(case.input, ensure_ascii=False)} ({case.origin})")
            for line in output.splitlines()[:4]:
                print(f"    {line}")
    print(f"{'tool':20} {'program':24} {'cases':>6} {'accepted':>9} {'refused':>8} {'denied':>7} {'missing':>8}")
    for tool, count in sorted(counts.items()):
        total = sum(count.values())
        numbers = f"{total:6} {count['accepted']:9} {count['refused']:8} {count['denied']:7} {count['missing']:8}"
        print(f"{tool:20} {version(tools, tool):24} {numbers}")
    return 1 if any(outcome != "accepted" for _, (outcome, _) in results) else 0


def version(tools, tool):
    """The program of a tool and the first version number that it tells."""
    name = tools.files[tool]["run"]["command"][0]
    if not tools.program(name):
        return name
    said = subprocess.run([tools.program(name), *PROGRAMS[name][0]], capture_output=True, text=True)
    number = re.search(r"\d+\.\d+[\w.+-]*", said.stdout + said.stderr)
    return f"{name} {number[0] if number else 'of unknown version'}"


if __name__ == "__main__":
    sys.exit(main())
