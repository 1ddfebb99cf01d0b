"""Holds the shipped tools against the programs that they run.

A rule may allow what the program does not understand: a flag of another version, a subcommand that is
called otherwise. So every case that must be let through, of the corpus (`tests/fixtures/corpus/`) and
of the tools themselves (`tests:`), is given to the real program as the tool would run it, with the
environment that the tool gives it. (That they are let through is a test of the default test command;
what a program does not understand, and the words of inputs that are no list, are asked of `tolkien
check`.) All servers are a closed port of
loopback: who complains of the connection has understood the words.

    tests/peers/install
    cargo build --release
    python3 tests/peers/corpus.py [--grammar] [TOOL...]

With `--grammar` the lines are written from the `allow` rules themselves (`grammar.py`): each flag of
each command, in each spelling. Those that a `deny` rule or a policy stops do not count.

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

import grammar

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
    "claude": (["--version"], r'"type":"system","subtype":"init"'),
    "rg": (["--version"], r"No such file or directory|^$"),  # silent, with code 1: nothing found
    "ls": (["--version"], r"No such file or directory"),
    "cat": (["--version"], r"No such file or directory"),
}

# Programs that a step runs: their words are tried as they stand, without a call.
STEPS = ("claude",)
QUICKLY = {"CLAUDE_CODE_MAX_RETRIES": "0"}

# Tools whose last step is what is tried, with the words that the call gives it.
DRAFTS = ("gitea_pr_create",)

# What a program says when it understands the words and misses some: the model is told, and tries again.
INCOMPLETE = re.compile(
    r"you must specify|required resource not specified|You must provide one or more resources"
    r"|Remote repository required|exactly one repository|Too many arguments|Not enough arguments"
)

# What can become of a case: understood; understood and not enough; not understood; not permitted, of a case
# that should be, and of a written line; not tried.
COLUMNS = ("accepted", "incomplete", "refused", "denied", "stopped", "missing")
BAD = ("refused", "denied", "missing")

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
            "CLAUDE_CODE_BASE_URL": f"http://{CLOSED}",
            "CLAUDE_CODE_API_KEY": "none",
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
            if ("command" in runs or tool in DRAFTS) and (not wanted or tool in wanted):
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
            for step in file["run"].get("steps", []):
                if step["command"][0] in STEPS and (not wanted or tool in wanted):
                    found[tool, step["id"]] = Case(tool, step, f"the step `{step['id']}`")
        return list(found.values())

    def written(self, tool):
        """Lines written from the rules of a tool, if it takes words."""
        file = self.files[tool]
        if "command" not in file["run"] or len(file.get("arguments", {})) != 1:
            return []
        if next(iter(file["input"]["properties"].values()))["type"] != "array":
            return []
        parameter, lines = grammar.lines(tool, file)
        return [Case(tool, {parameter: words}, "written") for words in lines]

    def words(self, case):
        """The words of a call as the engine would run it, or why it would not."""
        if "command" in case.input:
            return case.input["command"], None
        command = [self.tolkien, "--config", self.root, "check", "--format=json", case.tool, json.dumps(case.input)]
        said = subprocess.run(command, capture_output=True, text=True)
        verdict = json.loads(said.stdout) if said.stdout else {}
        if verdict.get("verdict") not in ("allow", "ask"):
            return None, f"{verdict.get('verdict')}: {verdict.get('because', said.stderr)}"
        words = shlex.split(verdict["command_line"])
        if case.tool in DRAFTS:  # one line a step
            words = words[len(words) - words[::-1].index("tea") - 1 :]
        return words, None

    def plain(self, case):
        """The words of a call that is a list of words: the same, without asking the engine."""
        words = []
        for element in self.files[case.tool]["run"]["command"]:
            words += case.input["args"] if element == "{{ args }}" else [element]
        return words

    def program(self, name):
        """Where a program lies: among the built ones, else on the system."""
        built = self.bin / name
        return str(built) if built.exists() else shutil.which(name, path=SYSTEM_PATH)

    def run(self, case, words):
        """Runs the words as the tool would: its environment and nothing else, an empty folder."""
        run = case.input if "command" in case.input else self.files[case.tool]["run"]
        run = run["steps"][-1] if case.tool in DRAFTS else run
        with tempfile.TemporaryDirectory() as folder:
            values = {"workspace": folder, **self.values}

            def render(text):
                return re.sub(r"{{ (?:env[.]|secret[.])?(\w+) }}", lambda name: values.get(name[1], ""), text)

            if case.tool in DRAFTS:
                subprocess.run(["git", "init", "--quiet", folder], check=True)
            environment = {name: render(value) for name, value in run.get("env", {}).items()}
            done = subprocess.run(
                [self.program(words[0]), *words[1:]],
                cwd=folder if "workspace" in run.get("cwd", "") else render(run.get("cwd", "")) or folder,
                env={**environment, **QUICKLY} if words[0] in STEPS else environment,
                input=b"Hello." if words[0] in STEPS else b"",
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
    parser.add_argument("--grammar", action="store_true", help="lines written from the rules, not the cases")
    parser.add_argument("tools", nargs="*", metavar="TOOL", help="these only")
    chosen = parser.parse_args()
    with_yaml(__file__)
    with tempfile.TemporaryDirectory() as folder:
        values = {"KUBECONFIG": closed_kubeconfig(folder), "DOCS_DIR": folder, "REPO_DIR": folder}
        tools = Tools(chosen.root, chosen.tolkien, chosen.bin, values)
        unknown = set(chosen.tools) - set(tools.files)
        if unknown:
            parser.error(f"no tool is called {', '.join(sorted(unknown))}")
        if chosen.grammar:
            cases = [case for tool in chosen.tools or tools.files for case in tools.written(tool)]
            return tell(tools, cases, lambda case: attempt_written(tools, case))
        return tell(tools, tools.cases(chosen.tools), lambda case: attempt(tools, case))


def attempt(tools, case):
    """Runs a case, and asks about it where the words are not plain or not understood."""
    run = tools.files[case.tool]["run"]
    if list(case.input) == ["args"] and "command" in run:
        result, output = outcome(tools, case, tools.plain(case))
        if result != "refused":
            return result, output
    words, denied = tools.words(case)
    if denied:
        return "denied", denied
    return outcome(tools, case, words)


def attempt_written(tools, case):
    """Runs a line, and asks only then whether it is permitted: nearly all are understood."""
    result, output = outcome(tools, case, tools.plain(case))
    if result == "refused" and tools.words(case)[1]:
        return "stopped", ""
    return result, output


def outcome(tools, case, words):
    """Runs the words; answers whether the program understood them, and what it said."""
    if not tools.program(words[0]):
        return "missing", f"{words[0]} is not installed"
    answer = tools.run(case, words)
    if understood(words[0], answer):
        return "accepted", answer.output
    return ("incomplete" if INCOMPLETE.search(answer.output) else "refused"), answer.output


def tell(tools, cases, attempt):
    """Tries the cases, and prints the refused ones and the table."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(zip(cases, pool.map(attempt, cases)))
    counts = collections.defaultdict(collections.Counter)
    for case, (result, output) in results:
        counts[case.tool][result] += 1
        if result in BAD:
            print(f"{result} {case.tool} {json.dumps(case.input, ensure_ascii=False)} ({case.origin})")
            said = [line for line in output.splitlines() if line.strip()]
            print(f"    {said[0] if said else 'nothing'}")
    print(f"{'tool':20} {'program':24} {'cases':>6}", *(f"{column:>10}" for column in COLUMNS))
    for tool, count in sorted(counts.items()):
        numbers = (f"{count[column]:10}" for column in COLUMNS)
        print(f"{tool:20} {version(tools, tool):24} {sum(count.values()):6}", *numbers)
    return 1 if any(result in BAD for _, (result, _) in results) else 0


def version(tools, tool):
    """The program of a tool and the first version number that it tells."""
    run = tools.files[tool]["run"]
    name = run["command"][0] if "command" in run else "tea" if tool in DRAFTS else STEPS[0]
    if not tools.program(name):
        return name
    said = subprocess.run([tools.program(name), *PROGRAMS[name][0]], capture_output=True, text=True)
    number = re.search(r"\d+\.\d+[\w.+-]*", re.sub(r"golang.*", "", said.stdout + said.stderr))
    return f"{name} {number[0] if number else 'of unknown version'}"


if __name__ == "__main__":
    sys.exit(main())
