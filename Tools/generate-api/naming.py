"""How names of the service model become names of Swift."""

import re

# Types whose model names mean something else here.
TYPE_NAMES = {
    "Event": "DurableExecutionEvent",
    "FunctionVersion": "FunctionVersionFilter",
    "Operation": "DurableOperation",
    "State": "FunctionState",
    "policyScopeType": "PolicyScopeType",
}

KEYWORDS = {
    "as", "break", "case", "class", "continue", "default", "defer", "do", "else", "enum", "extension", "false", "for",
    "func", "guard", "if", "import", "in", "init", "internal", "is", "let", "nil", "operator", "private", "protocol",
    "public", "repeat", "return", "self", "static", "struct", "subscript", "super", "switch", "throw", "throws", "true",
    "try", "var", "where", "while",
}


def escape(name):
    return f"`{name}`" if name in KEYWORDS else name


def lower_camel(name):
    """FunctionName > functionName, KMSKeyArn > kmsKeyArn, S3Bucket > s3Bucket, UUID > uuid."""
    acronym = re.match(r"[A-Z0-9]+(?=[A-Z][a-z])|[A-Z0-9]+$", name)
    head = acronym.group() if acronym else name[0]
    return head.lower() + name[len(head):]


def constant(value):
    """python3.12 > python3_12, nodejs22.x > nodejs22x, AWS_IAM > awsIam, x86_64 > x86_64, InProgress > inProgress."""
    words = re.split(r"[^A-Za-z0-9]+", value)
    if value.upper() == value:
        words = [word.capitalize() for word in words]
    name = lower_camel(words[0])
    for word in words[1:]:
        if name[-1].isdigit() and word[0].isdigit():
            name += "_" + word
        elif word == "x":
            name += word
        else:
            name += word[0].upper() + word[1:]
    return escape(name)


def type_name(shape):
    return TYPE_NAMES.get(shape, shape)


def literal(text):
    """A Swift string literal; raw, so that patterns read as in the model."""
    return f'#"{text}"#' if "\\" in text or '"' in text else f'"{text}"'
