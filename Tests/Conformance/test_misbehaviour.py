"""Runtimes that do not keep to the Runtime API. Nobody but their own caller notices."""

import pytest
from packages import script_package


def test_second_answer_is_refused(functions):
    function = functions.provided(script_package("""
second = None
while True:
    request_id, event = next_invoke()
    respond(request_id, json.dumps(second))
    second = respond(request_id, '"again"')[0]
"""))
    assert function.ask() is None
    assert function.ask() in (400, 403)


def test_answer_with_a_wrong_id_is_refused(functions):
    function = functions.provided(script_package("""
while True:
    request_id, event = next_invoke()
    status, _, body = respond("00000000-0000-4000-8000-000000000000", '"stolen"')
    respond(request_id, json.dumps([status, json.loads(body)["errorType"]]))
"""))
    assert function.ask() == [400, "InvalidRequestID"]
    assert function.ask() == [400, "InvalidRequestID"]


def test_answer_of_the_last_invoke_is_refused_in_the_next(functions):
    function = functions.provided(script_package("""
last = None
while True:
    request_id, event = next_invoke()
    status = respond(last, '"late"')[0] if last else None
    respond(request_id, json.dumps(status))
    last = request_id
"""))
    assert function.ask() is None
    assert function.ask() == 400


def test_never_answering_times_out(functions):
    function = functions.provided(script_package("next_invoke()\ntime.sleep(3600)"), Timeout=1)
    for _ in range(2):
        assert function.invoke({}).error_type == "Sandbox.Timedout"


def test_never_asking_for_an_invoke_times_out(functions):
    function = functions.provided(script_package("time.sleep(3600)"), Timeout=1)
    assert function.invoke({}).error_type == "Sandbox.Timedout"


def test_asking_twice_is_refused(functions):
    function = functions.provided(
        script_package("""
other = connect()
while True:
    request_id, event = next_invoke()
    other.request("GET", "/2018-06-01/runtime/invocation/next")
    response = other.getresponse()
    response.read()
    respond(request_id, json.dumps(response.status))
"""),
        Timeout=5,
    )
    answer = function.invoke({})
    # RIE answers 403 to the second request; a service may leave it waiting instead, and the invoke times out.
    assert answer.error == "Unhandled" or answer.payload == 403


def test_exit_after_asking_ends_the_invoke(functions):
    function = functions.provided(script_package("next_invoke()\nsys.exit(7)"))
    answer = function.invoke({})
    assert answer.error_type == "Runtime.ExitError"
    assert answer.error_message.endswith("exit status 7")


def test_closed_connection_is_no_answer(functions):
    function = functions.provided(script_package("next_invoke()\nconnection.close()\ntime.sleep(3600)"), Timeout=1)
    assert function.invoke({}).error_type == "Sandbox.Timedout"


def test_answer_over_another_connection_counts(functions):
    function = functions.provided(script_package("""
while True:
    request_id, event = next_invoke()
    connection.close()
    connection = connect()
    respond(request_id, event)
"""))
    assert [function.ask(number) for number in range(3)] == [0, 1, 2]


@pytest.mark.parametrize(
    "garbage",
    [
        'b"\\x00\\xff" * 10_000',
        'b"GET"',
        'b"POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\\r\\nContent-Length: -1\\r\\n\\r\\n"',
        'b"GET / HTTP/1.1\\r\\n" + b"a: b\\r\\n" * 200_000',
        'b"POST / HTTP/1.1\\r\\nHost: x\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\nffffffffffffffff\\r\\n"',
    ],
)
def test_garbage_on_a_connection_harms_that_connection_only(functions, garbage):
    function = functions.provided(script_package(f"""
import socket
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].rsplit(":", 1)
while True:
    request_id, event = next_invoke()
    with socket.create_connection((host, int(port)), timeout=5) as other:
        try:
            other.sendall({garbage})
            other.shutdown(socket.SHUT_WR)
            while other.recv(65536): pass
        except OSError:
            pass
    respond(request_id, event)
"""))
    assert function.ask(1) == 1
    assert function.ask(2) == 2


def test_many_idle_connections_do_not_harm(functions):
    function = functions.provided(script_package("""
import socket
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].rsplit(":", 1)
kept = []
while True:
    request_id, event = next_invoke()
    try:
        while len(kept) < 900:
            kept.append(socket.create_connection((host, int(port)), timeout=1))
    except OSError:
        pass
    respond(request_id, event)
"""))
    assert function.ask(1) == 1
    assert function.ask(2) == 2


def test_unknown_path_of_the_runtime_api_is_not_found(functions):
    function = functions.provided(script_package("""
while True:
    request_id, event = next_invoke()
    respond(request_id, json.dumps([call("GET", "nothing")[0], call("POST", "invocation/next")[0]]))
"""))
    first, second = function.ask()
    assert first == 404
    assert second in (404, 405)


def test_answer_larger_than_allowed_is_refused_while_it_comes(functions):
    function = functions.provided(script_package("""
while True:
    request_id, event = next_invoke()
    if event == "1":
        respond(request_id, event)
    else:
        try:
            status, _, body = respond(request_id, '"' + "x" * 20_000_000 + '"')
        except OSError:
            connection.close()
            connection = connect()
"""))
    assert function.invoke(0).error_type == "Function.ResponseSizeTooLarge"
    assert function.ask(1) == 1


def test_content_type_of_the_answer_is_passed_on(functions):
    function = functions.provided(script_package("""
while True:
    request_id, event = next_invoke()
    call("POST", f"invocation/{request_id}/response", b"\\x00\\xff", {"Content-Type": "application/octet-stream"})
"""))
    answer = function.invoke({})
    assert (answer.body, answer.headers["content-type"]) == (b"\x00\xff", "application/octet-stream")


def test_error_body_is_passed_on_verbatim(functions):
    function = functions.provided(script_package("""
while True:
    request_id, event = next_invoke()
    call("POST", f"invocation/{request_id}/error", '{"errorType":  "Own", "more": 1}')
"""))
    answer = function.invoke({})
    assert (answer.error, answer.body) == ("Unhandled", b'{"errorType":  "Own", "more": 1}')


def test_init_error_of_a_custom_runtime_is_passed_on(functions):
    function = functions.provided(
        script_package("call('POST', 'init/error', '{\"errorType\": \"Own.Init\"}')\nsys.exit(1)")
    )
    answer = function.invoke({})
    assert answer.error_type == "Own.Init"
