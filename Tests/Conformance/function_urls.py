"""Functions with a URL, and requests to it in both forms."""

import http.client

from lambda_client import REGION
from wire import Reply

#: The answer to whom the policy does not let in.
FORBIDDEN = (
    b'{"Message":"Forbidden. For troubleshooting Function URL authorization issues, see: '
    b'https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"}'
)


class FunctionURL:
    """The URL of a function or an alias, which everybody may invoke unless said otherwise."""

    def __init__(self, server, function, qualifier=None, allowed=True, **parameters):
        self.server = server
        self.function = function
        self.qualified = {"FunctionName": function.name, **({"Qualifier": qualifier} if qualifier else {})}
        self.config = function.client.create_function_url_config(
            **self.qualified, **{"AuthType": "NONE", **parameters}
        )
        self.id = self.config["FunctionUrl"].removeprefix("http://").partition(".")[0]
        if allowed:
            self.allow()

    @property
    def domain(self):
        return f"{self.id}.lambda-url.{REGION}.localhost"

    def allow(self):
        """Adds both statements that a request needs."""
        auth_type = self.config["AuthType"]
        self.function.client.add_permission(
            **self.qualified, StatementId="url", Action="lambda:InvokeFunctionUrl", Principal="*",
            FunctionUrlAuthType=auth_type,
        )  # fmt: skip
        self.function.client.add_permission(
            **self.qualified, StatementId="function", Action="lambda:InvokeFunction", Principal="*",
            InvokedViaFunctionUrl=True,
        )  # fmt: skip

    def send(self, method="GET", target="/", body=None, headers=None, by_host=False):
        """Sends a request on a connection of its own; returns the connection, for the caller to close."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        headers = dict(headers or {})
        if by_host:
            headers["Host"] = f"{self.domain}:{self.server.port}"
        else:
            target = f"/_url/{self.id}{target}"
        try:
            connection.request(method, target, body, headers)
        except BaseException:
            connection.close()
            raise
        return connection

    def ask(self, *arguments, **parameters):
        """Sends a request and reads its answer whole."""
        connection = self.send(*arguments, **parameters)
        try:
            return Reply(connection.getresponse())
        finally:
            connection.close()
