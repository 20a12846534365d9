# SPDX-License-Identifier: Apache-2.0
"""Which fault befalls which request: the rules of faults.py."""
import random
import re
import threading
from urllib.parse import parse_qs

# What may happen to any request of a client that repeats what failed. None of it
# changes bytes that nothing protects.
MIXED = [
    {"action": "status", "code": "SlowDown"},
    {"action": "status", "code": "InternalError"},
    {"action": "reset", "stage": "request-head"},
    {"action": "reset", "stage": "request-body"},
    {"action": "reset", "stage": "before-answer"},
    {"action": "reset", "stage": "answer-head"},
    {"action": "reset", "stage": "answer-body"},
    {"action": "lost"},
    {"action": "truncate"},
    {"action": "delay", "seconds": 0.05},
]


def operation(method, path, query):
    """S3's name of what is asked for, of buckets that are addressed in the path."""
    names = parse_qs(query, keep_blank_values=True)
    has_key = len([part for part in path.split("/", 2)[1:] if part]) > 1
    if method == "GET" and not has_key:
        return ("ListMultipartUploads" if "uploads" in names else
                "ListObjectsV2" if "list-type" in names else "GetBucket")
    if method == "PUT" and "partNumber" in names:
        return "UploadPart"
    if method == "POST":
        return ("CreateMultipartUpload" if "uploads" in names else
                "CompleteMultipartUpload" if "uploadId" in names else "DeleteObjects")
    if method == "DELETE" and "uploadId" in names:
        return "AbortMultipartUpload"
    verb = method.capitalize()
    return f"{verb}Object" if has_key else f"{verb}Bucket"


class Rule:
    KNOWN = {"op", "method", "path", "query", "header", "range", "nth", "skip", "count", "probability"}

    def __init__(self, fields):
        self.fields = fields
        self.matched = 0
        self.applied = 0
        nth = fields.get("nth")
        self.nth = nth if isinstance(nth, list) or nth is None else [nth]

    def fits(self, request):
        if request is None:
            return self.fields.get("stage") == "accept"
        if self.fields.get("stage") == "accept":
            return False
        texts = {"op": operation(request.method, request.path, request.query),
                 "method": request.method, "path": request.path, "query": request.query,
                 "range": request.get("Range", "")}
        for name, text in texts.items():
            pattern = self.fields.get(name)
            exact = name in ("op", "method")
            if pattern is not None and not (re.fullmatch if exact else re.search)(pattern, text):
                return False
        return all(re.search(pattern, request.get(name, ""))
                   for name, pattern in self.fields.get("header", {}).items())

    def fires(self, dice):
        self.matched += 1
        if self.matched <= self.fields.get("skip", 0):
            return False
        if self.nth is not None and self.matched not in self.nth:
            return False
        if self.applied >= self.fields.get("count", float("inf")):
            return False
        if dice.random() >= self.fields.get("probability", 1):
            return False
        self.applied += 1
        return True


class Rules:
    """A list of rules, the first that fires is it. Thread-safe."""

    def __init__(self, document):
        if isinstance(document, list):
            document = {"rules": document}
        self.lock = threading.Lock()
        self.dice = random.Random(document.get("seed", 1))
        self.rules = [Rule(fields) for fields in document.get("rules", [])]

    def choose(self, request):
        """The fields of the rule for a request (None: for a connection), or None."""
        with self.lock:
            for rule in self.rules:
                if rule.fits(request) and rule.fires(self.dice):
                    if rule.fields["action"] == "random":
                        return self.dice.choice(rule.fields.get("of", MIXED))
                    return rule.fields
        return None

    def counts(self):
        with self.lock:
            return [{**rule.fields, "matched": rule.matched, "applied": rule.applied}
                    for rule in self.rules]
