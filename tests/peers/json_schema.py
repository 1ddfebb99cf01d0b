"""Holds the JSON Schemas for editors against an independent validator.

The schemas (`.schema/`, `tolkien schema tool|policy|settings`) make yaml-language-server complete and
check the files of a configuration. This asks Python's `jsonschema`, and a reader of YAML 1.2, what
they say: of the schemas themselves, of every file that is shipped or that `tolkien init` writes, and
of every mistake in `tests/fixtures/diagnostics/`.

    python3 tests/peers/json_schema.py [--python PYTHON]

It makes a virtual environment in a temporary folder; `--python` names an interpreter that has the
packages already. It prints one line a check and exits with 1 if any failed. With jsonschema 4.26.0 and
ruamel.yaml 0.19.1 all pass.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

PACKAGES = ["jsonschema==4.26.0", "ruamel.yaml==0.19.1"]
ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELINE = re.compile(r"# yaml-language-server: \$schema=(\S+)\n")

# The kinds of mistake that a schema can see: of each, every file with that mistake is refused. What is
# not here needs to know other files, the notation of rules, or the text behind the values.
SEEN = [
    "additional-properties",
    "bad-duration",
    "empty-file",
    "empty-rules",
    "missing-key",
    "out-of-range",
    "unknown-key",
    "unknown-value",
    "wrong-type",
]

# Files among the mistakes that show what is none.
RIGHT = ["additional-properties/tools.d/closed.yaml"]


def main():
    """Prepares the environment, then runs this file in it as the check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", help="a Python that has the packages")
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.check:
        sys.exit(check())
    if arguments.python:
        sys.exit(again(arguments.python))
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = f"{folder}/bin/python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        sys.exit(again(python))


def again(python):
    """Runs this file with the interpreter that has the packages."""
    return subprocess.run([python, __file__, "--check"]).returncode


def check():
    """Runs all checks; answers the exit code."""
    import jsonschema
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    failed = []

    def tell(passed, what, why=""):
        print("ok  " if passed else "FAIL", what, why or "")
        if not passed:
            failed.append(what)

    def value(text):
        """The file as JSON has it; an empty one is null."""
        return YAML(typ="safe", pure=True).load(text)

    validators = {}
    for kind in ("tool", "policy", "settings"):
        schema = json.loads((ROOT / f".schema/{kind}.json").read_text())
        try:
            jsonschema.Draft202012Validator.check_schema(schema)
            tell(True, f"{kind}: is a schema of 2020-12")
        except jsonschema.SchemaError as error:
            tell(False, f"{kind}: is a schema of 2020-12", error.message)
        validators[kind] = jsonschema.Draft202012Validator(schema)

    def kind_of(path):
        if path.name == "tolkien.yaml":
            return "settings"
        return {"tools.d": "tool", "policies": "policy"}.get(path.parent.name)

    def errors(kind, text):
        found = sorted(validators[kind].iter_errors(value(text)), key=lambda error: error.json_path)
        return [f"{error.json_path}: {error.message[:200]}" for error in found]

    shipped = [ROOT / "tolkien.yaml", *ROOT.glob("tools.d/*.yaml"), *ROOT.glob("policies/*.yaml")]
    for path in sorted(shipped):
        name = path.relative_to(ROOT)
        modeline = MODELINE.match(path.read_text())
        target = modeline and (path.parent / modeline[1]).resolve()
        expected = ROOT / f".schema/{kind_of(path)}.json"
        tell(target == expected, f"{name}: names its schema")
        found = errors(kind_of(path), path.read_text())
        tell(not found, f"{name}: fits its schema", found)

    written = {"tolkien.yaml": "settings", "disk.yaml": "tool", "read-only.yaml": "policy"}
    for file, kind in written.items():
        found = errors(kind, (ROOT / "src/cli/init" / file).read_text())
        tell(not found, f"what `tolkien init` writes, {file}: fits its schema", found)

    fixtures = ROOT / "tests/fixtures/diagnostics"
    for path in sorted((fixtures / "good").rglob("*.yaml")):
        found = errors(kind_of(path), path.read_text())
        tell(not found, f"{path.relative_to(fixtures)}: fits its schema", found)
    for folder in sorted(fixtures.iterdir()):
        refused, taken = [], []
        for path in sorted(folder.rglob("*.yaml")):
            if not kind_of(path) or str(path.relative_to(fixtures)) in RIGHT:
                continue
            try:
                found = errors(kind_of(path), path.read_text())
            except YAMLError:
                found = ["no YAML"]
            (refused if found else taken).append(str(path.relative_to(folder)))
        if folder.name in SEEN:
            tell(not taken, f"{folder.name}: every mistake is refused", taken)
        elif folder.name != "good" and refused:
            print("    ", f"{folder.name}: refused too: {', '.join(refused)}")
    print(f"{len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    main()
