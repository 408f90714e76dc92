package swiftlet.runtime;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/**
 * The runtime's side of the Runtime API, version 2018-06-01, over one connection that is kept. A bare socket: Java's own
 * client takes more of a second to load, and more memory, than most functions.
 */
final class RuntimeClient {
    private static final String PREFIX = "/2018-06-01/runtime";
    private static final String USER_AGENT = "swiftlet-java/" + System.getProperty("java.version");
    private static final String JSON_TYPE = "application/json";
    /** A line of a head that is longer is none. */
    private static final int LINE_BYTES_MAX = 1 << 20;

    private static final class Response {
        int status;
        final Map<String, String> headers = new HashMap<>();
        byte[] body;
    }

    private final String address;
    private final Log log;
    private Socket socket;
    private InputStream input;

    /** @param address `host:port` */
    RuntimeClient(String address, Log log) {
        this.address = address;
        this.log = log;
    }

    /** Waits for an invoke, for as long as it takes. */
    Invoke next() throws IOException {
        Response response = request("GET", "/invocation/next", null, null, null, null);
        if (response.status != 200) {
            throw new IOException("the request for an invoke was answered with " + response.status);
        }
        return new Invoke(response.headers, response.body);
    }

    void respond(Invoke invoke, byte[] body) throws IOException {
        check(invoke, request("POST", "/invocation/" + invoke.id() + "/response", JSON_TYPE, null, invoke, body));
    }

    void fail(Invoke invoke, FunctionError error) throws IOException {
        byte[] body = error.json().getBytes(StandardCharsets.UTF_8);
        check(invoke, request("POST", "/invocation/" + invoke.id() + "/error", JSON_TYPE, error.header, invoke, body));
    }

    /** Reports that the function could not be initialised; the process has to exit then. */
    void failInit(FunctionError error) throws IOException {
        byte[] body = error.json().getBytes(StandardCharsets.UTF_8);
        request("POST", "/init/error", JSON_TYPE, error.header, null, body);
    }

    /**
     * A refusal (the invoke has timed out, the response is too large) is the service's to report to the caller; the log
     * says that the answer went nowhere. Only a service that has failed itself ends the process.
     */
    private void check(Invoke invoke, Response response) throws IOException {
        if (response.status >= 500) {
            throw new IOException("the result of invoke " + invoke.id() + " was answered with " + response.status);
        }
        if (response.status >= 300) {
            String reason = new String(response.body, StandardCharsets.UTF_8).trim();
            log.write("The answer to invoke " + invoke.id() + " was refused with " + response.status + ": " + reason,
                    "WARN");
        }
    }

    private Response request(String method, String path, String type, String errorType, Invoke echoed, byte[] body)
            throws IOException {
        StringBuilder head = new StringBuilder(512);
        head.append(method).append(' ').append(PREFIX).append(path).append(" HTTP/1.1\r\nHost: ").append(address)
                .append("\r\nUser-Agent: ").append(USER_AGENT).append("\r\n");
        field("Content-Type", type, head);
        field("Lambda-Runtime-Function-Error-Type", errorType, head);
        // It goes back with the answer, so that a late one cannot meet another invoke.
        field("Lambda-Runtime-Invocation-Id", echoed == null ? null : echoed.deliveryID(), head);
        field("Content-Length", body == null ? null : Integer.toString(body.length), head);
        connect();
        ByteArrayOutputStream message = new ByteArrayOutputStream();
        message.writeBytes(head.append("\r\n").toString().getBytes(StandardCharsets.UTF_8));
        if (body != null) {
            message.writeBytes(body);
        }
        message.writeTo(socket.getOutputStream());
        return read();
    }

    private static void field(String name, String value, StringBuilder head) {
        if (value != null) {
            head.append(name).append(": ").append(value).append("\r\n");
        }
    }

    private void connect() throws IOException {
        if (socket != null) {
            return;
        }
        int colon = address.lastIndexOf(':');
        socket = new Socket();
        socket.setTcpNoDelay(true);
        socket.connect(new InetSocketAddress(address.substring(0, colon),
                Integer.parseInt(address.substring(colon + 1))));
        input = new BufferedInputStream(socket.getInputStream());
    }

    private Response read() throws IOException {
        Response response = new Response();
        String[] status = line().split(" ", 3);
        if (status.length < 2 || !status[0].startsWith("HTTP/1.")) {
            throw new IOException("the Runtime API sent something that is not HTTP");
        }
        response.status = Integer.parseInt(status[1]);
        for (String field = line(); !field.isEmpty(); field = line()) {
            int colon = field.indexOf(':');
            response.headers.put(field.substring(0, colon).toLowerCase(Locale.ROOT), field.substring(colon + 1).trim());
        }
        boolean isChunked = "chunked".equalsIgnoreCase(response.headers.get("transfer-encoding"));
        response.body = isChunked ? chunks() : bytes(Integer.parseInt(response.headers.getOrDefault("content-length", "0")));
        if ("close".equalsIgnoreCase(response.headers.get("connection"))) {
            socket.close();
            socket = null;
        }
        return response;
    }

    private byte[] chunks() throws IOException {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        for (int size = chunkSize(); size > 0; size = chunkSize()) {
            body.writeBytes(bytes(size));
            line();
        }
        while (!line().isEmpty()) {
            // Fields behind the body mean nothing here.
        }
        return body.toByteArray();
    }

    private int chunkSize() throws IOException {
        return Integer.parseInt(line().split(";", 2)[0].trim(), 16);
    }

    private byte[] bytes(int count) throws IOException {
        byte[] bytes = input.readNBytes(count);
        if (bytes.length < count) {
            throw new EOFException("the Runtime API closed the connection amid a response");
        }
        return bytes;
    }

    /** A line of a head without its end, as UTF-8, since the texts in it may be JSON. */
    private String line() throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream(128);
        for (int next = input.read(); next != '\n'; next = input.read()) {
            if (next < 0 || line.size() > LINE_BYTES_MAX) {
                throw new EOFException("the Runtime API closed the connection");
            }
            if (next != '\r') {
                line.write(next);
            }
        }
        return line.toString(StandardCharsets.UTF_8);
    }
}
