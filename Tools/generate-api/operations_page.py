"""docs/api.md: what each operation of the service model does here."""

COMPLETE = "complete"
KEPT = "kept"

MAPPING = (KEPT, "mappings are checked, kept and shown; nothing polls their sources yet, so they are `Disabled` and say why")
CAPACITY = (KEPT, "settings are checked, kept and shown; functions run on this host like all others")
DURABLE = (KEPT, "no execution can be started yet, so none is found")

#: What is to be said of an operation. All others are complete.
STATES = {
    "Invoke": (COMPLETE, "`RequestResponse`, `Event` and `DryRun`"),
    "CreateFunction": (COMPLETE, "container images, tenant isolation and `PublishTo` are refused"),
    "UpdateFunctionCode": (COMPLETE, "container images and `PublishTo` are refused"),
    "PublishVersion": (COMPLETE, "`PublishTo` is refused"),
    "CreateCodeSigningConfig": (COMPLETE, "no signature can be verified here: `Enforce` refuses every package"),
    "PutRuntimeManagementConfig": (COMPLETE, "there is one version of each runtime, which a manual update can name"),
    **dict.fromkeys(
        ["CreateEventSourceMapping", "UpdateEventSourceMapping", "GetEventSourceMapping", "ListEventSourceMappings",
         "DeleteEventSourceMapping"],
        MAPPING,
    ),
    **dict.fromkeys(
        ["CreateCapacityProvider", "UpdateCapacityProvider", "GetCapacityProvider", "ListCapacityProviders",
         "DeleteCapacityProvider", "ListFunctionVersionsByCapacityProvider", "PutFunctionScalingConfig",
         "GetFunctionScalingConfig"],
        CAPACITY,
    ),
}  # fmt: skip

INTRODUCTION = """\
# The Lambda API, operation by operation

Written by `Tools/generate-api/generate.py` from the service model. Each operation is in one of two states:

- **complete**: it does what AWS Lambda does.
- **kept**: requests are checked as Lambda checks them, and what they say is stored and shown, but nothing acts on it yet.

| Operation | Request | State | Remarks |
|---|---|---|---|
"""


def state(name):
    if "Durable" in name:
        return DURABLE
    return STATES.get(name, (COMPLETE, ""))


def page(model):
    unknown = set(STATES) - set(model.operations)
    if unknown:
        raise ValueError(f"states of operations that the model does not have: {sorted(unknown)}")
    rows = []
    for name, operation in sorted(model.operations.items()):
        kind, remark = state(name)
        request = f"`{operation['method']} {operation['requestUri']}`".replace("|", "\\|")
        rows.append(f"| {name} | {request} | {kind} | {remark} |")
    return INTRODUCTION + "\n".join(rows) + "\n"
