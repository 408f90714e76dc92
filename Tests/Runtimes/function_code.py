"""A function's code and variables, laid out as a runtime finds them."""

from pathlib import Path

#: What the Runtime API may tell of an invoke beside what it always tells.
CONTEXT_HEADERS = {
    "Lambda-Runtime-Client-Context": '{"client":{"app_title":"t"},"custom":{"k":"v"},"env":{"e":"f"}}',
    "Lambda-Runtime-Cognito-Identity": '{"cognitoIdentityId":"i","cognitoIdentityPoolId":"p"}',
    "Lambda-Runtime-Trace-Id": "Root=1-2-3;Sampled=0",
    "Lambda-Runtime-Aws-Tenant-Id": "tenant",
}
#: The client context in them.
CLIENT_CONTEXT = {"client": {"app_title": "t"}, "custom": {"k": "v"}, "env": {"e": "f"}}

ROOT = Path(__file__).resolve().parents[2]


def write_files(directory, files):
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def function_environment(directory, handler, more):
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "LAMBDA_TASK_ROOT": str(directory),
        "_HANDLER": handler,
        "AWS_LAMBDA_FUNCTION_NAME": "f",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0",
        **more,
    }
