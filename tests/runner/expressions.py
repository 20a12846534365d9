# SPDX-License-Identifier: Apache-2.0
"""The part of GitHub's expression language that workflows around a cache use.

Source: docs.github.com, "Evaluate expressions in workflows and actions".
"""
import re

TOKEN = re.compile(r"""\s*(?:(?P<op>==|!=|&&|\|\||!|\(|\)|,|\.|\[|\])|(?P<text>'(?:[^']|'')*')"""
                   r"""|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_-]*))""")


def tokens_of(text):
    at, found = 0, []
    text = text.strip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match:
            raise ValueError(f"cannot read the expression at {text[at:]!r}")
        found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found


def as_text(value):
    """How a value stands in a text: null is nothing, booleans are lower case."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def same(left, right):
    """Equality: texts without case; of different types, as numbers."""
    if isinstance(left, str) and isinstance(right, str):
        return left.lower() == right.lower()
    if type(left) is type(right):
        return left == right
    return as_number(left) == as_number(right)


def as_number(value):
    if value is None or value == "":
        return 0.0
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


class Declared(dict):
    """A context whose names are known: another one is a mistake, where GitHub has an empty text."""

    def get(self, key, default=None):
        if key not in self:
            raise ValueError(f"there is no {key}, only {', '.join(self)}")
        return self[key]


class Expression:
    """One expression, read by recursive descent and evaluated at once."""

    def __init__(self, text, contexts, functions):
        self.tokens = tokens_of(text)
        self.contexts, self.functions = contexts, functions

    def value(self):
        result = self.either()
        if self.tokens:
            raise ValueError(f"what does {self.tokens[0][1]!r} do there?")
        return result

    def take(self, *wanted):
        if self.tokens and self.tokens[0][0] == "op" and self.tokens[0][1] in wanted:
            return self.tokens.pop(0)[1]
        return None

    def either(self):
        result = self.both()
        while self.take("||"):
            other = self.both()
            result = result or other
        return result

    def both(self):
        result = self.equal()
        while self.take("&&"):
            other = self.equal()
            result = result and other
        return result

    def equal(self):
        result = self.one()
        while operator := self.take("==", "!="):
            other = self.one()
            result = same(result, other) == (operator == "==")
        return result

    def one(self):
        if self.take("!"):
            return not self.one()
        if self.take("("):
            result = self.either()
            self.take(")")
            return result
        kind, word = self.tokens.pop(0)
        if kind == "text":
            return word[1:-1].replace("''", "'")
        if kind == "number":
            return float(word)
        if word in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[word]
        return self.call(word) if self.take("(") else self.member(word)

    def call(self, name):
        arguments = []
        while not self.take(")"):
            arguments.append(self.either())
            self.take(",")
        return self.functions[name](*arguments)

    def member(self, name):
        if name not in self.contexts:
            raise ValueError(f"there is no context {name} here")
        value = self.contexts[name]
        while step := self.take(".", "["):
            key = self.tokens.pop(0)[1] if step == "." else self.either()
            if step == "[":
                self.take("]")
            value = value.get(key) if isinstance(value, dict) else None
        return value


def evaluate(text, contexts, functions=None):
    return Expression(text, contexts, functions or {}).value()


def fill(text, contexts, functions=None):
    """`text` with each ${{ }} replaced by its value."""
    return re.sub(r"\$\{\{(.*?)\}\}",
                  lambda found: as_text(evaluate(found[1], contexts, functions)), as_text(text),
                  flags=re.S)
