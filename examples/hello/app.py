"""The smallest function: greets whoever the event names."""


def handler(event, context):
    name = event.get("name", "world")
    print(f"greeting {name}")
    return {"greeting": f"Hello, {name}!", "requestId": context.aws_request_id}
