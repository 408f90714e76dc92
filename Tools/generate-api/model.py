"""The service model, with the questions that the generator asks of it."""

from naming import type_name

# These have a path of their own and are not dispatched: their bodies are not the API's JSON.
STREAMED_OPERATIONS = {"Invoke", "InvokeAsync", "InvokeWithResponseStream"}

# Where Lambda answers with another status than its model has.
SUCCESS_STATUSES = {"DeleteFunction": 204}

# Lambda checks these itself, with a text and an exception of its own, so that the model's list may lag behind.
SERVICE_CHECKED_ENUMERATIONS = {"Runtime"}

# Where Lambda quotes a newer pattern than its published model has.
PATTERNS = {
    "NamespacedFunctionName": (
        r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?"
        r"(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
    ),
}

# Records in the metadata store hold these as they are in the API, so they and all within them are Codable.
STORED = {
    "CapacityProvider", "CapacityProviderConfig", "CodeSigningConfig", "Cors", "DestinationConfig", "DurableConfig",
    "EventSourceMappingConfiguration", "FileSystemConfig", "FunctionScalingConfig",
}

SCALARS = {
    "string": "String", "integer": "Int", "long": "Int", "double": "Double", "boolean": "Bool",
    "timestamp": "Timestamp", "blob": "Blob",
}


class Model:
    def __init__(self, facts, writes="JSON"):
        #: What responses are written as; requests are values of JSON whatever they were read from.
        self.writes = writes
        self.operations = facts["operations"]
        self.shapes = facts["shapes"]
        self.other_operations = facts.get("otherOperations", [])
        self.inputs = sorted({operation["input"] for operation in self.operations.values()})
        self.outputs = sorted({operation["output"] for operation in self.operations.values() if "output" in operation})
        self.errors = sorted(name for name, shape in self.shapes.items() if "httpStatus" in shape)
        self.input_reachable = self._reachable(self.inputs)
        self.output_reachable = self._reachable(self.outputs)
        self.nested = self._nested()
        self.stored = self._reachable(STORED & set(self.shapes))

    def children(self, name):
        shape = self.shapes[name]
        if shape["type"] == "structure":
            return [member["shape"] for member in shape["members"].values()]
        return [shape[part] for part in ("member", "key", "value") if part in shape]

    def _reachable(self, roots):
        seen, waiting = set(), list(roots)
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting += self.children(name)
        return seen

    def _nested(self):
        """Structures that occur within a request or a response."""
        children = {child for name in self._reachable(self.inputs + self.outputs) for child in self.children(name)}
        return sorted(
            name for name in children
            if self.shapes[name]["type"] == "structure" and not self.shapes[name].get("eventstream")
        )

    def is_enumeration(self, name):
        return bool(self.shapes[name].get("enum"))

    def swift_type(self, name):
        shape = self.shapes[name]
        if shape["type"] == "structure" or self.is_enumeration(name):
            return type_name(name)
        if shape["type"] == "list":
            return f"[{self.swift_type(shape['member'])}]"
        if shape["type"] == "map":
            return f"[String: {self.swift_type(shape['value'])}]"
        return SCALARS[shape["type"]]

    def success_status(self, name):
        return SUCCESS_STATUSES.get(name, self.operations[name]["responseCode"])
