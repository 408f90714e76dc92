package swiftlet.runtime;

import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The function's log: `System.out` and `System.err` as they are, and the logger of the context in Lambda's formats. */
final class Log {
    private static final List<String> LEVELS = Arrays.asList("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL");
    /** The level of a line whose writer names none; such lines are never filtered. */
    static final String NO_LEVEL = "UNDEFINED";
    private static final DateTimeFormatter TIMESTAMP =
            DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'").withZone(ZoneOffset.UTC);
    private static final int BUFFER_BYTES = 8192;

    private final boolean isJSON;
    private final int lowest;
    /** Not `System.out`, which the function may replace or close. */
    private final PrintStream output = stream(FileDescriptor.out);
    private volatile Invoke invoke;

    Log(Map<String, String> environment) {
        isJSON = "JSON".equalsIgnoreCase(environment.get("AWS_LAMBDA_LOG_FORMAT"));
        String level = environment.getOrDefault("AWS_LAMBDA_LOG_LEVEL", "");
        lowest = isJSON ? LEVELS.indexOf(level.toUpperCase(Locale.ROOT)) : -1;
    }

    /** Lines leave when they end, and what is left of them when an invoke does. */
    static void replaceStandardStreams() {
        System.setOut(stream(FileDescriptor.out));
        System.setErr(stream(FileDescriptor.err));
    }

    static void flushStandardStreams() {
        System.out.flush();
        System.err.flush();
    }

    private static PrintStream stream(FileDescriptor descriptor) {
        OutputStream bytes = new BufferedOutputStream(new FileOutputStream(descriptor), BUFFER_BYTES);
        return new PrintStream(bytes, true, StandardCharsets.UTF_8);
    }

    /** Names the invoke that lines belong to from now on. */
    void setInvoke(Invoke invoke) {
        this.invoke = invoke;
    }

    /** What the function gives to its logger. */
    void write(String message, String level) {
        if (!level.equals(NO_LEVEL) && LEVELS.indexOf(level) < lowest) {
            return;
        }
        line(isJSON ? Writer.write(record(message, level)) : message);
    }

    /** What the function gives to its logger as bytes: they are the line, whatever the format. */
    synchronized void write(byte[] message) {
        System.out.flush();
        output.write(message, 0, message.length);
        output.flush();
    }

    /** An error that the runtime has met. */
    void error(FunctionError error) {
        if (isJSON) {
            Map<String, Object> record = record(error.report(), "ERROR");
            error.payload().forEach((name, value) -> {
                if (!name.equals("cause")) {
                    record.put(name, value);
                }
            });
            line(Writer.write(record));
        } else {
            line(error.report());
        }
    }

    private Map<String, Object> record(String message, String level) {
        Map<String, Object> record = new LinkedHashMap<>();
        record.put("timestamp", TIMESTAMP.format(Instant.now()));
        record.put("message", message);
        record.put("level", level);
        if (invoke != null) {
            record.put("AWSRequestId", invoke.id());
            if (invoke.tenantID() != null) {
                record.put("tenantId", invoke.tenantID());
            }
        }
        return record;
    }

    /** In one write, so that lines of several threads stay apart. */
    private void line(String text) {
        write((text.endsWith("\n") ? text : text + "\n").getBytes(StandardCharsets.UTF_8));
    }
}
