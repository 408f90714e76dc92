package swiftlet.runtime;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A failure of the function as Lambda reports it: to the caller as JSON, to the log as text. */
final class FunctionError extends Exception {
    private static final long serialVersionUID = 1;
    /** The frames from here on are not the function's. */
    private static final String OWN_PACKAGE = "swiftlet.runtime.";
    private static final int CAUSES_MAX = 20;
    private static final String BAD_CODE = "Runtime.BadFunctionCode";

    /** Whether the process has to end after this. */
    final boolean isFatal;
    /** The value of the header that names the error. */
    final String header;
    private final transient Map<String, Object> payload;
    private final String report;

    private FunctionError(Map<String, Object> payload, String report, String header, boolean isFatal) {
        super((String) payload.get("errorMessage"), null, false, false);
        this.header = header;
        this.payload = payload;
        this.report = report;
        this.isFatal = isFatal;
    }

    /** Code of the function has thrown. */
    static FunctionError thrown(Throwable thrown) {
        cut(thrown, Collections.newSetFromMap(new IdentityHashMap<>()));
        boolean isFatal = thrown instanceof VirtualMachineError || thrown instanceof java.io.IOError;
        return new FunctionError(
                payload(thrown, 0), message(thrown) + ": " + typed(thrown), "Runtime.UserException", isFatal);
    }

    /** The function's class could not be loaded or made, which is an error of the init phase. */
    static FunctionError atInit(Throwable thrown) {
        FunctionError error = thrown(thrown);
        return new FunctionError(error.payload, error.report, BAD_CODE, true);
    }

    /** The same with a message of the runtime's. */
    static FunctionError loading(String className, Throwable thrown) {
        FunctionError error = atInit(thrown);
        String reason = thrown.getMessage() == null ? "" : ": " + thrown.getMessage();
        error.payload.put("errorMessage", "Error loading class " + className + reason);
        return error;
    }

    /** Something is wrong with the handler's name or shape; the first invoke says it. */
    static FunctionError handler(String message) {
        Map<String, Object> payload = new LinkedHashMap<>();
        payload.put("errorMessage", message);
        return new FunctionError(payload, message + "\n", BAD_CODE, false);
    }

    static FunctionError missingClass(String className, Throwable thrown) {
        FunctionError error = handler("Class not found: " + className);
        error.payload.put("errorType", thrown.getClass().getName());
        return error;
    }

    String json() {
        return Writer.write(payload);
    }

    /** What the log gets. */
    String report() {
        return report;
    }

    Map<String, Object> payload() {
        return payload;
    }

    private static Map<String, Object> payload(Throwable thrown, int depth) {
        Map<String, Object> payload = new LinkedHashMap<>();
        payload.put("errorMessage", message(thrown));
        payload.put("errorType", thrown.getClass().getName());
        List<String> trace = new ArrayList<>();
        for (StackTraceElement frame : thrown.getStackTrace()) {
            trace.add(frame.toString());
        }
        payload.put("stackTrace", trace);
        if (thrown.getCause() != null && depth < CAUSES_MAX) {
            payload.put("cause", payload(thrown.getCause(), depth + 1));
        }
        return payload;
    }

    private static String message(Throwable thrown) {
        String message;
        try {
            message = thrown.getLocalizedMessage();
        } catch (RuntimeException e) {
            // The user's own method.
            message = null;
        }
        return message == null ? thrown.getClass().getName() : message;
    }

    private static String typed(Throwable thrown) {
        StringWriter trace = new StringWriter();
        try {
            thrown.printStackTrace(new PrintWriter(trace));
        } catch (RuntimeException e) {
            trace.append("(its trace cannot be printed)\n");
        }
        return thrown.getClass().getName() + "\n" + trace;
    }

    /** Takes the runtime's frames, and the reflection between these and the function's, off an error and its causes. */
    private static void cut(Throwable thrown, Set<Throwable> done) {
        if (thrown == null || !done.add(thrown)) {
            return;
        }
        StackTraceElement[] frames = thrown.getStackTrace();
        int end = 0;
        while (end < frames.length && !frames[end].getClassName().startsWith(OWN_PACKAGE)) {
            end += 1;
        }
        if (end < frames.length) {
            while (end > 0 && isReflection(frames[end - 1].getClassName())) {
                end -= 1;
            }
            thrown.setStackTrace(Arrays.copyOf(frames, end));
        }
        cut(thrown.getCause(), done);
        for (Throwable suppressed : thrown.getSuppressed()) {
            cut(suppressed, done);
        }
    }

    private static boolean isReflection(String className) {
        return className.startsWith("java.lang.reflect.") || className.startsWith("jdk.internal.reflect.");
    }
}
