package swiftlet.runtime;

import java.util.Map;

/** One invoke as it came from the Runtime API. */
final class Invoke {
    final byte[] body;
    private final Map<String, String> headers;

    /** @param headers by lower-case name */
    Invoke(Map<String, String> headers, byte[] body) {
        this.headers = headers;
        this.body = body;
    }

    String id() {
        return headers.get("lambda-runtime-aws-request-id");
    }

    /** The delivery's own identifier; `null` where the service gives none. */
    String deliveryID() {
        return headers.get("lambda-runtime-invocation-id");
    }

    String functionARN() {
        return headers.get("lambda-runtime-invoked-function-arn");
    }

    String traceID() {
        return headers.get("lambda-runtime-trace-id");
    }

    String tenantID() {
        return headers.get("lambda-runtime-aws-tenant-id");
    }

    /** JSON, or `null`. */
    String clientContext() {
        return headers.get("lambda-runtime-client-context");
    }

    /** JSON, or `null`. */
    String identity() {
        return headers.get("lambda-runtime-cognito-identity");
    }

    int remainingMilliseconds() {
        long deadline = Long.parseLong(headers.getOrDefault("lambda-runtime-deadline-ms", "0"));
        long remaining = Math.max(0, deadline - System.currentTimeMillis());
        return (int) Math.min(remaining, Integer.MAX_VALUE);
    }
}
