"""Writes command lines that a tool's `allow` rules permit, for `corpus.py --grammar`.

Every alternative of every rule, of every fragment and of every named expression occurs in at least one
line, and a line has no more than that: the first alternative elsewhere, and nothing that may be left
out. What an expression permits is written by its structure (a letter, a digit), which is right for
names; `VALUES` has what must mean something, like a time.
"""

import re
import re._constants as constants
import re._parser as parser

# Values for named expressions, by tool and name: one of each shape that the expression permits.
VALUES = {
    "kubectl": {
        "ago": ["10s", "1h30m"],
        "fields": ["metadata.name=a"],
        "format": [
            "wide",
            "name",
            "json",
            "yaml",
            "kyaml",
            "jsonpath={.metadata.name}",
            "jsonpath-as-json={.metadata}",
            "custom-columns=NAME:.metadata.name",
            "go-template={{.metadata}}",
        ],
        "instant": ["2026-11-20T06:00:00Z", "2026-11-20T06:00:00.5+01:00"],
        "order": [".metadata.name", "{.metadata.name}"],
        "selector": ["a=b", "a in (b,c)", "!a"],
        "version": ["v1", "apps/v1"],
        "kind": ["pods", "deployments.apps", "pods.v1."],
    },
    "argocd": {"selector": ["a=b", "a in (b,c)", "!a"], "repo": ["https://git.example/a/b.git"]},
    "gitea": {
        "date": ["2026-11-01", "2026-11-01T10:00:00Z"],
        "fields": ["title"],
        "repo": ["a/b"],
        "text": ["a b"],
    },
    "vault": {},
}
BUILT_IN = {
    "any": ".*",
    "word": "[^-].*",
    "int": "[1-9]",
    "duration": "1(s|m|h)",
    "dns_label": "a",
    "dns_name": "a[.]b",
}
NAME = re.compile(r"<([a-z_]+)>")


def lines(tool, file):
    """The lines for the only array parameter of a tool, each once."""
    (parameter, rules), = file["arguments"].items()
    reader = Reader(tool, file)
    found = {}
    for rule in rules["allow"]:
        for words in reader.variants(rule):
            found.setdefault(tuple(words))
    return parameter, [list(words) for words in found]


class Reader:
    """Reads patterns of one tool. A variant is a list of words, the first of several is the plainest."""

    def __init__(self, tool, file):
        self.parts = file.get("parts", {})
        self.named = dict(BUILT_IN)
        for name, value in file.get("let", {}).items():
            self.named[name] = value["re"] if isinstance(value, dict) else value
        for name, values in VALUES.get(tool, {}).items():
            self.named[name] = "|".join(re.escape(value) for value in values)

    def variants(self, pattern):
        tokens = tokenize(pattern)
        found, rest = self.alternatives(tokens)
        assert not rest, f"cannot read {rest} in {pattern}"
        return found

    def alternatives(self, tokens):
        found, tokens = self.sequence(tokens)
        while tokens and tokens[0] == "|":
            more, tokens = self.sequence(tokens[1:])
            found += more
        return found, tokens

    def sequence(self, tokens):
        items = []
        while tokens and tokens[0] not in ("|", "]", ")", "]...", ")..."):
            token, tokens = tokens[0], tokens[1:]
            if token in ("[", "("):
                inner, tokens = self.alternatives(tokens)
                tokens = tokens[1:]
                items.append(([[]] if token == "[" else []) + inner)
            elif token == "**":
                items.append([[]])
            elif token == "*":
                items.append([["a"]])
            elif token != "...":
                name = NAME.fullmatch(token.removesuffix("..."))
                if name and name[1] in self.parts:
                    items.append(self.variants(self.parts[name[1]]))
                else:
                    items.append([[word] for word in self.words(token)])
        return combine(items, []), tokens

    def words(self, expression):
        """Words that an expression matches, one for each of its alternatives."""
        while NAME.search(expression):
            expression = NAME.sub(lambda name: f"(?:{self.named[name[1]]})", expression)
        return list(dict.fromkeys(write(parser.parse(expression))))


def combine(items, nothing):
    """Each variant of each item once, with the plainest of the others around it."""
    plain = [item[0] for item in items]
    whole = [sum(plain, nothing)]
    for at, item in enumerate(items):
        for variant in item[1:]:
            whole.append(sum(plain[:at], nothing) + variant + sum(plain[at + 1 :], nothing))
    return whole


def tokenize(pattern):
    """Splits a pattern at the spaces that are neither escaped nor inside a class or a group."""
    tokens, at = [], 0
    while at < len(pattern):
        if pattern[at].isspace():
            at += 1
            continue
        if pattern[at] in "[(" and pattern[at + 1 : at + 2] in ("", " "):
            tokens.append(pattern[at])
            at += 1
            continue
        start, depth, inside = at, 0, False
        while at < len(pattern) and (not pattern[at].isspace() or depth or inside):
            character = pattern[at]
            if character == "\\":
                at += 1
            elif inside:
                inside = character != "]"
            elif character == "[":
                inside = True
            else:
                depth += (character == "(") - (character == ")" and depth > 0)
            at += 1
        tokens.append(pattern[start:at])
    return tokens


def write(expression):
    """Texts that a parsed expression matches, one for each of its alternatives, the plainest first."""
    pieces = []
    for kind, value in expression:
        if kind is constants.LITERAL:
            pieces.append([chr(value)])
        elif kind in (constants.ANY, constants.NOT_LITERAL):
            pieces.append(["a"])
        elif kind is constants.IN:
            pieces.append([member(value)])
        elif kind is constants.BRANCH:
            pieces.append([text for branch in value[1] for text in write(branch)])
        elif kind is constants.SUBPATTERN:
            pieces.append(write(value[-1]))
        elif kind in (constants.MAX_REPEAT, constants.MIN_REPEAT):
            least, _, inner = value
            texts = write(inner)
            pieces.append([texts[0] * least, *texts[1:]] if least else ["", *texts])
        else:
            raise ValueError(f"cannot write {kind}")
    return ["".join(text) for text in combine([[[piece] for piece in texts] for texts in pieces], [])]


def member(members):
    """The plainest character of a class."""

    def holds(character):
        code = ord(character)
        inside = any(
            (kind is constants.LITERAL and value == code)
            or (kind is constants.RANGE and value[0] <= code <= value[1])
            for kind, value in members
        )
        return inside != any(kind is constants.NEGATE for kind, _ in members)

    return next(character for character in "a1A-./# " if holds(character))
