package swiftlet.runtime;

import java.io.IOException;
import java.util.Map;

/**
 * Lambda's Java runtime, started as `java … swiftlet.runtime.Main HANDLER` in the function's directory: loads the
 * handler, then takes one invoke after the other from the Runtime API until it is killed.
 */
public final class Main {
    private static final int EXIT_INIT_ERROR = 1;
    private static final int EXIT_FATAL_ERROR = 1;
    private static final int EXIT_RUNTIME_API_LOST = 1;
    private static final String LAYERS = "/opt/java";
    /** Where tracing libraries look for the trace of the invoke; Java has no way to change a variable. */
    private static final String TRACE_PROPERTY = "com.amazonaws.xray.traceHeader";

    private final Map<String, String> environment = System.getenv();
    private final Log log = new Log(environment);
    private final RuntimeClient client = new RuntimeClient(environment.get("AWS_LAMBDA_RUNTIME_API"), log);
    private Handler handler;
    /** Why there is no handler; every invoke is told. */
    private FunctionError obstacle;

    private Main() {}

    public static void main(String[] arguments) {
        Log.replaceStandardStreams();
        Main main = new Main();
        try {
            main.load(arguments.length > 0 ? arguments[0] : main.environment.getOrDefault("_HANDLER", ""));
            while (true) {
                main.serve(main.client.next());
            }
        } catch (IOException e) {
            main.log.write("Runtime API error: " + e.getMessage(), "ERROR");
            end(EXIT_RUNTIME_API_LOST);
        }
    }

    private void load(String name) throws IOException {
        String root = environment.getOrDefault("LAMBDA_TASK_ROOT", System.getProperty("user.dir"));
        ClassLoader loader = FunctionClasses.loader(root, LAYERS);
        Thread.currentThread().setContextClassLoader(loader);
        FunctionClasses.installLogger(loader, log);
        try {
            handler = Handler.load(name, loader);
        } catch (FunctionError e) {
            if (e.isFatal) {
                log.error(e);
                client.failInit(e);
                end(EXIT_INIT_ERROR);
            }
            obstacle = e;
        }
        Log.flushStandardStreams();
    }

    private void serve(Invoke invoke) throws IOException {
        log.setInvoke(invoke);
        if (invoke.traceID() == null) {
            System.clearProperty(TRACE_PROPERTY);
        } else {
            System.setProperty(TRACE_PROPERTY, invoke.traceID());
        }
        try {
            if (obstacle != null) {
                throw obstacle;
            }
            byte[] response = handler.call(invoke, type -> InvokeContext.make(type, invoke, environment, log));
            Log.flushStandardStreams();
            client.respond(invoke, response);
        } catch (FunctionError e) {
            Log.flushStandardStreams();
            log.error(e);
            client.fail(invoke, e);
            if (e.isFatal) {
                end(EXIT_FATAL_ERROR);
            }
        } catch (OutOfMemoryError | StackOverflowError e) {
            // Met by the runtime itself, on behalf of the function: a response that does not fit into memory.
            FunctionError error = FunctionError.thrown(e);
            log.error(error);
            client.fail(invoke, error);
            end(EXIT_FATAL_ERROR);
        }
        // What the function did to its own thread is not the next invoke's.
        Thread.interrupted();
    }

    private static void end(int status) {
        Log.flushStandardStreams();
        System.exit(status);
    }
}
